internal import AsyncIO
internal import RelationLoader
internal import Strata
internal import Synchronization

/// Several threads that pin, touch and unpin pages at once, compared with one thread in the same
/// round.
enum ContendBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        var rows = try plan.data.withRelation(method, sessions: 2) {
            (relation, session) throws(BenchFailure) in try alone(plan, relation, session)
        }
        for threads in BenchThreads.counts {
            rows += try plan.data.withRelation(method, sessions: threads + 1) {
                (relation, session) throws(BenchFailure) in
                try resident(plan, relation, session, threads)
            }
            // With a pool of half the relation.
            rows += try plan.data.withRelation(
                method, sessions: threads + 1,
                poolBytes: max(plan.data.pageCount * blockSize / 2, 64 * blockSize)
            ) { (relation, _) throws(BenchFailure) in
                try halfResident(plan, relation, threads)
            }
        }
        return rows
    }

    /// One thread's reads of one resident page without pin and lock; against with them.
    private static func alone(
        _ plan: BenchPlan, _ relation: Relation, _ session: Session
    ) throws(BenchFailure) -> [BenchRow] {
        let work = ContendWork(plan: plan, relation: relation, threads: 1)
        try work.bringIn(session)
        func row(_ name: String, _ bar: BenchBar?) -> BenchRow {
            BenchRow(
                "contend/\(name)/1", method: relation.engine.ioMethodName, unit: "visits/µs",
                bar: bar)
        }
        var (hot, optimistic) = (row("hot", nil), row("optimistic", .atLeast(1)))
        let plain = PlainAtomics(threads: 1)
        let (visits, passes) = (Double(work.visits), work.visits / Int(work.share))
        for _ in 0..<plan.rounds {
            let atomics = try plain.time(1, passes: passes, share: work.share, plan)
            let pinned = try work.time(1, isShared: true)
            let unpinned = try work.timeOptimistic(1)
            hot.add(
                value: visits / pinned.elapsed / 1e6, ceiling: visits / atomics.elapsed / 1e6,
                processorMicroseconds: pinned.processor * 1e6 / visits)
            optimistic.add(
                value: visits / unpinned.elapsed / 1e6, ceiling: visits / pinned.elapsed / 1e6,
                processorMicroseconds: unpinned.processor * 1e6 / visits)
        }
        return [hot, optimistic]
    }

    /// Resident pages: the same for all threads, and each thread's own.
    private static func resident(
        _ plan: BenchPlan, _ relation: Relation, _ session: Session, _ threads: Int
    ) throws(BenchFailure) -> [BenchRow] {
        let work = ContendWork(plan: plan, relation: relation, threads: threads)
        try work.bringIn(session)
        let plain = PlainAtomics(threads: threads)
        let passes = work.visits / Int(work.share)
        return try compare(
            plan, relation, threads, unit: "visits/µs",
            [
                Contest("atomics", visits: work.visits, bar: nil) { (count) throws(BenchFailure) in
                    try plain.time(count, passes: passes, share: work.share, plan)
                },
                Contest("disjoint", visits: work.visits, bar: .atLeast(0.9 * Double(threads))) {
                    (count) throws(BenchFailure) in try work.time(count, isShared: false)
                },
                Contest("hot", visits: work.visits, bar: nil) { (count) throws(BenchFailure) in
                    try work.time(count, isShared: true)
                },
                Contest(
                    "optimistic", visits: work.visits, bar: .atLeast(0.9 * Double(threads))
                ) { (count) throws(BenchFailure) in try work.timeOptimistic(count) },
                Contest(
                    "parallelscan", visits: plan.data.pageCount,
                    bar: .atLeast(0.9 * Double(threads))
                ) { (count) throws(BenchFailure) in try work.timeScan(count) },
            ])
    }

    private static func halfResident(
        _ plan: BenchPlan, _ relation: Relation, _ threads: Int
    ) throws(BenchFailure) -> [BenchRow] {
        let work = ContendWork(plan: plan, relation: relation, threads: threads)
        let visits = plan.data.pageCount
        _ = try work.timeRandom(1, visits: visits, seed: 0)
        return try compare(
            plan, relation, threads, unit: "visits/µs",
            [
                Contest("half", visits: visits, bar: nil) { (count) throws(BenchFailure) in
                    try work.timeRandom(count, visits: visits, seed: UInt64(count))
                },
                // Through a ring, from the kernel's cache.
                Contest("parallelscan-warm", visits: visits, bar: .atLeast(0.7 * Double(threads))) {
                    (count) throws(BenchFailure) in try work.timeScan(count)
                },
            ])
    }

    /// Work of several threads, each with so many visits.
    private struct Contest {
        let name: String
        let visits: Int
        let bar: BenchBar?
        let run: (_ threads: Int) throws(BenchFailure) -> BenchTime

        init(
            _ name: String, visits: Int, bar: BenchBar?,
            _ run: @escaping (Int) throws(BenchFailure) -> BenchTime
        ) {
            (self.name, self.visits, self.bar, self.run) = (name, visits, bar, run)
        }
    }

    /// Measures each contest with one thread and with several, in turns.
    private static func compare(
        _ plan: BenchPlan, _ relation: Relation, _ threads: Int, unit: String,
        _ contests: [Contest]
    ) throws(BenchFailure) -> [BenchRow] {
        var rows = contests.map { contest in
            BenchRow(
                "contend/\(contest.name)/\(threads)", method: relation.engine.ioMethodName,
                unit: unit, bar: contest.bar)
        }
        for _ in 0..<plan.rounds {
            for (position, contest) in contests.enumerated() {
                let one = try contest.run(1)
                let all = try contest.run(threads)
                let visits = Double(contest.visits)
                rows[position].add(
                    value: visits * Double(threads) / all.elapsed / 1e6,
                    ceiling: visits / one.elapsed / 1e6,
                    processorMicroseconds: all.processor * 1e6 / visits / Double(threads))
            }
        }
        return rows
    }
}

