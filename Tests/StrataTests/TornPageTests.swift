import StorageTesting
import Testing

@testable import Strata

/// Pages that are changed in place, and power cuts at every call: each page is found as of the last
/// checkpoint or later, and none is torn. The bugs that the journal guards against are planted, to
/// show that these tests find them.
@Suite("Torn pages") struct TornPageTests {
    static let methods = [
        TestedMethod(.synchronous), TestedMethod(.worker), IOMethodMatrix.simulated,
    ]

    @Test(arguments: methods, PageKind.allCases)
    func powerCutsAtEveryCall(_ method: TestedMethod, _ kind: PageKind) throws {
        let seed = IOMethodMatrix.seed
        let whole = PageLife(seed, method, kind: kind)
        try whole.run()
        let boundaries = whole.disk.changeCount
        #expect(boundaries > 100)
        var random = SplitMix64(seed: seed, stream: 7)
        for cut in 1...boundaries
        where (method.seed == nil && kind == .postgres) || cut % 3 == 0 {
            let life = PageLife(seed, method, kind: kind)
            life.disk.cutPower(afterCalls: cut)
            try? life.run()
            let faults = life.faults(in: life.disk.crash(seed: random.next()))
            #expect(faults.isEmpty, "seed \(seed), cut after \(cut) of \(boundaries): \(faults)")
        }
    }

    /// Batches of several writes. One batch is being written in place while the next is made.
    @Test(arguments: methods)
    func powerCutsAmongBatches(_ method: TestedMethod) throws {
        let seed = IOMethodMatrix.seed
        let whole = PageLife(seed, method, shape: .batches)
        try whole.run()
        let boundaries = whole.disk.changeCount
        var random = SplitMix64(seed: seed, stream: 10)
        for cut in stride(from: 1, through: boundaries, by: 5) {
            let life = PageLife(seed, method, shape: .batches)
            life.disk.cutPower(afterCalls: cut)
            try? life.run()
            let faults = life.faults(in: life.disk.crash(seed: random.next()))
            #expect(faults.isEmpty, "seed \(seed), cut after \(cut) of \(boundaries): \(faults)")
        }
    }

    /// Repeated power cuts during recovery.
    @Test func powerCutsDuringRecovery() throws {
        let seed = IOMethodMatrix.seed
        var random = SplitMix64(seed: seed, stream: 8)
        let whole = PageLife(seed, TestedMethod(.synchronous))
        try whole.run()
        var replays = 0
        for _ in 0..<10 {
            let life = PageLife(seed, TestedMethod(.synchronous))
            let cut = whole.disk.changeCount * 3 / 4 + random.below(whole.disk.changeCount / 4)
            life.disk.cutPower(afterCalls: cut)
            try? life.run()
            let crashed = life.disk.crash(seed: random.next())
            let counted = crashed.copy()
            try PageLife.open(counted, life.method).close()
            replays += counted.changeCount > 4 ? 1 : 0
            for step in 1...max(1, counted.changeCount) {
                var disk = crashed.copy()
                for _ in 0..<2 {
                    disk.cutPower(afterCalls: step)
                    _ = try? PageLife.open(disk, life.method)
                    disk = disk.crash(seed: random.next())
                }
                let faults = life.faults(in: disk)
                #expect(faults.isEmpty, "seed \(seed), cut \(cut), recovery cut \(step): \(faults)")
            }
        }
        #expect(replays > 0)
    }

    @Test(arguments: [JournalFault.skipsSync, .skipsJournal])
    func plantedMistakesAreFound(_ fault: JournalFault) throws {
        var found = 0
        for number in 0..<40 where found == 0 {
            let seed = IOMethodMatrix.seed &+ UInt64(number)
            let whole = PageLife(seed, TestedMethod(.synchronous), fault)
            try whole.run()
            var random = SplitMix64(seed: seed, stream: 9)
            for _ in 0..<20 where found == 0 {
                let life = PageLife(seed, TestedMethod(.synchronous), fault)
                life.disk.cutPower(afterCalls: 1 + random.below(whole.disk.changeCount))
                try? life.run()
                if !life.faults(in: life.disk.crash(seed: random.next())).isEmpty { found += 1 }
            }
        }
        #expect(found > 0, "a mistake was planted and not found")
    }

