import StorageTesting
import Strata
import Testing

/// Relations are cut, and grow again.
@Suite struct TruncateTests {
    @Test(arguments: IOMethodMatrix.all, ["magnetic", "compressed", "memory"])
    func cutsAndGrows(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            let relation = try engine.load("t", 30, mark: 1, session, manager: manager)
            for block: UInt32 in [3, 25] {
                try relation.page(BlockNumber(block), session: session).fill(2)
            }
            try relation.truncate(to: 12, session: session)
            #expect(relation.blockCount == 12 && relation.rowCount == nil)
            #expect(try relation.open.storage.blockCount(.main) == 12)
            #expect(try relation.marks(session) == [1, 1, 1, 2] + Array(repeating: 1, count: 8))
            expectError(.notFound) { _ = try relation.page(12, session: session) }
            try relation.truncate(to: 12, session: session)
            expectError(.misuse) { try relation.truncate(to: 13, session: session) }
            var added = try relation.extend(by: 3, session: session)
            #expect(added.first == 12)
            guard let page = added.next() else {
                Issue.record("no page was added")
                return
            }
            #expect(page.withView { $0.isAllZero })
            try page.fill(3)
        }
        if manager == "memory" { return }
        try store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            let relation = try engine.relation(named: "t")
            #expect(relation.blockCount > 12 && relation.rowCount == nil)
            #expect(try relation.page(12, session: session).withView { try $0.mark(12) } == 3)
            try relation.truncate(to: 0, session: session)
            try engine.load("t", 2, mark: 4, session, mode: .append)
            #expect(try relation.marks(session) == [4, 4])
            var found: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { found.append($0) })
            #expect(found.isEmpty)
        }
    }

    @Test(arguments: IOMethodMatrix.real) func pagesInUseStay(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            let relation = try engine.load("t", 30, mark: 1, session)
            do {
                let held = try relation.page(20, session: session)
                expectError(.pageInUse) { try relation.truncate(to: 20, session: session) }
                #expect(relation.blockCount == 30 && relation.rowCount == 30)
                try relation.truncate(to: 21, session: session)
                #expect(try held.withView { try $0.mark(20) } == 1)
            }
            // A scan has pages ahead in use, or meets the end.
            var scan = relation.scan(session: session)
            #expect(try scan.next()?.block == 0)
            do {
                try relation.truncate(to: 8, session: session)
                #expect(relation.blockCount == 8)
                expectError(.notFound) { while try scan.next() != nil {} }
            } catch let error as StorageError {
                #expect(error.code == .pageInUse && relation.blockCount == 21)
            }
        }
    }

    @Test func refusesWhatOthersUse() throws {
        let store = TestStore()
        try store.with { engine, session in
            let relation = try engine.load("t", 5, mark: 1, session)
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            expectError(.relationBusy) { try relation.truncate(to: 1, session: session) }
            let values = try load.beginToast()
            try values.add(1, mark: 2)
            try load.commit()
            let toast = try #require(try relation.toast())
            expectError(.misuse) { try toast.truncate(to: 0, session: session) }
            let other = TestStore()
            let error = try other.with { _, foreign in
                expectError(.misuse) { try relation.truncate(to: 1, session: foreign) }
            }
            #expect(error?.message.contains("another engine") == true)
            try engine.dropRelation(named: "t", session: session)
            expectError(.notFound) { try relation.truncate(to: 1, session: session) }
            #expect(relation.blockCount == 5)
        }
    }

    /// Blocks that no checkpoint has counted, and that remain, are durable by that.
    @Test func whatRemainsCounts() throws {
        let store = TestStore()
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.load("t", 2, mark: 1, session)
            while relation.blockCount < 20 {
                var pages = try relation.extend(by: 4, session: session)
                while let page = pages.next() { try page.fill(2) }
            }
            try relation.truncate(to: 11, session: session)
            session.close()
        }
        try store.with { engine, session in
            #expect(!engine.recovery.endedCleanly)
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == [1, 1] + Array(repeating: 2, count: 9))
        }
    }

    /// A checkpoint that began before a cut counts what was there all the time, and no more.
    @Test(arguments: [false, true]) func besideACheckpoint(_ growsAgain: Bool) throws {
        let store = TestStore()
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.load("t", 10, mark: 1, session)
            for fork in [Fork.main, .visibilityMap] {
                while try relation.blockCount(of: fork) < 30 {
                    var pages = try relation.extend(fork: fork, by: 4, session: session)
                    while let page = pages.next() { try page.fill(2) }
                }
            }
            let checkpoint = try engine.beginCheckpoint(session)
            try checkpoint.step(pages: 3)
            for fork in [Fork.main, .visibilityMap] {
                try relation.truncate(fork, to: 15, session: session)
                if growsAgain { _ = try relation.extend(fork: fork, by: 4, session: session) }
            }
            while try checkpoint.step() {}
            session.close()
        }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(relation.blockCount == 15)
            #expect(try relation.blockCount(of: .visibilityMap) == 15)
            #expect(try relation.marks(session).suffix(5) == [2, 2, 2, 2, 2])
        }
    }

    /// Power cuts at every call of a life with a cut: the old length or the new one, and what is
    /// cut off never comes back.
    @Test(arguments: [Fork.main, .visibilityMap], ["magnetic", "compressed"])
    func powerCuts(_ fork: Fork, _ manager: String) throws {
        var found: Set<UInt32> = []
        var random = SplitMix64(seed: IOMethodMatrix.seed)
        var (cut, isDone) = (0, false)
        while !isDone {
            let disk = SimulatedDisk()
            let life = CutLife(SimulatedStore(disk), fork, manager)
            try life.begin()
            let before = disk.changeCount
            disk.cutPower(afterCalls: before + cut)
            do {
                try life.goOn()
                isDone = disk.changeCount < before + cut
            } catch { #expect(disk.isWithoutPower, "\(error)") }
            let seed = random.next()
            let next = SimulatedStore(disk.crash(seed: seed))
            let fault = try life.fault(in: next) { found.insert($0) }
            #expect(fault == nil, "power cut after \(cut) calls, crash \(seed)")
            cut += 1
        }
        #expect(found.isSuperset(of: [20, 7, 9]))
    }
}

