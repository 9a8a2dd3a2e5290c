import FileAccess
import StorageTesting
import StoreFormat
import Testing
import Threads

@testable import Strata

/// The mark that a clean shutdown leaves: it saves syncs, and is never wrong.
@Suite("The mark of a clean shutdown") struct CleanMarkTests {
    let store = TestStore()
    private var mark: String { store.path + "/strata.clean" }

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
        #expect(try readFile(mark).isEmpty)
        let crashed = try snapshot(store.path)
        try engine.close()
        #expect(try readFile(mark).count == CleanMark.fileSize)

        unlink(mark)
        let again = CountingFiles()
        let second = try store.open { $0.fileSystem = again }
        #expect(!second.recovery.endedCleanly && second.recovery.actions.isEmpty)
        let count = crashed.keys.filter { $0.hasPrefix("base/1/") }.count
        #expect(second.recovery.syncedFiles == count && again.syncs >= count)
        try second.close()
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

    @Test func isNotLeftAfterAFailedSync() throws {
        let files = CountingFiles()
        let engine = try store.open { $0.fileSystem = files }
        let session = try engine.makeSession()
        files.failsSyncs = true
        #expect(throws: StorageError.self) { try engine.load("f", 1, mark: 1, session) }
        files.failsSyncs = false
        session.close()
        #expect(throws: StorageError.self) { try engine.close() }
        #expect(try readFile(mark).isEmpty)
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

/// The kernel's file system, with syncs counted or failing.
final class CountingFiles: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let state = Lock((syncs: 0, failsSyncs: false), rank: .observer)

    var syncs: Int { state.withLock { $0.syncs } }
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
}