    /// An append begins on a new page. Committed pages are not written, so they need no journal.
    @Test func appendsLeaveCommittedPagesAlone() throws {
        var cut = 1
        while true {
            let disk = SimulatedDisk()
            var options = PageLife.options(disk, TestedMethod(.synchronous))
            options.tornPageProtection = .none
            var engine = try Engine.open("/", options: options)
            var session = try engine.makeSession()
            try engine.load("pages", 5, mark: 1, session)
            disk.cutPower(afterCalls: disk.changeCount + cut)
            let appended = try? engine.load("pages", 40, mark: 2, session, mode: .append)
            let isCut = disk.isWithoutPower
            session.close()
            let survivor = disk.crash(seed: IOMethodMatrix.seed &+ UInt64(cut))
            options = PageLife.options(survivor, TestedMethod(.synchronous))
            engine = try Engine.open("/", options: options)
            session = try engine.makeSession()
            let marks = try engine.relation(named: "pages").marks(session)
            #expect(Array(marks.prefix(5)) == [1, 1, 1, 1, 1], "cut \(cut)")
            #expect(marks.count == 5 || marks.count == 45, "cut \(cut)")
            #expect(appended == nil || marks.count == 45, "cut \(cut)")
            session.close()
            try engine.close()
            if !isCut { break }
            cut += 1
        }
        #expect(cut > 10)
    }

    /// Blocks that are cut off and added again have none of their old contents.
    @Test func blocksThatCeaseToExistDoNotComeBack() throws {
        let disk = SimulatedDisk()
        let engine = try PageLife.open(disk, TestedMethod(.synchronous))
        let session = try engine.makeSession()
        try engine.load("pages", 10, mark: 1, session)
        let relation = try engine.relation(named: "pages")
        try engine.checkpoint(session)
        for block: UInt32 in 5..<10 {
            try relation.page(BlockNumber(block), session: session).fill(7)
        }
        try engine.buffers.flushAll(session: session)
        try engine.truncate(relation.open, to: 6, session)
        // A session's share of the pool may be less than all of them.
        var added = 0
        while added < 4 {
            added += try engine.buffers.extend(
                relation.open, by: 4 - added, session: session
            ).count
        }
        try engine.managers.syncPending(session)
        session.close()
        // A power cut that keeps everything.
        let next = try PageLife.open(disk.copy(), TestedMethod(.synchronous))
        let reader = try next.makeSession()
        guard case .replayedJournal(let journal) = next.recovery.actions.first else {
            Issue.record("nothing was replayed")
            return
        }
        #expect(journal.pages == 1 && journal.restored == 0)
        let again = try next.relation(named: "pages")
        for block: UInt32 in 6..<10 {
            let page = try again.page(BlockNumber(block), session: reader)
            let isNew = page.withView { $0.isNew }
            #expect(isNew)
        }
        reader.close()
        try next.close()
    }

    /// Pages of dropped or replaced relations do not come back either. They are forgotten with
    /// their files' contents, and skipped if the files are still in use.
    @Test(arguments: [false, true]) func droppedRelationsDoNotComeBack(inUse: Bool) throws {
        let disk = SimulatedDisk()
        let engine = try PageLife.open(disk, TestedMethod(.synchronous))
        let session = try engine.makeSession()
        for name in ["a", "b"] {
            try engine.load(name, 10, mark: 1, session)
            for block: UInt32 in 0..<10 {
                try engine.relation(named: name).page(BlockNumber(block), session: session).fill(7)
            }
        }
        try engine.buffers.flushAll(session: session)
        let users = try inUse ? ["a", "b"].map { try engine.relation(named: $0) } : []
        try engine.dropRelation(named: "a", session: session)
        try engine.load("b", 3, mark: 2, session, mode: .replace)
        session.close()
        let next = try PageLife.open(disk.copy(), TestedMethod(.synchronous))
        let reader = try next.makeSession()
        #expect(next.relations.map(\.name) == ["b"])
        #expect(try next.relation(named: "b").marks(reader) == [2, 2, 2])
        let journals = next.recovery.actions.compactMap { action in
            if case .replayedJournal(let journal) = action { journal } else { nil }
        }
        #expect(journals.count == (inUse ? 1 : 0))
        #expect(journals.allSatisfy { $0.pages > 0 && $0.skipped == $0.pages })
        withExtendedLifetime(users) {}
        reader.close()
        try next.close()
    }
}