/// Visits through the pool.
private struct ContendWork: Sendable {
    let plan: BenchPlan
    let relation: Relation
    let threads: Int
    /// The number of pages for each thread, few enough for the processor's caches.
    let share: UInt32
    /// The number of visits a thread makes to resident pages.
    let visits: Int

    /// The visits of a thread per page of the relation in a round, on average.
    private static let averageVisits = 256

    init(plan: BenchPlan, relation: Relation, threads: Int) {
        self.plan = plan
        self.relation = relation
        self.threads = threads
        share = UInt32(min(256, plan.data.pageCount / threads))
        visits = max(1, Self.averageVisits * plan.data.pageCount / Int(share)) * Int(share)
    }

    /// Reads all pages into the pool.
    func bringIn(_ session: Session) throws(BenchFailure) {
        let count = relation.blockCount
        try forEach(0..<count, session) { _ in }
    }

    private func forEach(
        _ blocks: Range<UInt32>, _ session: Session, _ body: (UInt64) -> Void
    ) throws(BenchFailure) {
        let (buffers, open) = (relation.engine.buffers, relation.open)
        do throws(StorageError) {
            for block in blocks {
                let page = try buffers.page(BlockNumber(block), of: open, session: session)
                body(BenchPage.field(page, block))
            }
        } catch { throw .storage(error) }
    }

    /// The first of a thread's own pages. Each thread has a part of the relation.
    private func first(of thread: Int) -> UInt32 {
        UInt32(plan.data.pageCount / self.threads * thread)
    }

    /// Visits each thread's own pages, or the first page instead of all of them.
    func time(_ threads: Int, isShared: Bool) throws(BenchFailure) -> BenchTime {
        let passes = visits / Int(share)
        let result = try BenchThreads.time(threads) { (_) throws(BenchFailure) in
            try session()
        } _: { (index, session) throws(BenchFailure) -> UInt64 in
            try visit(
                first: isShared ? 0 : first(of: index), step: isShared ? 0 : 1,
                passes: passes, session)
        }
        var expected: UInt64 = 0
        for index in 0..<threads {
            for block in 0..<share {
                expected &+= BenchPage.value(isShared ? 0 : first(of: index) + block)
            }
        }
        guard result.sum == expected &* UInt64(passes) else { throw .wrongSum("contend") }
        return result.time
    }

    private func session() throws(BenchFailure) -> Session {
        try BenchFailure.wrap { () throws(StorageError) in try relation.engine.makeSession() }
    }

    private func visit(
        first: UInt32, step: UInt32, passes: Int, _ session: Session
    ) throws(BenchFailure) -> UInt64 {
        let (buffers, open) = (relation.engine.buffers, relation.open)
        var sum: UInt64 = 0
        for _ in 0..<passes {
            try plan.checkCancellation()
            do throws(StorageError) {
                for position in 0..<share {
                    let block = first &+ position &* step
                    let page = try buffers.page(BlockNumber(block), of: open, session: session)
                    sum &+= BenchPage.field(page, block)
                }
            } catch { throw .storage(error) }
        }
        return sum
    }

