import StorageTesting
import StoreFormat
import Testing
import Threads

@testable import Strata

/// Which openings of a store exclude each other, and what happens to an engine whose store is taken
/// away.
@Suite("The lock of a store") struct LockTests {
    let store = TestStore()
    private var lock: String { store.path + "/strata.lock" }

    init() throws {
        try store.with { engine, session in _ = try engine.load("a", 2, mark: 1, session) }
    }

    @Test func readersShareAndKeepWritersOut() throws {
        let first = try store.open { $0.access = .readOnly }
        let second = try store.open { $0.access = .readOnly }
        // The last writer's number is not the holder's.
        try writeFile(lock, Array("\(getpid())\n".utf8))
        let error = expectError(.storeLocked) { _ = try store.open() }
        #expect(error?.message.hasSuffix("is open for reading elsewhere") == true)
        try first.close()
        expectError(.storeLocked) { _ = try store.open() }
        try second.close()
        let writer = try store.open()
        let refused = expectError(.storeLocked) { _ = try store.open { $0.access = .readOnly } }
        #expect(refused?.message.contains("another engine of this process") == true)
        try writer.close()
        #expect(try readFile(lock).isEmpty)
    }

    /// A child has every descriptor from its start until it executes its program.
    @Test(arguments: [EngineOptions.Access.readWrite, .readOnly])
    func closingEndsTheLockThoughAChildHasItsDescriptors(_ access: EngineOptions.Access) throws {
        let engine = try store.open { $0.access = access }
        let shared = try duplicates(of: [store.path, lock])
        defer { for descriptor in shared { close(descriptor) } }
        #expect(shared.count >= 2)
        try engine.close()
        try store.with { _, _ in }
    }

    /// A child that ends as a copy of its parent gives nothing back that is the parent's.
    @Test func aChildThatEndsLeavesTheLock() throws {
        let symbol = try #require(unsafe dlsym(nil, "fork"))
        let fork = unsafe unsafeBitCast(symbol, to: (@convention(c) () -> pid_t).self)
        let held = HeldLock(try StoreLock(directory: FilePath(store.path), for: .writing))
        let child = fork()
        if child == 0 {
            held.release()
            _exit(0)
        }
        #expect(child > 0)
        var status: CInt = 0
        #expect(unsafe waitpid(child, &status, 0) == child && status == 0)
        let error = expectError(.storeLocked) { _ = try store.open() }
        #expect(error?.message.contains("(\(getpid()))") == true)
        held.release()
        try store.with { _, _ in }
    }

    private final class HeldLock {
        private var lock: StoreLock?
        init(_ lock: consuming StoreLock) { self.lock = consume lock }
        func release() { lock = nil }
    }

    /// Descriptors that share the open files of every descriptor of the files. Other tests of the
    /// process have many descriptors too.
    private func duplicates(of paths: [String]) throws -> [CInt] {
        let files = try paths.map { path in
            var status = stat()
            try #require(stat(path, &status) == 0)
            return [UInt64(status.st_dev), UInt64(status.st_ino)]
        }
        let found = (CInt(3)..<65536).filter { number in
            var status = stat()
            return fstat(number, &status) == 0
                && files.contains([UInt64(status.st_dev), UInt64(status.st_ino)])
        }
        return found.map { dup($0) }
    }

    /// A lock file left by a dead process, or with other contents.
    @Test(arguments: ["999999999\n", "-1\n", "x", "", "0\n"])
    func noProcessIsNamedThatDoesNotHoldIt(_ text: String) throws {
        let writer = try store.open()
        try writeFile(lock, Array(text.utf8))
        let error = expectError(.storeLocked) { _ = try store.open() }
        #expect(error?.message.hasSuffix("is in use elsewhere") == true)
        try writer.close()
    }

    @Test(arguments: [true, false])
    func anEngineWhoseLockWasReplacedPublishesNothing(_ isRemoved: Bool) throws {
        let engine = try store.open()
        let session = try engine.makeSession()
        try engine.load("b", 2, mark: 2, session)
        unlink(lock)
        if !isRemoved { try writeFile(lock, []) }
        // The directory's lock still excludes other processes.
        expectError(.storeLocked) { _ = try store.open() }
        if isRemoved { unlink(lock) }
        let before = try readFile(store.path + "/strata.catalog")
        let error = expectError(.storeFailed) { try engine.load("c", 2, mark: 3, session) }
        #expect(error?.underlying?.code == .storeReplaced)
        expectError(.storeFailed) { try engine.checkpoint(session) }
        expectError(.storeFailed) { try engine.dropRelation(named: "a", session: session) }
        #expect(try readFile(store.path + "/strata.catalog") == before)
        #expect(try engine.relation(named: "b").marks(session) == [2, 2])
        session.close()
        expectError(.storeFailed) { try engine.close() }
        #expect(StoreMark(try readFile(store.path + "/strata.clean"))?.isOpen == true)
        try store.with { engine, session in
            #expect(engine.relations.map(\.name) == ["a", "b"])
        }
    }

