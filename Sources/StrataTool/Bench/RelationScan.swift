internal import RelationLoader
internal import Strata

/// Reading the whole relation through Strata, from its first page to its last, into a pool that is
/// empty of it.
struct RelationScan {
    /// The case that it is for.
    let name: String
    let plan: BenchPlan
    let relation: Relation
    let session: Session

    /// How many pages are read between two looks at the user's wishes; a power of two.
    private static let stride: UInt32 = 1024

    /// Reads the relation into the pool and checks the sum of its fields; then takes it out of the
    /// pool, which is not timed.
    func time() throws(BenchFailure) -> BenchTime {
        var sum: UInt64 = 0
        let time = try BenchClock.measure { () throws(BenchFailure) in sum = try read() }
        guard sum == plan.data.sum else { throw .wrongSum(name) }
        let left = try BenchFailure.wrap { () throws(StorageError) in
            try relation.engine.buffers.evict(relation.open, session: session)
        }
        // Else the next round would find pages instead of reading them.
        guard left.skipped == 0 else {
            throw .storage(
                StorageError(
                    .pageInUse,
                    "\(Wording.count(left.skipped, "page")) that case \(name) read stayed in the pool"
                )
            )
        }
        return time
    }

    private func read() throws(BenchFailure) -> UInt64 {
        var sum: UInt64 = 0
        var block: UInt32 = 0
        // Without a ring, so that the whole relation goes into the pool.
        var stream = relation.stream(
            BlockRange(0..<relation.blockCount), session: session,
            options: ReadStreamOptions([.sequential, .full, .batching]))
        do throws(StorageError) {
            while let page = try stream.next() {
                sum &+= BenchPage.field(page, block)
                block &+= 1
                if block & (Self.stride - 1) == 0, plan.cancellation.isCancelled { break }
            }
        } catch { throw .storage(error) }
        try plan.checkCancellation()
        return sum
    }
}
