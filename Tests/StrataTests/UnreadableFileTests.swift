import FileAccess
import StorageTesting
import StoreFormat
import Testing
import Threads

@testable import Strata

/// Files of a store that the system does not give for a while, or no longer.
@Suite("Files that cannot be read") struct UnreadableFileTests {
    private let store = TestStore()
    private let files = NamedFailures()
    private var mark: String { store.path + "/strata.clean" }

    init() throws {
        try store.with { engine, session in _ = try engine.load("a", 10, mark: 1, session) }
    }

    /// A store without a mark is just as valid.
    @Test func aMarkOnABadSectorLocksNothingOut() throws {
        let before = try readFile(mark)
        files.set { call, path in call == .read && path == "strata.clean" ? EIO : 0 }
        for _ in 0..<2 {
            let engine = try store.open { $0.fileSystem = files }
            #expect(!engine.recovery.endedCleanly)
            #expect(engine.recovery.actions == [.leftAlone(path: "strata.clean")])
            let session = try engine.makeSession()
            try engine.load("b", 2, mark: 2, session, mode: .replace)
            session.close()
            try engine.close()
            #expect(try readFile(mark) == before)
        }
    }

    /// A mark that cannot be read for a while may say that the store was closed with its present
    /// catalog. It must not count again after changes that no catalog tells.
    @Test func aMarkThatCanBeReadAgainDoesNotCount() throws {
        files.set { call, path in call == .read && path == "strata.clean" ? EIO : 0 }
        let engine = try store.open { $0.fileSystem = files }
        let crashed = try snapshot(store.path)
        let left = try #require(crashed["strata.clean"])
        #expect(StoreMark(left)?.isOpen == false)
        try engine.close()
        let again = try store.open()
        #expect(!again.recovery.endedCleanly)
        try again.close()
        try store.with { engine, _ in #expect(engine.recovery.endedCleanly) }
    }

    /// Blocks that a later catalog may have counted are not removed, so nothing is at stake.
    @Test func aMarkOnABadSectorDoesNotMatterForUncountedBlocks() throws {
        let old = try readFile(store.path + "/strata.catalog")
        try store.with { engine, session in
            _ = try engine.load("a", 5, mark: 2, session, mode: .append)
        }
        try writeFile(store.path + "/strata.catalog", old)
        try store.open().close()
        files.set { call, path in call == .read && path == "strata.clean" ? EIO : 0 }
        let engine = try store.open { $0.fileSystem = files }
        #expect(
            engine.recovery.actions.contains(.keptBlocks(relation: "a", from: 10)),
            "\(engine.recovery.actions)")
        try engine.close()
    }

    /// A file that belongs to no storage manager is nobody's, whatever its name begins with.
    @Test(arguments: ["magnetic", "compressed"])
    func aStrangeFileThatCannotBeSyncedHarmsNoRelation(_ manager: String) throws {
        let number = try store.with { engine, session in
            try engine.load("b", 2, mark: 3, session, manager: manager).locator.number
        }
        unlink(mark)
        let path = "base/1/\(number).bak"
        try writeFile("\(store.path)/\(path)", [1, 2, 3])
        files.set { $0 == .sync && $1 == path ? EIO : 0 }
        let engine = try store.open { $0.fileSystem = files }
        #expect(engine.recovery.syncedFiles > 0)
        #expect(engine.recovery.actions == [.leftAlone(path: path)])
        let session = try engine.makeSession()
        #expect(try engine.relation(named: "b").marks(session) == [3, 3])
        session.close()
        try engine.close()
    }