    /// Another engine that got past the lock has published: what it wrote stays.
    @Test func ofTwoEnginesTheSecondToPublishNotices() throws {
        let engine = try store.open()
        let session = try engine.makeSession()
        try copyTree(store.path, store.other)
        let other = try Engine.open(store.other, options: store.options)
        let twin = try other.makeSession()
        try other.load("b", 2, mark: 2, twin)
        twin.close()
        try other.close()
        let published = try readFile(store.other + "/strata.catalog")
        try writeFile(store.path + "/strata.catalog", published)
        expectError(.storeFailed) { try engine.load("c", 2, mark: 3, session) }
        #expect(try readFile(store.path + "/strata.catalog") == published)
        session.close()
        expectError(.storeFailed) { try engine.close() }
    }

    /// Nor does it cut or remove what the other one has written.
    @Test(arguments: ["magnetic", "compressed"])
    func anEngineThatLostItsStoreCutsNothing(_ manager: String) throws {
        try store.with { engine, session in
            _ = try engine.load("r", 10, mark: 1, session, manager: manager)
        }
        let engine = try store.open()
        let session = try engine.makeSession()
        let unfinished = try engine.beginLoad(LoadTarget(relation: "c"), session: session)
        try unfinished.add(2, mark: 3)
        let relation = try engine.relation(named: "r")
        try copyTree(store.path, store.other)
        let other = try Engine.open(store.other, options: store.options)
        let twin = try other.makeSession()
        try other.load("r", 10, mark: 2, twin, mode: .append)
        twin.close()
        try other.close()
        for name in names(in: store.other + "/base/1").map({ "base/1/\($0)" }) + ["strata.catalog"]
        {
            try writeFile("\(store.path)/\(name)", readFile("\(store.other)/\(name)"))
        }
        let before = try snapshot(store.path + "/base")
        expectError(.storeFailed) { try engine.load("r", 2, mark: 3, session, mode: .append) }
        expectError(.storeFailed) { _ = try relation.extend(session: session) }
        expectError(.storeFailed) { try engine.compact(relation: "r", session: session) }
        unfinished.abort()
        #expect(try snapshot(store.path + "/base") == before)
        session.close()
        expectError(.storeFailed) { try engine.close() }
        try store.with { engine, session in
            let marks = try engine.relation(named: "r").marks(session)
            #expect(marks == Array(repeating: 1, count: 10) + Array(repeating: 2, count: 10))
        }
    }

    /// Nor does it record in a compressed relation's own files what it has written there.
    @Test func anEngineThatLostItsStoreRecordsNothing() throws {
        try store.with { engine, session in
            _ = try engine.load("r", 10, mark: 1, session, manager: "compressed")
        }
        let engine = try store.open()
        let session = try engine.makeSession()
        let load = try engine.beginLoad(
            LoadTarget(relation: "r", schema: TestStore.schema, mode: .append), session: session)
        try load.add(40, mark: 3)
        try copyTree(store.path, store.other)
        let other = try Engine.open(store.other, options: store.options)
        let twin = try other.makeSession()
        try other.load("r", 10, mark: 2, twin, mode: .append)
        twin.close()
        try other.close()
        for name in names(in: store.other + "/base/1").map({ "base/1/\($0)" }) + ["strata.catalog"]
        {
            try writeFile("\(store.path)/\(name)", readFile("\(store.other)/\(name)"))
        }
        let before = try readFile(store.path + "/base/1/16385.map")
        expectError(.storeFailed) { _ = try load.commit() }
        expectError(.storeFailed) { try engine.checkpoint(session) }
        session.close()
        expectError(.storeFailed) { try engine.close() }
        #expect(try readFile(store.path + "/base/1/16385.map") == before)
    }

    @Test(arguments: ["symbolic link", "directory", "not a file"])
    func whatIsNoFileIsRefused(_ kind: String) throws {
        unlink(lock)
        switch kind {
        case "symbolic link": #expect(symlink(store.path + "/elsewhere", lock) == 0)
        case "directory": #expect(mkdir(lock, 0o700) == 0)
        default: #expect(mkfifo(lock, 0o600) == 0)
        }
        for access: EngineOptions.Access in [.readOnly, .readWrite] {
            let error = expectError(.fileOpenFailed) { _ = try store.open { $0.access = access } }
            #expect(error?.description.contains(kind) == true, "\(error?.description ?? "")")
            #expect(error?.description.contains("cycle") == false)
        }
        #expect(!names(in: store.path).contains("elsewhere"))
    }

    @Test func aStoreWithoutLockFileCanBeLookedAt() throws {
        unlink(lock)
        let engine = try store.open { $0.access = .readOnly }
        #expect(!names(in: store.path).contains("strata.lock"))
        expectError(.storeLocked) { _ = try store.open() }
        try engine.close()
    }
}
