import FileAccess
import MagneticDisk
import StorageManager
import StorageTesting
import Strata
import Synchronization
import Testing
import Threads

/// Storage managers beside the built-in one, and direct IO.
@Suite struct ManagerTests {
    static let twin = StorageManagerPlugin(id: StorageManagerID(rawValue: 9), name: "twin") {
        context throws(StorageError) in
        try TwinDisk(context)
    }

    /// What stands at names that only a manager of the program's own gives is its relations'.
    @Test func filesOfAnotherManagerAreNoStrangers() throws {
        let store = TestStore()
        func open() throws -> Engine { try store.open { $0.storageManagers = [Self.twin] } }
        var engine = try open()
        var session = try engine.makeSession()
        try engine.load("t", 20, mark: 3, session, manager: "twin")
        session.close()
        try engine.close()
        let paths = ["base/1/16384.blob", "global/16384", "global/16384.blob"]
        for path in paths { try writeFile("\(store.path)/\(path)", [1]) }
        let beside = ["base/1/16385.blob", "global/16385"]
        for path in beside { try writeFile("\(store.path)/\(path)", [1]) }
        unlink(store.path + "/strata.clean")
        for round in 0..<2 {
            engine = try open()
            session = try engine.makeSession()
            #expect(
                engine.recovery.actions == [
                    .leftAlone(path: beside[1]), .leftAlone(path: beside[0]),
                ])
            // The relation has three segments.
            #expect(engine.recovery.syncedFiles == (round == 0 ? 3 + paths.count : 0))
            #expect(try engine.orphans() == [beside[1]])
            if round == 1 { #expect(try engine.removeOrphans(session: session) == [beside[1]]) }
            session.close()
            try engine.close()
            for path in paths { #expect(try readFile("\(store.path)/\(path)") == [1]) }
        }
    }

    /// A catalog that is put back later may know the relation.
    @Test(arguments: ["base/1/16384.blob", "global/16384"])
    func copiesOfPagesOfAnotherManagerAreKept(_ path: String) throws {
        let store = TestStore()
        let engine = try store.open { $0.storageManagers = [Self.twin] }
        let session = try engine.makeSession()
        let empty = try readFile(store.path + "/strata.catalog")
        let relation = try engine.load("t", 5, mark: 3, session, manager: "twin")
        try engine.checkpoint(session)
        try relation.page(BlockNumber(3), session: session).fill(2)
        try engine.buffers.flushAll(session: session)
        try copyTree(store.path, store.other)
        session.close()
        try engine.close()
        unlink(store.other + "/strata.clean")
        try writeFile(store.other + "/strata.catalog", empty)
        #expect(rename(store.other + "/base/1/16384", "\(store.other)/\(path)") == 0)
        try Engine.open(store.other, options: store.options).close()
        #expect(names(in: store.other).contains("strata.journal.kept"))
    }

    @Test(arguments: IOMethodMatrix.all)
    func relationsOfAnotherManager(_ method: TestedMethod) throws {
        let store = TestStore(method)
        func open() throws -> Engine { try store.open { $0.storageManagers = [Self.twin] } }
        do {
            let engine = try open()
            let session = try engine.makeSession()
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", schema: TestStore.schema, managerName: "twin"),
                session: session)
            try load.add(20, mark: 3)
            #expect(try load.commit().managerName == "twin")
            try engine.load("u", 2, mark: 1, session)
            session.close()
            try engine.close()
        }
        // Without the manager only this relation is refused, and its files stay.
        let before = try snapshot(store.path + "/base")
        try store.with { engine, session in
            let error = expectError(.unknownStorageManager) {
                _ = try engine.relation(named: "t")
            }
            #expect(error?.message.contains("\"t\"") == true)
            #expect(error?.message.contains("\"twin\"") == true)
            let marks = try engine.relation(named: "u").marks(session)
            #expect(marks == [1, 1])
            #expect(
                engine.recovery.actions.contains {
                    if case .refused("t", _) = $0 { true } else { false }
                })
        }
        #expect(try snapshot(store.path + "/base") == before)

