import AsyncIO
import FileAccess
import Testing

@Suite struct VirtualFileTests {
    let scratch = ScratchDirectory()

    func makeFiles(limit: Int) throws -> FileAccess {
        var configuration = FileAccessConfiguration()
        configuration.maximumOpenFiles = limit
        return try FileAccess(directory: scratch.path, configuration: configuration)
    }

    @Test(arguments: [1, 4, 32])
    func moreFilesThanDescriptors(limit: Int) throws {
        let files = try makeFiles(limit: limit)
        let open = try (0..<300).map { try files.open("f\($0)", .create) }
        for round in 0..<2 {
            for (number, file) in open.enumerated() {
                try file.writeText("\(round):\(number)  ")
            }
            for (number, file) in open.enumerated().reversed() {
                #expect(try file.readText(5).hasPrefix("\(round):\(number)"))
            }
        }
        let statistics = files.statistics
        #expect(statistics.virtualFiles == 300)
        #expect(statistics.kernelDescriptors == limit)
        #expect(statistics.evictions >= 300)
        #expect(statistics.overruns == 0)
    }
}
