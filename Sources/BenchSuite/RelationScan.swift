internal import RelationLoader
internal import Strata

/// Reading the whole relation through Strata, from its first page to its last, into a pool without
/// its pages.
struct RelationScan {
    /// The name of the case.
    let name: String
    let plan: BenchPlan
    let relation: Relation
    let session: Session

    /// The number of pages read between two checks for cancellation; a power of two.
    private static let stride: UInt32 = 1024

    /// The counters of the last reading's stream.
    private(set) var statistics: ReadStreamStatistics?

    init(_ name: String, _ plan: BenchPlan, _ relation: Relation, _ session: Session) {
        (self.name, self.plan) = (name, plan)
        (self.relation, self.session) = (relation, session)
    }

    /// Reads the relation into the pool and checks the sum of its fields, then evicts it, which is
    /// not timed.
    mutating func time() throws(BenchFailure) -> BenchTime {
        // Without a ring, so that the whole relation goes into the pool.
        try time(
            BlockRange(0..<relation.blockCount), sum: plan.data.sum,
            options: ReadStreamOptions([.sequential, .full, .batching]))
    }

    /// Reads some blocks in the same way.
    ///
    /// - Parameter sum: the expected sum of their fields.
    mutating func time<Source: BlockSource>(
        _ source: Source, sum expected: UInt64, options: ReadStreamOptions
    ) throws(BenchFailure) -> BenchTime {
        var sum: UInt64 = 0
        var statistics: ReadStreamStatistics?
        let time = try BenchClock.measure { () throws(BenchFailure) in
            sum = try read(source, options, &statistics)
        }
        self.statistics = statistics
        guard sum == expected else { throw .wrongSum(name) }
        let left = try BenchFailure.wrap { () throws(StorageError) in
            try relation.engine.buffers.evict(relation.open, session: session)
        }
        // Else the next round would find pages instead of reading them.
        guard left.skipped == 0 else {
            throw .storage(
                StorageError(
                    .pageInUse,
                    "\(Figures.count(left.skipped, "page")) that case \(name) read stayed"
                        + " in the pool"
                )
            )
        }
        return time
    }

    private func read<Source: BlockSource>(
        _ source: Source, _ options: ReadStreamOptions, _ statistics: inout ReadStreamStatistics?
    ) throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        var count: UInt32 = 0
        var stream = relation.stream(source, session: session, options: options)
        do throws(StorageError) {
            while let page = try stream.next() {
                sum &+= BenchPage.field(page, page.block.rawValue)
                count &+= 1
                if count & (Self.stride - 1) == 0, plan.cancellation.isCancelled { break }
            }
        } catch { throw .storage(error) }
        try plan.checkCancellation()
        statistics = stream.statistics
        return sum
    }
}
