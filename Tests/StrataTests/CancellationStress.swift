import StorageTesting
import Strata
import Synchronization

/// A number that tasks share.
final class Tally: Sendable {
    private let value: Atomic<Int>
    init(_ count: Int = 0) { value = Atomic(count) }
    var count: Int { value.load(ordering: .acquiring) }
    /// Adds, and returns what there was before.
    @discardableResult
    func add(_ number: Int = 1) -> Int {
        value.add(number, ordering: .acquiringAndReleasing).oldValue
    }
}

/// Tasks that read pages and streams, and are cancelled at any moment.
struct CancellationStress: Sendable {
    /// Checks a page; the page is nil if it is none of the relation's.
    typealias Check = @Sendable (borrowing PinnedPage) async throws -> Void

    struct Outcome: Sendable {
        var cancelled = 0
        var completed = 0
    }

    let relation: Relation
    let session: AsyncSession
    let check: Check
    /// How many tasks run at a time.
    var width = 32

    /// Runs until that many tasks have ended by cancellation.
    func run(_ count: Int, seed: UInt64) async throws -> Outcome {
        let left = Tally(count)
        return try await withThrowingTaskGroup(of: Outcome.self) { group in
            for index in 0..<width {
                group.addTask { try await cancelSome(left, seed: seed &+ UInt64(index)) }
            }
            var total = Outcome()
            while let one = try await group.next() {
                total.cancelled += one.cancelled
                total.completed += one.completed
            }
            return total
        }
    }

    private func cancelSome(_ left: Tally, seed: UInt64) async throws -> Outcome {
        var random = SplitMix64(seed: seed)
        var outcome = Outcome()
        while left.count > 0 {
            let streams = random.chance(0.2)
            let start = UInt32(random.below(Int(relation.blockCount)))
            let task = Task { try await streams ? stream(from: start) : page(start) }
            for _ in 0..<random.below(12) { await Task.yield() }
            task.cancel()
            do {
                try await task.value
                outcome.completed += 1
            } catch is CancellationError {
                outcome.cancelled += 1
                left.add(-1)
            }
        }
        return outcome
    }

    private func page(_ block: UInt32) async throws {
        let page = try await relation.page(BlockNumber(block), session: session)
        try await check(page)
    }

    private func stream(from block: UInt32) async throws {
        var stream = relation.stream(BlockRange(block..<relation.blockCount), session: session)
        while let page = try await stream.next() {
            try await check(page)
            try Task.checkCancellation()
        }
    }
}