/// A fork of 20 pages is cut to 7 and grows to 9.
private final class CutLife {
    private let store: SimulatedStore
    private let fork: Fork
    private let manager: String
    private var engine: Engine?
    private var isCut = false
    private var isCounted = false

    init(_ store: SimulatedStore, _ fork: Fork, _ manager: String) {
        (self.store, self.fork, self.manager) = (store, fork, manager)
    }

    /// Twenty pages, durable, some of which were changed and written since.
    func begin() throws {
        let engine = try store.open()
        self.engine = engine
        let session = try engine.makeSession()
        defer { session.close() }
        let relation = try engine.createRelation(
            LoadTarget(relation: "t", managerName: manager), session: session)
        while try relation.blockCount(of: fork) < 20 {
            let rest = Int(20 - (try relation.blockCount(of: fork)))
            var pages = try relation.extend(fork: fork, by: rest, session: session)
            while let page = pages.next() { try page.fill(1) }
        }
        try engine.checkpoint(session)
        for block: UInt32 in [2, 6, 7, 8, 15] {
            try relation.page(BlockNumber(block), fork: fork, session: session).fill(2)
        }
        try engine.buffers.flushAll(session: session)
        try relation.page(8, fork: fork, session: session).fill(2)
    }

    func goOn() throws {
        let engine = try #require(engine)
        let session = try engine.makeSession()
        defer { session.close() }
        let relation = try engine.relation(named: "t")
        try relation.truncate(fork, to: 7, session: session)
        isCut = true
        var pages = try relation.extend(fork: fork, by: 2, session: session)
        #expect(pages.first == 7 && pages.count == 2)
        while let page = pages.next() {
            #expect(page.withView { $0.isAllZero })
            try page.fill(3)
        }
        try engine.checkpoint(session)
        isCounted = true
    }

    /// What is wrong with a store that a crash has left.
    func fault(in store: SimulatedStore, _ found: (UInt32) -> Void) throws -> String? {
        engine = nil
        for _ in 0..<2 {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.relation(named: "t")
            let count = try relation.blockCount(of: fork)
            found(count)
            let allowed: [UInt32] = isCounted ? [9] : isCut ? [7, 9] : [20, 7]
            if !allowed.contains(count) { return "\(count) blocks" }
            for block in 0..<count {
                let page = try relation.page(BlockNumber(block), fork: fork, session: session)
                let mark = try page.withView { $0.isAllZero ? 0 : try $0.mark(block) }
                let isOld = block < 7 || count == 20
                if !(isOld ? [1, 2] : [0, 3]).contains(mark) { return "\(mark) on \(block)" }
            }
            // Whatever a crash has left behind the end does not come back.
            if count < 20 {
                var more = try relation.extend(fork: fork, by: 3, session: session)
                if more.first.rawValue != count { return "extended at \(more.first)" }
                while let page = more.next() {
                    if !page.withView({ $0.isAllZero }) { return "\(page.block) came back" }
                }
                try relation.truncate(fork, to: count, session: session)
            }
            var findings: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { findings.append($0) })
            if !findings.isEmpty { return "\(findings)" }
            session.close()
            try engine.close()
        }
        return nil
    }
}
