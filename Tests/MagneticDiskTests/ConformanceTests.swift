import AsyncIO
import MagneticDisk
import StorageTesting
import Testing

@Suite("Plain files")
struct ConformanceTests {
    @Test(
        "conform to the protocol of storage managers",
        arguments: IOMethodMatrix.allWithPartialTransfers,
        [4, 7, 131_072])
    func conforms(method: TestedMethod, segmentBlocks: Int) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            var configuration = MagneticDiskConfiguration()
            configuration.segmentBlocks = segmentBlocks
            return try MagneticDisk(
                files: surroundings.files, system: surroundings.system,
                configuration: configuration)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }
}