        let engine = try open()
        let session = try engine.makeSession()
        let marks = try engine.relation(named: "t").marks(session)
        #expect(marks == Array(repeating: 3, count: 20))
        func findings(pages: UInt64 = 22) throws -> [VerificationFinding] {
            var findings: [VerificationFinding] = []
            let report = try engine.verify(
                session: session, observer: VerificationObserver { findings.append($0) })
            #expect(report.pagesChecked == pages)
            return findings
        }
        #expect(try findings().isEmpty)
        let file = try engine.relation(named: "t").locator.description
        let path = store.path + "/\(file).1"
        var bytes = try readFile(path)
        bytes[3 * blockSize + 77] ^= 1
        try writeFile(path, bytes)
        let damaged = try findings()
        #expect(damaged.map(\.block) == [11])
        // It keeps segment files, so each is checked by itself.
        #expect(damaged.map(\.path) == ["\(file).1"])
        try engine.dropRelation(named: "t", session: session)
        #expect(try findings(pages: 2).isEmpty)
        try engine.checkpoint(session)
        #expect(!names(in: store.path + "/base/1").contains { $0.hasPrefix("16384") })
    }

    @Test func managersThatLieAboutTheirNameAreRefused() throws {
        let store = TestStore()
        expectError(.misuse) {
            _ = try store.open { options in
                options.storageManagers = [
                    StorageManagerPlugin(id: StorageManagerID(rawValue: 9), name: "other") {
                        context throws(StorageError) in
                        try TwinDisk(context)
                    }
                ]
            }
        }
    }

    /// Loads that are the first to name a manager make it once.
    @Test func aManagerThatIsLookedForIsMadeOnce() throws {
        let store = TestStore()
        let made = Makings()
        let make: StorageManagerPlugin.Maker = { context throws(StorageError) in
            made.count.add(1, ordering: .relaxed)
            return try TwinDisk(context)
        }
        let engine = try store.open { options in
            options.storageManagerFinder = { $0 == "twin" ? make : nil }
        }
        try TestThreads.run(4) { index in
            let session = try engine.makeSession()
            defer { session.close() }
            try engine.load("t\(index)", 2, mark: 1, session, manager: "twin")
        }
        #expect(made.count.load(ordering: .relaxed) == 1)
        try engine.close()
    }

    @Test("A toast relation is compacted together with its owner")
    func compactionOfToastRelations() throws {
        let store = TestStore()
        let compacted = Compacted()
        let engine = try store.open {
            $0.storageManagers = [
                StorageManagerPlugin(id: StorageManagerID(rawValue: 9), name: "twin") {
                    context throws(StorageError) in
                    try TwinDisk(context, compacted)
                }
            ]
        }
        let session = try engine.makeSession()
        try engine.load("plain", 1, mark: 1, session, manager: "twin")
        let load = try engine.beginLoad(
            LoadTarget(relation: "wide", schema: TestStore.schema, managerName: "twin"),
            session: session)
        try load.add(1, mark: 1)
        try load.beginToast().add(2, mark: 1)
        try load.commit()
        let wide = try #require(engine.description(of: "wide"))
        let toast = try #require(engine.description(of: wide.toastRelation ?? ""))
        // The twin says that it moves one byte in each relation.
        #expect(try engine.compact(relation: "plain", session: session) == 1)
        #expect(try engine.compact(relation: "wide", session: session) == 2)
        #expect(compacted.locators.withLock { $0.dropFirst() } == [wide.locator, toast.locator])
        #expect(try engine.compact(relation: toast.name, session: session) == 1)
        session.close()
        try engine.close()
    }

    @Test(arguments: IOMethodMatrix.all)
    func directIO(_ method: TestedMethod) throws {
        let store = TestStore(method)
        do {
            let engine = try store.open { $0.usesDirectIO = true }
            let session = try engine.makeSession()
            try engine.load("t", 100, mark: 3, session)
            #expect(try engine.relation(named: "t").marks(session).count == 100)
            let report = try engine.verify(session: session, observer: VerificationObserver())
            #expect(report.findings == 0 && report.pagesChecked == 100)
            session.close()
            try engine.close()
        } catch let error as StorageError where error.code == .directIOUnsupported {
            print("the temporary directory's file system has no direct IO; not tested there")
        }
    }
}

/// Counts how often a manager was made.
private final class Makings: Sendable {
    let count = Atomic(0)
}

/// The relations that were compacted.
private final class Compacted: Sendable {
    let locators = Mutex<[RelationLocator]>([])
}

/// MagneticDisk under another name.
private final class TwinDisk: ForwardingStorageManager {
    let base: any StorageManager
    let compacted: Compacted

    init(
        _ context: StorageManagerPlugin.Context, _ compacted: Compacted = Compacted()
    ) throws(StorageError) {
        self.compacted = compacted
        var configuration = MagneticDiskConfiguration()
        configuration.segmentBlocks = context.segmentBlocks
        base = try MagneticDisk(
            files: context.files, system: context.system, configuration: configuration)
    }

    var name: String { "twin" }

    func compact(_ locator: RelationLocator) throws(StorageError) -> Int {
        compacted.locators.withLock { $0.append(locator) }
        return 1
    }
}
