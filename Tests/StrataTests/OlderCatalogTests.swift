import StorageTesting
import Strata
import Testing
import Threads

/// A catalog that is older than its store: what has been committed since is neither overwritten nor
/// passed over in silence.
@Suite("A catalog older than its store") struct OlderCatalogTests {
    static let managers = ["magnetic", "compressed"]

    @Test(arguments: IOMethodMatrix.real, managers)
    func isReportedAndNothingBehindItsEndIsLost(_ method: TestedMethod, _ manager: String) throws {
        let test = try OutdatedStore(method, manager)
        let store = test.store
        let looking = try store.open { $0.access = .readOnly }
        test.expectNamed(looking)
        try looking.close()
        for access in [EngineOptions.Access.readOnly, .readWrite, .readOnly, .readWrite] {
            let found = try test.findings(access)
            #expect(found.contains { $0.reason.contains("older") }, "\(access) \(found)")
        }
        for _ in 0..<2 {
            try store.with { engine, session in
                test.expectNamed(engine)
                let relation = try engine.relation(named: "t")
                #expect(try relation.marks(session) == Array(repeating: 1, count: 20))
                for attempt in 0..<2 {
                    do {
                        try engine.load("t", 3, mark: 9, session, mode: .append)
                        Issue.record("an append overwrote committed blocks, \(attempt)")
                    } catch {
                        #expect("\(error)".contains("older"), "\(error)")
                    }
                    #expect(throws: StorageError.self) {
                        _ = try relation.extend(session: session)
                    }
                }
                try engine.load("other", 2, mark: 4, session, mode: .replace)
            }
        }
        try writeFile(store.path + "/strata.catalog", test.catalogs.new)
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == Array(repeating: 1, count: 20) + Array(repeating: 2, count: 15))
        }
    }

    @Test(arguments: managers, [LoadTarget.Mode.replace, .create])
    func dropsAndReplacementsAreTheUsersWord(_ manager: String, _ mode: LoadTarget.Mode) throws {
        let test = try OutdatedStore(TestedMethod(.synchronous), manager)
        try test.store.with { engine, session in
            if mode == .create { try engine.dropRelation(named: "t", session: session) }
            try engine.load("t", 3, mark: 7, session, mode: mode)
            try engine.load("t", 3, mark: 8, session, mode: .append)
        }
        try test.store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == [7, 7, 7, 8, 8, 8])
        }
        #expect(try test.findings(.readOnly).isEmpty)
    }

    /// Even if it is interrupted right after an opening, what that opening found stays known.
    @Test(arguments: managers) func staysKnownAfterACrash(_ manager: String) throws {
        let test = try OutdatedStore(TestedMethod(.synchronous), manager)
        do { _ = try test.store.open() }
        try test.store.with { engine, session in
            test.expectNamed(engine)
            #expect(throws: StorageError.self) {
                try engine.load("t", 3, mark: 9, session, mode: .append)
            }
        }
    }
}

/// A store whose catalog knows 20 of the 35 blocks of its relation.
private struct OutdatedStore {
    let store: TestStore
    /// The catalogs from before and after the append.
    let catalogs: (old: [UInt8], new: [UInt8])

    init(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        self.store = store
        let path = store.path + "/strata.catalog"
        func load(_ mode: LoadTarget.Mode, _ mark: UInt8, _ count: Int) throws {
            try store.with { engine, session in
                let load = try engine.beginLoad(
                    LoadTarget(
                        relation: "t", schema: TestStore.schema, mode: mode, managerName: manager),
                    session: session)
                try load.add(count, mark: mark)
                try load.commit(rowCount: UInt64(count))
            }
        }
        try load(.create, 1, 20)
        let old = try readFile(path)
        try load(.append, 2, 15)
        catalogs = (old, try readFile(path))
        try writeFile(path, old)
    }

    func findings(_ access: EngineOptions.Access) throws -> [VerificationFinding] {
        let engine = try store.open { $0.access = access }
        let session = try engine.makeSession()
        var found: [VerificationFinding] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { found.append($0) })
        session.close()
        try engine.close()
        return found
    }

    func expectNamed(_ engine: Engine) {
        let told = engine.recovery.actions.map(\.description)
        #expect(told.contains { $0.contains("older") && $0.contains("\"t\"") }, "\(told)")
    }
}
