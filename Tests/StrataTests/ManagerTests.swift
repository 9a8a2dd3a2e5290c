import FileAccess
import MagneticDisk
import StorageManager
import StorageTesting
import Strata
import Testing
import Threads

/// Storage managers beside the built-in one, and direct IO.
@Suite struct ManagerTests {
    @Test(arguments: IOMethodMatrix.all)
    func relationsOfAnotherManager(_ method: TestedMethod) throws {
        let store = TestStore(method)
        func open() throws -> Engine {
            try store.open { options in
                options.storageManagers = [
                    StorageManagerPlugin(id: StorageManagerID(rawValue: 9), name: "twin") {
                        context throws(StorageError) in
                        try TwinDisk(context)
                    }
                ]
            }
        }
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

/// MagneticDisk under another name.
private final class TwinDisk: StorageManager {
    private let disk: MagneticDisk

    init(_ context: StorageManagerPlugin.Context) throws(StorageError) {
        var configuration = MagneticDiskConfiguration()
        configuration.segmentBlocks = context.segmentBlocks
        disk = try MagneticDisk(
            files: context.files, system: context.system, configuration: configuration)
    }

    var name: String { "twin" }
    var capabilities: StorageManagerCapabilities { disk.capabilities }
    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        try disk.open(locator, target: target)
    }
    func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        try disk.unlink(locator, fork: fork)
    }
    func syncPending(_ session: Session) throws(StorageError) { try disk.syncPending(session) }
    func shutdown() { disk.shutdown() }
}
