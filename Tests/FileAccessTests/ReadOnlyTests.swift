import AsyncIO
import FileAccess
import StorageTesting
import Testing

/// Files opened read-only.
@Suite struct ReadOnlyFileTests {
    private let directory = TemporaryDirectory()
    private let fileSystem = ChangeRefusingFileSystem()

    private func makeFiles() throws -> FileAccess {
        let files = try FileAccess(directory: directory.path)
        try files.createDirectories("d/empty")
        try files.open("f", .create).writeText("content")
        var configuration = FileAccessConfiguration()
        configuration.opensReadOnly = true
        configuration.fileSystem = fileSystem
        return try FileAccess(directory: directory.path, configuration: configuration)
    }

    private func expectRefused(
        _ body: () throws(StorageError) -> Void, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = failure(body)
        #expect(error?.code == .storeReadOnly, "\(error as Any)", sourceLocation: sourceLocation)
        #expect(error?.remedy != nil && error?.location.path != nil, sourceLocation: sourceLocation)
    }

    @Test func filesAreNotChanged() throws {
        let files = try makeFiles()
        for options: FileOptions in [.create, .exclusive, .truncate, [.readOnly, .truncate]] {
            expectRefused { () throws(StorageError) in _ = try files.open("f", options) }
            expectRefused { () throws(StorageError) in _ = try files.open("new", options) }
        }
        let file = try files.open("f")
        #expect(try file.readText(7) == "content")
        expectRefused { () throws(StorageError) in try file.writeText("other") }
        expectRefused { () throws(StorageError) in try file.truncate(to: 0) }
        expectRefused { () throws(StorageError) in try file.zeroExtend(from: 8, count: 8) }
        expectRefused { () throws(StorageError) in try file.writeback(at: 0, count: 7) }
        expectRefused { () throws(StorageError) in try file.sync() }
        #expect(fileSystem.refused == [])
    }

    @Test func namesAreNotChanged() throws {
        let files = try makeFiles()
        expectRefused { () throws(StorageError) in try files.rename("f", to: "g") }
        for ifExists in [false, true] {
            expectRefused { () throws(StorageError) in
                try files.remove("f", ifExists: ifExists)
            }
            expectRefused { () throws(StorageError) in
                try files.removeDirectory("d/empty", ifExists: ifExists)
            }
        }
        // A missing file is removed already.
        #expect(try !files.remove("missing", ifExists: true))
        #expect(try !files.removeDirectory("missing", ifExists: true))
        expectRefused { () throws(StorageError) in try files.createDirectories("d/new") }
        expectRefused { () throws(StorageError) in try files.syncDirectory("d") }
        #expect(try files.list() == ["d", "f"])
        #expect(fileSystem.refused == [])
    }

    @Test(arguments: IOMethodMatrix.real) func startedIOIsRefused(method: TestedMethod) throws {
        let files = try makeFiles()
        let core = try Core(method)
        let file = try files.open("f")
        let memory = PageMemory(count: 8192, filledWith: 9)
        expectRefused { () throws(StorageError) in
            _ = try unsafe core.start(.write, memory[0..<8192], file)
        }
        expectRefused { () throws(StorageError) in
            let handle = try core.session.acquireHandle(reporting: nil)
            try handle.setTarget(core.targetID, data: IOTargetData())
            try file.startSync(handle)
        }
        let queue = try files.makeSyncQueue(system: core.system)
        try queue.syncAll(core.session)
        queue.register("f")
        expectRefused { () throws(StorageError) in try queue.syncAll(core.session) }
        let read = try unsafe core.start(.read, memory[0..<8192], file)
        try core.session.wait(for: read.reference)
        #expect(read.report.result.status == .ok)
        #expect(memory.array.starts(with: Array("content".utf8)))
        file.close(core.session)
        core.session.close()
        #expect(fileSystem.refused == [])
    }
}