    /// The mark may say that the catalog is an older one, whose remains have become relations.
    @Test(arguments: [EIO, EACCES, EPERM, EMFILE, ENOMEM])
    func withAnUnreadableMarkNothingIsUndone(_ errorNumber: CInt) throws {
        let catalog = store.path + "/strata.catalog"
        let old = try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "b", schema: TestStore.schema), session: session)
            let old = try readFile(catalog)
            try load.add(10, mark: 2)
            try load.commit()
            return old
        }
        let new = try readFile(catalog)
        try writeFile(catalog, old)
        let call: NamedFailures.Call = errorNumber == EIO ? .read : .open
        files.set { $0 == call && $1 == "strata.clean" ? errorNumber : 0 }
        do {
            _ = try store.open { $0.fileSystem = files }
            Issue.record("the store was opened")
        } catch { #expect("\(error)".contains("strata.clean"), "\(error)") }
        if errorNumber == EIO {
            try store.open {
                $0.access = .readOnly
                $0.fileSystem = files
            }.close()
        }
        try writeFile(catalog, new)
        try store.with { engine, session in
            let marks = try engine.relation(named: "b").marks(session)
            #expect(marks == Array(repeating: 2, count: 10))
        }
    }

    /// Without descriptors it is unknown how long a relation is, so nothing is recorded.
    @Test(arguments: ["strata.clean", "base/1/16384"])
    func anOlderCatalogIsNotAdoptedWithoutDescriptors(_ path: String) throws {
        let catalog = store.path + "/strata.catalog"
        let old = try readFile(catalog)
        try store.with { engine, session in _ = try engine.load("b", 1, mark: 1, session) }
        try writeFile(catalog, old)
        files.set { $0 == .open && $1 == path ? EMFILE : 0 }
        expectError(.resourcesExhausted) { _ = try store.open { $0.fileSystem = files } }
        files.set { _, _ in 0 }
        let engine = try store.open { $0.fileSystem = files }
        let told = engine.recovery.actions.map(\.description)
        #expect(told.contains { $0.contains("older") }, "\(told)")
        #expect(!told.contains { $0.contains("\"a\"") }, "its length is the catalog's: \(told)")
        try engine.close()
    }

    /// If the mark of the closed store cannot be made, that of the open one stays.
    @Test func aMarkThatWasNotWrittenStays() throws {
        let engine = try store.open { $0.fileSystem = files }
        let before = try readFile(mark)
        files.set { $0 == .status && $1 == "strata.catalog" ? EIO : 0 }
        try engine.close()
        #expect(try readFile(mark) == before)
        #expect(StoreMark(before)?.isOpen == true)
    }
}

/// The kernel's file system, with calls that fail for some paths.
final class NamedFailures: ForwardingFileSystem {
    enum Call {
        case open
        case read
        case status
        case sync
        case unlink
    }

    let underlying = KernelFileSystem()
    private typealias Rule = @Sendable (Call, String) -> CInt
    private let state: Lock<(rule: Rule, paths: [CInt: String])>

    init() { state = Lock(({ _, _ in 0 }, [:]), rank: .observer) }

    /// Sets which calls fail.
    ///
    /// - Parameter rule: gives the `errno` for a call and a path; 0 if the call goes through.
    func set(_ rule: @escaping @Sendable (Call, String) -> CInt) {
        state.withLock { $0.rule = rule }
    }

    private func failure(_ call: Call, _ path: String) -> CInt {
        state.withLock { $0.rule }(call, path)
    }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let failure = failure(.open, path)
        if failure != 0 { return -failure }
        let descriptor = underlying.open(path, in: root, flags)
        state.withLock { $0.paths[descriptor] = path }
        return descriptor
    }

    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        let path = state.withLock { $0.paths[descriptor] ?? "" }
        let failure = failure(.read, path)
        return failure != 0
            ? -Int(failure) : unsafe underlying.read(descriptor, vectors, at: offset)
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        let path = state.withLock { $0.paths[descriptor] ?? "" }
        let failure = failure(.sync, path)
        return failure != 0 ? -failure : underlying.sync(descriptor, dataOnly: dataOnly)
    }

    func unlink(_ path: String, in root: CInt) -> CInt {
        let failure = failure(.unlink, path)
        return failure != 0 ? -failure : underlying.unlink(path, in: root)
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        let failure = failure(.status, path)
        return failure != 0 ? -failure : underlying.status(path, in: root, into: &status)
    }
}
