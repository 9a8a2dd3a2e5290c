import FileAccess
import StorageTesting
import Testing
import Threads

@testable import Strata

/// Catalogs of another time, relations with missing files, and copies that are kept.
@Suite("Stores with a part of another time") struct RestoredCatalogTests {
    static let managers = ["magnetic", "compressed"]

    private static func load(
        _ engine: Engine, _ manager: String, _ session: Session, mode: LoadTarget.Mode,
        name: String = "t", beforeCommit: () throws -> Void = {}
    ) throws {
        let load = try engine.beginLoad(
            LoadTarget(
                relation: name, schema: TestStore.schema, mode: mode, managerName: manager),
            session: session)
        try load.add(20, mark: 1)
        try beforeCommit()
        try load.commit(rowCount: 20)
    }

    @Test(
        "What a load has committed since is kept where the catalog is put back to its middle",
        arguments: managers)
    func catalogOfALoad(_ manager: String) throws {
        let store = TestStore()
        let path = store.path + "/strata.catalog"
        var middle: [UInt8] = []
        try store.with { engine, session in
            try Self.load(engine, manager, session, mode: .create) { middle = try readFile(path) }
        }
        let new = try readFile(path)
        let before = try store.relationFiles()
        try writeFile(path, middle)
        for access in [EngineOptions.Access.readOnly, .readWrite, .readWrite] {
            let engine = try store.open { $0.access = access }
            #expect(engine.relations.isEmpty)
            #expect(
                engine.recovery.actions.contains { "\($0)".contains("base/1/16384") }, "\(access)")
            try engine.close()
            let files = try store.relationFiles()
            #expect(files == before, "\(access)")
        }
        try writeFile(path, new)
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == Array(repeating: 1, count: 20))
        }
    }

    @Test(
        "What was appended since is kept where the catalog is put back to the load's middle",
        arguments: managers)
    func catalogOfAnAppend(_ manager: String) throws {
        let store = TestStore()
        let path = store.path + "/strata.catalog"
        var middle: [UInt8] = []
        try store.with { engine, session in
            try Self.load(engine, manager, session, mode: .create)
            try Self.load(engine, manager, session, mode: .append) { middle = try readFile(path) }
        }
        let new = try readFile(path)
        try writeFile(path, middle)
        for _ in 0..<2 {
            try store.with { engine, session in
                let relation = try engine.relation(named: "t")
                let marks = try relation.marks(session)
                #expect(marks.count == 20)
            }
        }
        try writeFile(path, new)
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks.count == 40)
        }
    }

    @Test("Remains are undone after a crash, and with the mark of that catalog")
    func remainsOfACrash() throws {
        let store = TestStore()
        let path = store.path + "/strata.catalog"
        var middle: [UInt8] = []
        try store.with { engine, session in
            try Self.load(engine, "magnetic", session, mode: .create) {
                middle = try readFile(path)
            }
        }
        unlink(store.path + "/strata.clean")
        try writeFile(path, middle)
        try store.with { engine, _ in #expect(engine.recovery.actions.count == 1) }
        let files = try store.relationFiles()
        #expect(files == [])
    }

    @Test(
        "Of a dropped relation whose first file is missing, all files go",
        arguments: IOMethodMatrix.all)
    func missingFirstSegment(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            // Segments of eight blocks.
            try Self.load(engine, "magnetic", session, mode: .create)
        }
        let directory = store.path + "/base/1"
        #expect(names(in: directory) == ["16384", "16384.1", "16384.2"])
        unlink(directory + "/16384")
        try writeFile(directory + "/16384_fsm.1", [1])
        try store.with { engine, session in
            try engine.dropRelation(named: "t", session: session)
            try engine.checkpoint(session)
            #expect(names(in: directory) == [])
            let orphans = try engine.orphans()
            #expect(orphans == [])
        }
        try store.with { engine, _ in #expect(engine.recovery.actions.isEmpty) }
    }

    @Test("A program that knows no kept copies refuses a store with kept copies")
    func keptCopiesRaiseTheVersion() throws {
        let store = TestStore()
        let engine = try store.open()
        let session = try engine.makeSession()
        try Self.load(engine, "magnetic", session, mode: .create)
        do {
            let relation = try engine.relation(named: "t")
            try engine.checkpoint(session)
            try relation.page(BlockNumber(3), session: session).fill(2)
        }
        try engine.buffers.flushAll(session: session)
        try copyTree(store.path, store.other)
        session.close()
        try engine.close()

        let path = store.other + "/strata.catalog"
        try writeFile(path, OlderCatalog.version1(of: readFile(path)))
        unlink(store.other + "/base/1/16384")
        let again = try Engine.open(store.other, options: store.options)
        #expect(names(in: store.other).contains("strata.journal.kept"))
        // Read before the opening replaces it.
        let version = try readFile(path)[8]
        #expect(version >= 2)
        try again.close()
    }

    @Test("With a full disk, pages that no longer match their count stay in memory")
    func fullDisk() throws {
        let store = TestStore()
        try store.open().close()
        let files = FullForCatalogs()
        let engine = try store.open { $0.fileSystem = files }
        let session = try engine.makeSession()
        try Self.load(engine, "magnetic", session, mode: .create)
        try engine.load("other", 200, mark: 4, session)
        try engine.checkpoint(session)
        let relation = try engine.relation(named: "t")
        do {
            let page = try relation.page(BlockNumber(3), session: session)
            try page.fill(9)
        }
        files.isFull = true
        let error = expectError(.fileWriteFailed) {
            try engine.buffers.flush(relation.open, session: session)
        }
        #expect(error?.errorNumber == ENOSPC && error?.location.relation == "t")
        #expect(error?.remedy?.contains("Free space") == true)
        // Readers that need buffers find others, or get the same error.
        do {
            let marks = try engine.relation(named: "other").marks(session)
            #expect(marks == Array(repeating: 4, count: 200))
        } catch let error as StorageError {
            #expect(error.errorNumber == ENOSPC && error.remedy != nil)
        }
        files.isFull = false
        try engine.checkpoint(session)
        #expect(relation.rowCount == nil)
        let page = try relation.page(BlockNumber(3), session: session)
        let mark = try page.withView { view in try view.mark(3) }
        #expect(mark == 9)
        page.release()
        session.close()
        try engine.close()
    }

    @Test("A fork that claims the greatest possible length is verified at once")
    func longestFork() throws {
        let store = TestStore()
        try store.with { engine, session in
            try Self.load(engine, "compressed", session, mode: .create)
            let storage = try engine.relation(named: "t").open.storage
            try storage.create(.visibilityMap, ifMissing: false)
            try storage.zeroExtend(
                .visibilityMap, from: 0, count: Int(BlockNumber.maximumCount), sync: .register)
            try engine.checkpoint(session)
            let report = try engine.verify(session: session)
            #expect(report.findings == 0 && report.pagesChecked < 1000)
        }
        try store.with { engine, session in
            let report = try engine.verify(session: session)
            #expect(report.findings == 0 && report.pagesChecked < 1000)
        }
    }
}

/// The kernel's file system, without room for a new catalog.
private final class FullForCatalogs: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let state = Lock(
        (isFull: false, catalogs: Set<CInt>()), rank: .observer)

    var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let descriptor = underlying.open(path, in: root, flags)
        state.withLock { state in
            state.catalogs.remove(descriptor)
            if path == "strata.catalog.new" { state.catalogs.insert(descriptor) }
        }
        return descriptor
    }

    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        let fails = state.withLock { $0.isFull && $0.catalogs.contains(descriptor) }
        return fails ? -Int(ENOSPC) : unsafe underlying.write(descriptor, vectors, at: offset)
    }
}