    /// Visits pages of the whole relation in random order.
    func timeRandom(_ threads: Int, visits: Int, seed: UInt64) throws(BenchFailure) -> BenchTime {
        let result = try BenchThreads.time(threads) { (_) throws(BenchFailure) in
            try session()
        } _: { (index, session) throws(BenchFailure) -> UInt64 in
            let (buffers, open) = (relation.engine.buffers, relation.open)
            let count = UInt64(relation.blockCount)
            var random = seed &* 1000 &+ UInt64(index)
            var difference: UInt64 = 0
            do throws(StorageError) {
                for visit in 0..<visits {
                    if visit % 256 == 0, plan.cancellation.isCancelled { break }
                    random &+= 0x9E37_79B9_7F4A_7C15
                    // Any page is as likely as another; the values are as good as random.
                    let mixed = BenchPage.value(UInt32(truncatingIfNeeded: random >> 32))
                    let block = UInt32((mixed >> 32) % count)
                    let page = try buffers.page(BlockNumber(block), of: open, session: session)
                    difference |= BenchPage.field(page, block) ^ BenchPage.value(block)
                }
            } catch { throw .storage(error) }
            try plan.checkCancellation()
            return difference == 0 ? 1 : 0
        }
        guard result.sum == UInt64(threads) else { throw .wrongSum("contend/half") }
        return result.time
    }
}

extension ContendWork {
    /// Reads the first page without pin and lock.
    func timeOptimistic(_ threads: Int) throws(BenchFailure) -> BenchTime {
        let passes = visits / Int(share)
        let offset = BenchPage.fieldOffset(0)
        let result = try BenchThreads.time(threads) { (_) throws(BenchFailure) in
            try session()
        } _: { (_, session) throws(BenchFailure) -> UInt64 in
            var sum: UInt64 = 0
            for _ in 0..<passes {
                try plan.checkCancellation()
                do {
                    for _ in 0..<share {
                        sum &+= try relation.read(BlockNumber(0), session: session) { page in
                            try page.load(offset, as: UInt64.self)
                        }
                    }
                } catch let error as StorageError {
                    throw .storage(error)
                } catch { throw .wrongSum("contend/optimistic") }
            }
            return sum
        }
        let expected = BenchPage.value(0) &* UInt64(threads) &* UInt64(passes) &* UInt64(share)
        guard result.sum == expected else { throw .wrongSum("contend/optimistic") }
        return result.time
    }

    /// Scans the relation together, as often as there are threads.
    func timeScan(_ threads: Int) throws(BenchFailure) -> BenchTime {
        let scans = (0..<threads).map { _ in SharedBlockRange(0..<relation.blockCount) }
        let result = try BenchThreads.time(threads) { (_) throws(BenchFailure) in
            try session()
        } _: { (_, session) throws(BenchFailure) -> UInt64 in
            var sum: UInt64 = 0
            for blocks in scans {
                try plan.checkCancellation()
                var stream = relation.stream(
                    blocks.part(), session: session,
                    options: .scan(of: blocks.blocks.count, in: relation.engine.buffers))
                do throws(StorageError) {
                    while let page = try stream.next() {
                        sum &+= BenchPage.field(page, page.block.rawValue)
                    }
                } catch { throw .storage(error) }
            }
            return sum
        }
        var expected: UInt64 = 0
        for block in 0..<relation.blockCount { expected &+= BenchPage.value(block) }
        guard result.sum == expected &* UInt64(threads) else {
            throw .wrongSum("contend/parallelscan")
        }
        return result.time
    }
}

/// Two atomic operations per visit on a cache line of each thread's own: the least that pinning and
/// unpinning cost.
@safe
private final class PlainAtomics: @unchecked Sendable {
    /// One thread's line, away from its neighbours'.
    private struct Line: ~Copyable {
        let word = Atomic<UInt64>(0)
        private let padding = InlineArray<31, UInt64>(repeating: 0)
    }

    private let lines: UnsafeMutablePointer<Line>
    private let count: Int

    init(threads: Int) {
        count = threads
        unsafe lines = .allocate(capacity: threads)
        for index in 0..<threads { unsafe (lines + index).initialize(to: Line()) }
    }

    deinit {
        unsafe lines.deinitialize(count: count)
        unsafe lines.deallocate()
    }

    /// The orderings are those of taking and releasing a lock; the partner is the line itself.
    func time(
        _ threads: Int, passes: Int, share: UInt32, _ plan: BenchPlan
    ) throws(BenchFailure) -> BenchTime {
        try BenchThreads.time(threads) { _ in
            ()
        } _: { (index, _) throws(BenchFailure) -> UInt64 in
            let line = unsafe self.lines + index
            for _ in 0..<passes {
                try plan.checkCancellation()
                for _ in 0..<share {
                    unsafe line.pointee.word.wrappingAdd(1, ordering: .acquiring)
                    unsafe line.pointee.word.wrappingSubtract(1, ordering: .releasing)
                }
            }
            return 0
        }.time
    }
}
