import FileAccess
import StorageTesting
import Strata
import Testing
import Threads

/// Operations on a relation in the middle of others.
@Suite struct OperationRaceTests {
    /// A copy takes pages of further forks from the pool, where no write tears them.
    @Test(arguments: IOMethodMatrix.all, PageKind.allCases)
    func copiesOfForksAreNotTorn(_ method: TestedMethod, _ kind: PageKind) throws {
        let (store, hooks) = (TestStore(method), DiskHooks())
        func open() throws -> Engine {
            try store.open { $0.storageManagers = [HookedDisk.plugin("magnetic", hooks)] }
        }
        var engine = try open()
        var session = try engine.makeSession()
        do {
            let relation = try OwnContents.makeRelation(
                engine, session, kind, manager: HookedDisk.name, name: "t", pages: 3)
            for fork in [Fork.visibilityMap, .freeSpaceMap] {
                while try relation.blockCount(of: fork) < 20 {
                    var pages = try relation.extend(fork: fork, by: 4, session: session)
                    while let page = pages.next() {
                        if page.block == 7 { continue }
                        try OwnContents.fill(
                            page, relation.open.pageKind(of: fork),
                            mark: UInt8(page.block.rawValue + 1))
                    }
                }
                hooks.tornReads = fork
                let name = "copy\(fork.suffix)"
                let copy = try engine.copyRelation(
                    named: "t", to: LoadTarget(relation: name), session: session)
                #expect(try copy?.blockCount(of: fork) == relation.blockCount(of: fork))
                hooks.tornReads = nil
                engine.buffers.checkInvariants(idle: false)
            }
        }
        session.close()
        try engine.close()
        engine = try open()
        session = try engine.makeSession()
        for fork in [Fork.visibilityMap, .freeSpaceMap] {
            let copy = try engine.relation(named: "copy\(fork.suffix)")
            for block in 0..<UInt32(20) {
                let page = try copy.page(BlockNumber(block), fork: fork, session: session)
                let mark = try OwnContents.mark(page, copy.open.pageKind(of: fork))
                #expect(mark == (block == 7 ? nil : UInt8(block + 1)))
            }
        }
        var found: [VerificationFinding] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { found.append($0) })
        #expect(found.isEmpty)
        session.close()
        try engine.close()
    }

    enum Change: CaseIterable { case cut, cutAndGrow, grow }

    private static let cases = ["magnetic", "compressed", "memory"].flatMap { manager in
        [Fork.main, .visibilityMap].flatMap { fork in
            Change.allCases.map { (manager, fork, $0) }
        }
    }

    /// What is cut off and added while it is verified is no damage.
    @Test(arguments: IOMethodMatrix.all, cases)
    func verifyingBesideChanges(
        _ method: TestedMethod, _ test: (manager: String, fork: Fork, change: Change)
    ) throws {
        let store = TestStore(method)
        let engine = try store.open { $0.maximumSessions = 6 }
        let session = try engine.makeSession()
        let relation = try engine.load(
            "t", 20, mark: 1, session, manager: test.manager, isCounted: false)
        // Segments have eight blocks.
        try relation.grow(.visibilityMap, to: 20, mark: 2, session)
        try engine.checkpoint(session)
        _ = try engine.buffers.evictAll(session: session)
        let forkBlocks = test.fork == .main ? 0 : relation.blockCount
        var (found, isDone) = ([VerificationFinding](), false)
        let observer = VerificationObserver {
            found.append($0)
        } progress: { progress in
            // A page of the fork was checked, and others are read ahead.
            if isDone || progress.pagesChecked <= UInt64(forkBlocks) { return }
            isDone = true
            do {
                try TestThreads.run {
                    let session = try engine.makeSession()
                    defer { session.close() }
                    if test.change != .grow {
                        try relation.truncate(test.fork, to: 5, session: session)
                    }
                    if test.change == .cut { return }
                    try relation.grow(test.fork, to: 30, mark: 3, session)
                    try engine.checkpoint(session)
                }
            } catch { Issue.record("\(error)") }
        }
        _ = try engine.verify(session: session, observer: observer)
        #expect(isDone)
        #expect(found.isEmpty, "\(found)")
        let after = try engine.verify(session: session)
        #expect(after.findings == 0)
        session.close()
        try engine.close()
    }
}
