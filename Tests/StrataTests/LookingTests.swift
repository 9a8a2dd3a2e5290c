import FileAccess
import StorageTesting
import Testing
import Threads

@testable import Strata

/// Read-only access to stores that must not change, or that cannot be made durable.
@Suite("Read-only access where nothing can be written") struct LookingTests {
    /// - Parameter isClosed: whether the store was closed.
    private func makeStore(_ isClosed: Bool) throws -> TestStore {
        let store = TestStore()
        if isClosed {
            try store.with { engine, session in _ = try engine.load("a", 20, mark: 1, session) }
        } else {
            try ReadOnlyTests.leave(store)
        }
        return store
    }

    private func look(_ store: TestStore, _ files: WatchedFiles? = nil) throws {
        let engine = try store.open { options in
            options.access = .readOnly
            if let files { options.fileSystem = files }
        }
        let session = try engine.makeSession()
        #expect(try engine.verify(session: session).findings == 0)
        #expect(try engine.relation(named: "a").marks(session).count == 20)
        session.close()
        try engine.close()
    }

    @Test(arguments: [true, false])
    func noCallChangesOrSyncsAnything(_ isClosed: Bool) throws {
        let store = try makeStore(isClosed)
        let before = try snapshot(store.path)
        let files = WatchedFiles()
        try look(store, files)
        #expect(files.changes == [])
        #expect(try snapshot(store.path) == before)
    }

    /// Runs as an ordinary user in a tree that this user can read but not write.
    @Test(arguments: [true, false], [true, false])
    func withoutPermissionToWrite(_ isClosed: Bool, _ hasLock: Bool) throws {
        let store = try makeStore(isClosed)
        if !hasLock { unlink(store.path + "/strata.lock") }
        let before = try snapshot(store.path)
        #expect(chmod(store.path + "/..", 0o755) == 0)
        func setModes(_ directory: String, _ mode: mode_t, _ fileMode: mode_t) {
            for name in names(in: directory) {
                let path = "\(directory)/\(name)"
                if isDirectory(path) {
                    setModes(path, mode, fileMode)
                } else {
                    chmod(path, fileMode)
                }
            }
            chmod(directory, mode)
        }
        setModes(store.path, 0o555, 0o444)
        defer { setModes(store.path, 0o755, 0o644) }
        let restore = loseRights()
        defer { restore() }
        try look(store)
        let error = expectError(.storeReadOnly) { _ = try store.open() }
        #expect(error?.remedy != nil || error?.underlying?.remedy != nil)
        #expect(try snapshot(store.path) == before)
    }
}

/// The kernel's file system, with every changing call recorded and refused.
final class WatchedFiles: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let noted = Lock<[String]>([], rank: .observer)

    var changes: [String] { noted.withLock { $0 } }

    private func refuse(_ call: String) -> CInt {
        noted.withLock { $0.append(call) }
        return -EROFS
    }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        if !flags.contains(.readOnly) || flags.contains(.create) || flags.contains(.truncate) {
            return refuse("open \(path)")
        }
        return underlying.open(path, in: root, flags)
    }

    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        Int(refuse("write"))
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt { refuse("sync") }
    func truncate(_ descriptor: CInt, to size: Int64) -> CInt { refuse("truncate") }
    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        refuse("allocate")
    }
    func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        refuse("rename \(path)")
    }
    func unlink(_ path: String, in root: CInt) -> CInt { refuse("unlink \(path)") }
    func removeDirectory(_ path: String, in root: CInt) -> CInt { refuse("rmdir \(path)") }
    func makeDirectory(_ path: String, in root: CInt) -> CInt { refuse("mkdir \(path)") }
}
