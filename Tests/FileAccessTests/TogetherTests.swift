import AsyncIO
import FileAccess
import StorageTesting
import Testing
import Threads

/// Many files are made durable by one call for their file system.
@Suite struct TogetherTests {
    private struct Store {
        let fixture: Fixture
        let system: IOSystem
        let session: Session
        let queue: SyncQueue
        var files: FileAccess { fixture.files }
        var faults: FaultyFileSystem { fixture.faults }
        /// What was synced, by which call.
        var syncs: [String] { faults.log.filter { $0.hasPrefix("sync") } }

        init(_ method: TestedMethod = TestedMethod(.synchronous)) throws {
            fixture = try Fixture(filesSyncedTogether: 10)
            system = try method.makeSystem()
            session = try system.makeSession()
            queue = try fixture.files.makeSyncQueue(system: system)
        }

        func register(_ count: Int) throws {
            for file in try fixture.makeNamedFiles(count) { queue.register(file) }
            queue.registerDirectory(".")
        }
    }

    /// Whether the temporary directory's file system can do it.
    private func isPossible(_ store: Store) -> Bool {
        let result = store.files.syncTogether(10, in: ["."])
        store.faults.with { $0.log = [] }
        return result
    }

    @Test(arguments: IOMethodMatrix.all)
    func manyFilesTakeOneCall(_ method: TestedMethod) throws {
        let store = try Store(method)
        guard isPossible(store) else { return }
        try store.register(9)
        try store.queue.syncAll(store.session)
        #expect(store.syncs == ["sync all"])
        #expect(store.queue.count == 0 && store.files.statistics.syncs == 10)
    }

    @Test(arguments: IOMethodMatrix.all)
    func fewFilesAreSyncedByThemselves(_ method: TestedMethod) throws {
        let store = try Store(method)
        try store.register(8)
        try store.queue.syncAll(store.session)
        #expect(store.queue.count == 0 && !store.syncs.contains("sync all"))
        #expect(store.files.statistics.syncs == 9)
    }

    /// The failure may be another program's. Whose it was is found out file by file, and the next
    /// success would say nothing of it.
    @Test(arguments: [EIO, EOPNOTSUPP, ENOSPC])
    func afterAFailureEachFileIsSynced(_ errorNumber: CInt) throws {
        let store = try Store()
        store.faults.with { $0.faults[.syncAll] = [errorNumber] }
        for round in 0..<2 {
            try store.register(20)
            try store.queue.syncAll(store.session)
            #expect(store.queue.count == 0)
            #expect(store.syncs.count { $0 == "sync all" } == 1, "\(round)")
            #expect(store.files.statistics.syncs == UInt64(21 * (round + 1)))
        }
    }

    /// A sync of a file that failed stays failed, whatever the file system says of all.
    @Test func anEarlierFailureStays() throws {
        let store = try Store()
        try store.register(20)
        let file = try store.files.open("f3")
        file.syncDidFail(errorNumber: EIO)
        let error = failure { () throws(StorageError) in try store.queue.syncAll(store.session) }
        #expect(error?.code == .fileSyncFailed && error?.location.path == "f3")
        #expect(store.queue.paths == ["f3"])
    }

    /// What lies on another file system is not covered.
    @Test func filesElsewhereAreSyncedByThemselves() throws {
        let store = try Store()
        let (other, here) = (try Elsewhere(), try #require(try store.files.status(of: ".")))
        guard other.device != here.device, isPossible(store) else { return }
        store.fixture.outside.link("away", to: other.path)
        #expect(!store.files.syncTogether(10, in: [".", "away"]))
        _ = try store.fixture.makeNamedFiles(1)
        #expect(store.files.syncTogether(10, in: ["."]))
        try other.write("file")
        store.fixture.outside.link("link", to: other.path + "/file")
        store.faults.with { $0.log = [] }
        #expect(try store.files.syncAfterTogether("f0"))
        #expect(store.syncs.isEmpty)
        #expect(try store.files.syncAfterTogether("link"))
        #expect(store.syncs == ["sync link"])
    }

    @Test func whatWasLostBeforeIsFound() throws {
        let store = try Store()
        guard isPossible(store) else { return }
        _ = try store.fixture.makeNamedFiles(2)
        try store.files.createDirectories("folder")
        #expect(try !store.files.syncAfterTogether("none"))
        #expect(try !store.files.syncAfterTogether("folder"))
        store.faults.with { $0.faults[.writeError] = [EIO] }
        let error = failure { () throws(StorageError) in
            _ = try store.files.syncAfterTogether("f1")
        }
        #expect(error?.code == .fileSyncFailed && error?.location.path == "f1")
        #expect(try store.files.syncAfterTogether("f0"))
        // It stays lost.
        let file = try store.files.open("f1")
        #expect(failure { () throws(StorageError) in try file.sync() }?.code == .fileSyncFailed)
    }
}

/// A directory in memory, which is another file system wherever the tests' own is a disk's.
private final class Elsewhere {
    let path: String
    let device: UInt64

    init() throws {
        let path = "/dev/shm/strata-elsewhere-\(UInt64.random(in: 0...UInt64.max))"
        self.path = path
        _ = unsafe mkdir(path, 0o700)
        let files = try FileAccess(directory: "/")
        device = try files.status(of: String(path.dropFirst()))?.device ?? 0
    }

    func write(_ name: String) throws {
        let files = try FileAccess(directory: path)
        try files.open(name, .create).writeText(name)
    }

    deinit {
        _ = unsafe unlink(path + "/file")
        _ = unsafe rmdir(path)
    }
}
