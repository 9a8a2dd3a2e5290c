import FileAccess
import StorageTesting
import StoreFormat
import Testing
import Threads

@testable import Strata

/// The mark of a closed or open store: it saves syncs, and is never wrong.
@Suite("The mark of a store") struct StoreMarkTests {
    let store = TestStore()
    private var mark: String { store.path + "/strata.clean" }

    /// Nil without a sound mark.
    private var isMarkedClosed: Bool? {
        get throws { StoreMark(try readFile(mark)).map { !$0.isOpen } }
    }

    init() throws {
        try store.with { engine, session in
            for name in ["a", "b", "c"] { try engine.load(name, 10, mark: 1, session) }
        }
    }

    @Test(arguments: ["magnetic", "compressed"])
    func afterACleanEndNoRelationIsSynced(_ manager: String) throws {
        try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "d", managerName: manager), session: session)
            try load.add(10, mark: 1)
            try load.commit()
        }
        let files = CountingFiles()
        let engine = try store.open { $0.fileSystem = files }
        #expect(engine.recovery.endedCleanly && engine.recovery.syncedFiles == 0)
        // The mark's own file.
        #expect(files.syncs == 1)
        #expect(try isMarkedClosed == false)
        let crashed = try snapshot(store.path)
        try engine.close()
        #expect(try isMarkedClosed == true)

        unlink(mark)
        let again = CountingFiles()
        let second = try store.open { $0.fileSystem = again }
        #expect(!second.recovery.endedCleanly && second.recovery.actions.isEmpty)
        let count = crashed.keys.filter { $0.hasPrefix("base/1/") }.count
        #expect(second.recovery.syncedFiles == count && again.syncs >= count)
        try second.close()
    }

    /// Many files are made durable by one call, and each is still looked at.
    @Test func afterACrashOneCallSyncsManyFiles() throws {
        let count = try snapshot(store.path).keys.filter { $0.hasPrefix("base/1/") }.count
        var byOne = 0
        for together in [1000, 2] {
            unlink(mark)
            let files = CountingFiles()
            let engine = try store.open {
                $0.fileSystem = files
                $0.filesSyncedTogether = together
            }
            #expect(engine.recovery.syncedFiles == count)
            if together == 1000 {
                #expect(files.syncsOfAll == 0)
                byOne = files.syncs
            } else if files.syncsOfAll > 0 {
                #expect(files.syncs == byOne - count)
            }
            try engine.close()
        }
    }

    /// Other files are nobody's, but no new relation gets the number that one's name begins with.
    @Test func afterACrashOnlyFilesOfRelationsAreSynced() throws {
        let (of, beside) = try store.with { engine, session in
            let number = try engine.relation(named: "c").locator.number
            return (number, number + 1)
        }
        for name in ["\(of).blob", "\(beside).blob"] {
            try writeFile(store.path + "/base/1/\(name)", [1])
        }
        unlink(mark)
        let files = CountingFiles()
        let engine = try store.open { $0.fileSystem = files }
        let count = try snapshot(store.path).keys.filter { $0.hasPrefix("base/1/") }.count
        #expect(engine.recovery.syncedFiles == count - 2, "all but the strange files")
        let session = try engine.makeSession()
        try engine.load("d", 1, mark: 1, session)
        #expect(try engine.relation(named: "d").locator.number > beside)
        session.close()
        try engine.close()
        #expect(try readFile(store.path + "/base/1/\(beside).blob") == [1])
    }

    @Test func aMarkIsGoodOnlyWhereItWasLeft() throws {
        func isClean(_ path: String) throws -> Bool {
            let engine = try Engine.open(path, options: store.options)
            defer { try? engine.close() }
            return engine.recovery.endedCleanly
        }
        #expect(try isClean(store.path))
        try copyTree(store.path, store.other)
        #expect(try !isClean(store.other), "a copy of the store")
        #expect(try isClean(store.path))

        // An older mark written over the newer one, in the same file.
        let old = try readFile(mark)
        try store.with { engine, session in _ = try engine.load("e", 1, mark: 1, session) }
        let new = try readFile(mark)
        #expect(old != new)
        try writeFile(mark, old)
        #expect(try !isClean(store.path), "of another generation")
        let sound = try readFile(mark)
        for index in sound.indices {
            var bytes = sound
            bytes[index] ^= 1
            try writeFile(mark, bytes)
            #expect(try !isClean(store.path), "byte \(index)")
            #expect(try readFile(mark).count == sound.count)
        }
        #expect(try isClean(store.path))
        try writeFile(store.path + "/strata.journal.0", [])
        #expect(try !isClean(store.path), "beside a journal")
    }

    /// A catalog that was copied into place may be in the kernel's cache only.
    @Test func doesNotGetAheadOfTheCatalog() throws {
        unlink(mark)
        let files = NamedFailures()
        let synced = Lock<[String]>([], rank: .observer)
        files.set { call, path in
            if call == .sync { synced.withLock { $0.append(path) } }
            return 0
        }
        try store.open { $0.fileSystem = files }.close()
        let order = synced.withLock { $0 }.prefix { $0 != "strata.clean" }
        #expect(order == ["strata.catalog", "strata.control", "."])
    }

    /// Of an empty store that is removed, only the mark can be missing after a power cut.
    @Test func goesBeforeTheControlFile() throws {
        let empty = TestStore()
        try empty.open().close()
        let files = NamedFailures()
        let done = Lock<[String]>([], rank: .observer)
        files.set { call, path in
            if call == .sync || call == .unlink { done.withLock { $0.append(path) } }
            return 0
        }
        var configuration = FileAccessConfiguration()
        configuration.fileSystem = files
        try StoreDirectory.removeStore(
            try FileAccess(directory: empty.path, configuration: configuration),
            FilePath(empty.path), keepsDirectory: false)
        let order = done.withLock { $0 }
        #expect(order.starts(with: ["strata.clean", ".", "strata.control", ".", "strata.catalog"]))
        #expect(!isDirectory(empty.path))
    }

    @Test func isNotLeftAfterAFailedSync() throws {
        let files = CountingFiles()
        let engine = try store.open { $0.fileSystem = files }
        let session = try engine.makeSession()
        files.failsSyncs = true
        #expect(throws: StorageError.self) { try engine.load("f", 1, mark: 1, session) }
        files.failsSyncs = false
        session.close()
        #expect(throws: StorageError.self) { try engine.close() }
        #expect(try isMarkedClosed == false)
    }

    /// Nor if another thread works while the store is being closed.
    @Test(arguments: ["magnetic", "compressed"], [true, false])
    func isNotLeftOnAStoreThatOthersChange(_ manager: String, _ writes: Bool) throws {
        let files = NamedFailures()
        let engine = try store.open { $0.fileSystem = files }
        let session = try engine.makeSession()
        try engine.load("d", 10, mark: 1, session, manager: manager)
        @Sendable func change(_ mark: UInt8, _ session: Session) throws {
            let relation = try engine.relation(named: "d")
            try relation.page(BlockNumber(1), session: session).fill(mark)
        }
        try change(2, session)
        try engine.checkpoint(session)
        session.close()
        // The last act of closing before the mark is to read the catalog.
        files.set { call, path in
            guard call == .open, path == "strata.catalog" else { return 0 }
            do {
                try TestThreads.run(1) { _ in
                    let session = try engine.makeSession()
                    defer { session.close() }
                    try change(3, session)
                    if writes { try engine.buffers.flushAll(session: session) }
                }
            } catch { Issue.record(error) }
            return 0
        }
        try engine.close()
        files.set { _, _ in 0 }
        #expect(try isMarkedClosed == false)
        #expect(store.log.messages.contains { $0.contains("another thread") })
        try store.with { engine, _ in #expect(!engine.recovery.endedCleanly) }
    }

    /// The store opens all the same, and does not count as closed afterwards.
    @Test(arguments: IOMethodMatrix.real)
    func cannotBeWritten(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in _ = try engine.load("a", 10, mark: 1, session) }
        let files = MarkRefusingFiles(failsRemoval: false)
        do {
            let engine = try store.open { $0.fileSystem = files }
            #expect(engine.recovery.endedCleanly)
            let session = try engine.makeSession()
            try engine.load("b", 10, mark: 2, session)
            session.close()
        }
        #expect(files.refused > 0)
        try store.with { engine, session in
            #expect(!engine.recovery.endedCleanly)
            let marks = try engine.relation(named: "b").marks(session)
            #expect(marks.count == 10)
        }
    }

    /// Otherwise what is written next would count as durable.
    @Test func canNeitherBeWrittenNorRemoved() throws {
        let before = try snapshot(store.path)
        let files = MarkRefusingFiles(failsRemoval: true)
        #expect(throws: StorageError.self) { _ = try store.open { $0.fileSystem = files } }
        #expect(try snapshot(store.path) == before)
    }

    @Test func followsTheCatalog() throws {
        let catalog = store.path + "/strata.catalog"
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            for name in ["d", "e"] {
                try engine.load(name, 1, mark: 1, session)
                let found = try #require(StoreMark(readFile(mark)))
                let published = try Catalog(readFile(catalog), control: engine.control)
                #expect(found.generation == published.generation)
            }
            session.close()
        }
        #expect(try isMarkedClosed == false)
    }

    @Test func aStoreInWhichNothingChangesIsTheSameAfterwards() throws {
        let before = try snapshot(store.path)
        try store.with { engine, session in
            let moved = try engine.compact(relation: "a", session: session)
            #expect(moved == 0)
        }
        #expect(try snapshot(store.path) == before)
    }

    /// Something else in its place is not a mark, and stays if it cannot be a mark.
    @Test func somethingElseInItsPlace() throws {
        unlink(mark)
        #expect(mkdir(mark, 0o700) == 0)
        try store.with { engine, session in
            #expect(!engine.recovery.endedCleanly)
            try engine.load("g", 1, mark: 1, session)
        }
        #expect(isDirectory(mark))
        rmdir(mark)
        #expect(symlink(store.path + "/strata.catalog", mark) == 0)
        let before = try readFile(store.path + "/strata.catalog")
        try store.with { engine, _ in #expect(!engine.recovery.endedCleanly) }
        #expect(try readFile(store.path + "/strata.catalog") == before)
        try store.with { engine, _ in #expect(engine.recovery.endedCleanly) }
    }
}

/// The kernel's file system, which refuses to write into the mark.
private final class MarkRefusingFiles: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let failsRemoval: Bool
    private let state = Lock((marks: Set<CInt>(), refused: 0), rank: .observer)

    init(failsRemoval: Bool) { self.failsRemoval = failsRemoval }

    var refused: Int { state.withLock { $0.refused } }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let descriptor = underlying.open(path, in: root, flags)
        state.withLock { state in
            state.marks.remove(descriptor)
            if path == StoreMark.fileName { state.marks.insert(descriptor) }
        }
        return descriptor
    }

    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        let isRefused = state.withLock { state in
            if !state.marks.contains(descriptor) { return false }
            state.refused += 1
            return true
        }
        return isRefused ? -Int(EIO) : unsafe underlying.write(descriptor, vectors, at: offset)
    }

    func unlink(_ path: String, in root: CInt) -> CInt {
        failsRemoval && path == StoreMark.fileName ? -EIO : underlying.unlink(path, in: root)
    }
}

/// The kernel's file system, with syncs counted or failing.
final class CountingFiles: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let state = Lock(
        (syncs: 0, syncsOfAll: 0, failsSyncs: false), rank: .observer)

    var syncs: Int { state.withLock { $0.syncs } }
    /// How many syncs of all the file system could do.
    var syncsOfAll: Int { state.withLock { $0.syncsOfAll } }
    var failsSyncs: Bool {
        get { state.withLock { $0.failsSyncs } }
        set { state.withLock { $0.failsSyncs = newValue } }
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        let fails = state.withLock { state in
            state.syncs += 1
            return state.failsSyncs
        }
        return fails ? -EIO : underlying.sync(descriptor, dataOnly: dataOnly)
    }

    func syncAll(_ descriptor: CInt) -> CInt {
        let result = underlying.syncAll(descriptor)
        if result == 0 { state.withLock { $0.syncsOfAll += 1 } }
        return result
    }

    func writeError(_ descriptor: CInt) -> CInt { underlying.writeError(descriptor) }
}