/// Pages changed in a pool that is smaller than their relation, so that they are evicted; added;
/// flushed; and sometimes made durable.
private final class PageLife {
    let disk = SimulatedDisk()
    let method: TestedMethod
    private let fault: JournalFault?
    private var random: SplitMix64
    /// The marks that each page may have.
    private var possible: [Set<UInt8>] = []
    private var isLoaded = false

    enum Shape {
        /// A pool of half the pages, in which each write is a batch.
        case small
        /// A pool in which a batch has some writes of one or two pages.
        case batches
    }

    private let shape: Shape
    private let kind: PageKind
    private var pages: Int { shape == .small ? 40 : 120 }

    init(
        _ seed: UInt64, _ method: TestedMethod, _ fault: JournalFault? = nil,
        shape: Shape = .small, kind: PageKind = .postgres
    ) {
        self.method = method
        self.fault = fault
        self.shape = shape
        self.kind = kind
        random = SplitMix64(seed: seed, stream: 3)
    }

    static func options(_ disk: SimulatedDisk, _ method: TestedMethod) -> EngineOptions {
        var options = EngineOptions()
        options.fileSystem = disk
        options.ioExecutor = disk
        options.ioMethod = method.choice
        options.poolBytes = 20 * blockSize
        options.maximumSessions = 2
        options.combineLimit = 4
        options.createdSegmentBlocks = 16
        options.journalBytes = 128 << 10
        options.logger = RecordingLog().logger(level: .critical)
        return options
    }

    static func open(_ disk: SimulatedDisk, _ method: TestedMethod) throws -> Engine {
        try Engine.open("/", options: options(disk, method))
    }

    func run() throws {
        var options = Self.options(disk, method)
        options.journalFault = fault
        if shape == .batches {
            options.poolBytes = 96 * blockSize
            options.combineLimit = 2
            options.concurrency = .fixed(4)
        }
        let engine = try Engine.open("/", options: options)
        let session = try engine.makeSession()
        defer {
            session.close()
            try? engine.close()
        }
        let load = try engine.beginLoad(
            LoadTarget(relation: "pages", pageKind: kind), session: session)
        for _ in 0..<pages { try OwnContents.fill(try load.nextPage(), kind, mark: 1) }
        try load.commit()
        possible = Array(repeating: [1], count: pages)
        isLoaded = true
        let relation = try engine.relation(named: "pages")
        for mark in UInt8(2)...90 {
            let block = random.below(pages)
            possible[block].insert(mark)
            try OwnContents.fill(
                relation.page(BlockNumber(UInt32(block)), session: session), kind, mark: mark)
            switch random.below(24) {
            case 0:
                let latest = possible.map { Set($0.max().map { [$0] } ?? []) }
                try engine.checkpoint(session)
                possible = latest
            case 1: try engine.buffers.flush(relation.open, session: session)
            case 2: _ = try engine.buffers.evictAll(session: session)
            default: break
            }
        }
    }

    /// Deviations from the possible contents.
    func faults(in survivor: SimulatedDisk) -> [String] {
        do {
            var options = Self.options(survivor, method)
            if isLoaded { options.creation = .never }
            let engine = try Engine.open("/", options: options)
            let session = try engine.makeSession()
            defer {
                session.close()
                try? engine.close()
            }
            guard isLoaded else { return [] }
            var faults: [String] = []
            let marks = try OwnContents.marks(engine.relation(named: "pages"), session)
            for (block, mark) in marks.enumerated() where !possible[block].contains(mark ?? 0) {
                faults.append("block \(block) has mark \(mark ?? 0), not of \(possible[block])")
            }
            _ = try engine.verify(
                session: session,
                observer: VerificationObserver { faults.append("\($0)") })
            return faults
        } catch {
            return isLoaded ? ["\(error)"] : []
        }
    }
}
