import AsyncIO
import CompressedDisk
import StorageManager
import StorageTesting
import Testing

@Suite("Compressed relations")
struct ConformanceTests {
    @Test(
        "conform to the protocol of storage managers", arguments: IOMethodMatrix.all,
        ChunkProperties.chunkSizes)
    func conforms(method: TestedMethod, chunkBytes: Int) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            var configuration = CompressedDiskConfiguration()
            configuration.properties.chunkBytes = chunkBytes
            return try CompressedDisk(
                files: surroundings.files, system: surroundings.system,
                configuration: configuration)
        }
        #expect(suite.violations(under: method).map(\.description) == [])
    }
}
