import StorageTesting
import Strata
import Testing
import Threads

/// A catalog that is older than its store: what has been committed since is neither overwritten nor
/// passed over in silence.
@Suite("A catalog older than its store") struct OlderCatalogTests {
    static let managers = ["magnetic", "compressed"]
    fileprivate static let cases = managers.flatMap { manager in
        OutdatedStore.End.allCases.map { (manager, $0) }
    }

    @Test(arguments: IOMethodMatrix.real, cases)
    fileprivate func isReportedAndNothingBehindItsEndIsLost(
        _ method: TestedMethod, _ test: (manager: String, end: OutdatedStore.End)
    ) throws {
        let test = try OutdatedStore(method, test.manager, test.end)
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

    /// The journal has a copy of a page of a load that the older catalog does not know. Once that
    /// load is given up, the copy must not come back in place of what is loaded then.
    @Test(arguments: IOMethodMatrix.real, [1, 2])
    func copiesOfPagesThatWereGivenUpNeverComeBack(_ method: TestedMethod, _ relations: Int) throws
    {
        let store = TestStore(method)
        func isKept() -> Bool { names(in: store.other).contains("strata.journal.kept") }
        let engine = try store.open()
        let session = try engine.makeSession()
        let both = Array(["r", "s"].prefix(relations))
        for name in both { try engine.load(name, 10, mark: 1, session) }
        let old = try readFile(store.path + "/strata.catalog")
        for name in both {
            let relation = try engine.load(name, 10, mark: 2, session, mode: .append)
            try relation.page(BlockNumber(12), session: session).fill(7)
        }
        try engine.buffers.flushAll(session: session)
        try copyTree(store.path, store.other)
        session.close()
        try engine.close()
        try writeFile(store.other + "/strata.catalog", old)
        let again = try Engine.open(store.other, options: store.options)
        #expect(isKept())
        let twin = try again.makeSession()
        // Dropping is the user's word, too, and leaves the copies to the next opening.
        if relations == 2 { try again.dropRelation(named: "s", session: twin) }
        #expect(try again.acceptCatalog(session: twin) == ["r"])
        #expect(isKept() == (relations == 2))
        try again.load("r", 5, mark: 3, twin, mode: .append)
        twin.close()
        try again.close()
        for access: EngineOptions.Access in [.readOnly, .readWrite] {
            var options = store.options
            options.access = access
            let last = try Engine.open(store.other, options: options)
            let reader = try last.makeSession()
            let marks = try last.relation(named: "r").marks(reader)
            #expect(marks == Array(repeating: 1, count: 10) + Array(repeating: 3, count: 5))
            reader.close()
            try last.close()
        }
        #expect(!isKept())
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

    /// What is not there while the older catalog is taken up may come back.
    @Test(arguments: managers, [true, false])
    func filesThatComeBackAreNotCut(_ manager: String, _ isMissing: Bool) throws {
        let test = try OutdatedStore(TestedMethod(.synchronous), manager)
        let store = test.store
        let directory = store.path + "/base/1"
        var files: [String: [UInt8]] = [:]
        for name in names(in: directory) {
            files[name] = try readFile("\(directory)/\(name)")
            if isMissing { unlink("\(directory)/\(name)") }
        }
        let first = manager == "magnetic" ? "16384" : "16384.chunks"
        if !isMissing {
            let result = truncate("\(directory)/\(first)", off_t(blockSize))
            #expect(result == 0)
        }
        try store.with { engine, _ in test.expectNamed(engine) }
        for (name, bytes) in files { try writeFile("\(directory)/\(name)", bytes) }
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == Array(repeating: 1, count: 20))
            expectError(.catalogOutdated) {
                try engine.load("t", 3, mark: 9, session, mode: .append)
            }
        }
        try writeFile(store.path + "/strata.catalog", test.catalogs.new)
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks.count == 35)
        }
    }

    /// Not even while their files are away.
    @Test func numbersOfLaterRelationsAreNotGivenOut() throws {
        let store = TestStore()
        let path = store.path + "/strata.catalog"
        try store.with { engine, session in _ = try engine.load("a", 3, mark: 1, session) }
        let old = try readFile(path)
        try store.with { engine, session in _ = try engine.load("b", 3, mark: 2, session) }
        let bytes = try readFile(store.path + "/base/1/16385")
        unlink(store.path + "/base/1/16385")
        try writeFile(path, old)
        try store.with { engine, session in
            let new = try engine.load("c", 3, mark: 3, session)
            #expect(new.locator.number > 16385)
        }
        try writeFile(store.path + "/base/1/16385", bytes)
        try store.with { engine, _ in
            #expect(engine.recovery.actions.contains(.leftAlone(path: "base/1/16385")))
        }
    }

    /// A later catalog may have taken its row counts back.
    @Test func claimsNoRows() throws {
        let store = TestStore()
        let path = store.path + "/strata.catalog"
        try store.with { engine, session in _ = try engine.load("t", 3, mark: 1, session) }
        let old = try readFile(path)
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(relation.rowCount == 3)
            try relation.page(BlockNumber(1), session: session).withEditor { $0.initialize() }
        }
        try writeFile(path, old)
        for access in [EngineOptions.Access.readOnly, .readWrite] {
            let engine = try store.open { $0.access = access }
            let session = try engine.makeSession()
            let relation = try engine.relation(named: "t")
            #expect(relation.rowCount == nil)
            let findings = try engine.verify(session: session).findings
            #expect(findings == 1, "only the catalog's age")
            session.close()
            try engine.close()
        }
    }

    /// An opening that did not finish has told nobody.
    @Test(arguments: managers, ["strata.clean", "base/1"])
    func isReportedUntilAnOpeningFinishes(_ manager: String, _ failing: String) throws {
        let test = try OutdatedStore(TestedMethod(.synchronous), manager)
        let store = test.store
        func ages(_ engine: Engine) -> [RecoveryReport.Action] {
            engine.recovery.actions.filter { if case .olderCatalog = $0 { true } else { false } }
        }
        func look() throws -> [RecoveryReport.Action] {
            let engine = try store.open { $0.access = .readOnly }
            defer { try? engine.close() }
            return ages(engine)
        }
        let age = try look()
        #expect(age.count == 1)
        let files = NamedFailures()
        files.set { $0 == .sync && $1 == failing ? EIO : 0 }
        for _ in 0..<2 {
            #expect(throws: StorageError.self) { _ = try store.open { $0.fileSystem = files } }
            let found = try look()
            #expect(found == age)
        }
        try store.with { engine, _ in
            #expect(ages(engine) == age)
            test.expectNamed(engine)
        }
        let rest = try look()
        #expect(rest.isEmpty)
    }

    /// The later catalog may come back in between.
    @Test func isNotReportedOnceTheLaterCatalogIsBack() throws {
        let test = try OutdatedStore(TestedMethod(.synchronous), "magnetic")
        let files = NamedFailures()
        files.set { $0 == .open && $1.hasPrefix("strata.catalog.new") ? EIO : 0 }
        #expect(throws: StorageError.self) { _ = try test.store.open { $0.fileSystem = files } }
        try writeFile(test.store.path + "/strata.catalog", test.catalogs.new)
        try test.store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks.count == 35)
        }
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

    /// How the store's last opening ended.
    enum End: CaseIterable {
        case closed
        /// The process died after the append.
        case died
        /// The process died that had also made the earlier catalog.
        case diedWithBoth
    }

    init(_ method: TestedMethod, _ manager: String, _ end: End = .closed) throws {
        let store = TestStore(method)
        self.store = store
        let path = store.path + "/strata.catalog"
        func load(
            _ mode: LoadTarget.Mode, _ mark: UInt8, _ count: Int, _ engine: Engine
        ) throws {
            let session = try engine.makeSession()
            defer { session.close() }
            let load = try engine.beginLoad(
                LoadTarget(
                    relation: "t", schema: TestStore.schema, mode: mode, managerName: manager),
                session: session)
            try load.add(count, mark: mark)
            try load.commit(rowCount: UInt64(count))
        }
        var engine = try store.open()
        try load(.create, 1, 20, engine)
        if end != .diedWithBoth {
            try engine.close()
            engine = try store.open()
        }
        let old = try readFile(path)
        try load(.append, 2, 15, engine)
        catalogs = (old, try readFile(path))
        // An engine that is dropped without closing leaves what the death of its process leaves.
        if end == .closed { try engine.close() }
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
