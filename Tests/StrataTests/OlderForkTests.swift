import StorageTesting
import Strata
import Testing
import Threads

/// Further forks under a catalog that is older than its store, and beside files that are not the
/// store's.
@Suite struct OlderForkTests {
    /// What the older catalog says of the fork, which has 12 blocks by then.
    enum Known: CaseIterable { case nothing, announced, counted }

    private static let fork = Fork.visibilityMap
    private static let cases = ["magnetic", "compressed"].flatMap { manager in
        Known.allCases.map { (manager, $0) }
    }

    /// A store under an older catalog. Returns the later one.
    private static func make(_ store: TestStore, _ manager: String, _ known: Known) throws
        -> [UInt8]
    {
        let path = store.path + "/strata.catalog"
        var old: [UInt8] = []
        try store.with { engine, session in
            let relation = try engine.load("t", 3, mark: 1, session, manager: manager)
            try engine.checkpoint(session)
            if known == .nothing { old = try readFile(path) }
            try relation.grow(fork, to: 4, mark: 2, session)
            if known == .announced { old = try readFile(path) }
            try engine.checkpoint(session)
            if known == .counted { old = try readFile(path) }
            try relation.grow(fork, to: 12, mark: 3, session)
        }
        let new = try readFile(path)
        try writeFile(path, old)
        return new
    }

    /// Opens a store whose last engine was dropped: threads of it may still be ending.
    private static func open(_ store: TestStore) throws -> Engine {
        var engine: Engine?
        try TestThreads.waitOrFail("the end of the engine before") {
            do {
                engine = try store.open()
            } catch let error as StorageError where error.code == .storeLocked {
                return false
            }
            return true
        }
        return try #require(engine)
    }

    /// The files of the fork.
    private static func files(_ store: TestStore) throws -> [String: [UInt8]] {
        try snapshot(store.path + "/base/1").filter { $0.key.contains("_vm") }
    }

    @Test(arguments: IOMethodMatrix.real, cases)
    func nothingOfALaterCatalogIsLost(
        _ method: TestedMethod, _ test: (manager: String, known: Known)
    ) throws {
        let store = TestStore(method)
        let later = try Self.make(store, test.manager, test.known)
        let before = try Self.files(store)
        // The first opening tells of the older catalog, and takes it up; then the process dies.
        for _ in 0..<2 {
            do { _ = try Self.open(store) }
            #expect(try Self.files(store) == before)
        }
        try Self.open(store).close()
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            let count: UInt32 = test.known == .counted ? 4 : 0
            #expect(try relation.blockCount(of: Self.fork) == count)
            expectError(.catalogOutdated) {
                _ = try relation.extend(fork: Self.fork, session: session)
            }
            if count > 0 {
                expectError(.catalogOutdated) {
                    try relation.truncate(Self.fork, to: 1, session: session)
                }
            }
            #expect(try Self.files(store) == before)
        }
        #expect(try Self.files(store) == before)
        try writeFile(store.path + "/strata.catalog", later)
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            let marks = try relation.marks(of: Self.fork, session)
            #expect(marks.prefix(12) == [2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3])
            try relation.grow(Self.fork, to: 20, mark: 4, session)
        }
    }

    /// Once it is given up, the fork grows from what the older catalog counts.
    @Test(arguments: cases)
    func whatIsGivenUpIsOverwritten(_ manager: String, _ known: Known) throws {
        let store = TestStore()
        _ = try Self.make(store, manager, known)
        let count: UInt32 = known == .counted ? 4 : 0
        try store.with { engine, session in
            let given = try engine.acceptCatalog(session: session)
            #expect(given == ["t"])
        }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(try relation.blockCount(of: Self.fork) == count)
            try relation.grow(Self.fork, to: 8, mark: 5, session)
            try engine.load("t", 2, mark: 6, session, mode: .append)
        }
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(of: Self.fork, session)
            let kept = [UInt8](repeating: 2, count: Int(count))
            #expect(marks.prefix(8) == (kept + Array(repeating: 5, count: 8 - kept.count))[...])
            var found: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { found.append($0) })
            #expect(found.isEmpty)
        }
    }

    /// A file at the name of a fork that the catalog does not know is not the store's to empty.
    @Test(arguments: IOMethodMatrix.real, ["magnetic", "compressed"])
    func filesOfOthersStay(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        let path = store.path + "/base/1/16384_vm" + (manager == "magnetic" ? "" : ".chunks")
        var bytes: [UInt8] = []
        try store.with { engine, session in
            try engine.load("t", 3, mark: 1, session, manager: manager)
            // One that a relation of the same kind can have.
            let other = try engine.load("u", 3, mark: 1, session, manager: manager)
            try other.grow(.visibilityMap, to: 12, mark: 7, session)
        }
        for name in names(in: store.path + "/base/1") where name.hasPrefix("16385_vm") {
            let end = name.dropFirst("16385".utf8.count)
            let copy = try readFile("\(store.path)/base/1/\(name)")
            try writeFile("\(store.path)/base/1/16384\(end)", copy)
        }
        bytes = try readFile(path)
        for isCrash in [false, true] {
            let engine = try Self.open(store)
            let session = try engine.makeSession()
            let relation = try engine.relation(named: "t")
            let error = expectError(.fileExists) {
                _ = try relation.extend(fork: .visibilityMap, session: session)
            }
            #expect(error?.location.fork == "vm" && error?.remedy != nil)
            #expect(error?.location.path?.contains("16384_vm") == true)
            expectError(.notFound) {
                _ = try relation.page(0, fork: .visibilityMap, session: session)
            }
            #expect(engine.description(of: "t")?.furtherForks == [:])
            session.close()
            if !isCrash { try engine.close() }
        }
        #expect(try readFile(path) == bytes)
        try Self.open(store).close()
        try store.with { engine, session in
            #expect(try readFile(path) == bytes)
            for name in names(in: store.path + "/base/1") where name.hasPrefix("16384_vm") {
                unlink("\(store.path)/base/1/\(name)")
            }
            try engine.relation(named: "t").grow(.visibilityMap, to: 3, mark: 2, session)
        }
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(of: .visibilityMap, session)
            #expect(marks.prefix(3) == [2, 2, 2])
        }
    }
}
