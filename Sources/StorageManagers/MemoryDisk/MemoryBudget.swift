internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// Counts pages against a limit. Safe to use from any thread.
final class MemoryBudget: Sendable {
    let limit: Int
    private let count = Atomic<Int>(0)

    init(pages: Int) { limit = pages }

    var used: Int { count.load(ordering: .relaxed) }

    /// Takes pages. Returns false and takes none if that would exceed the limit.
    func take(_ pages: Int) -> Bool {
        var old = count.load(ordering: .relaxed)
        while old + pages <= limit {
            let (exchanged, original) = count.weakCompareExchange(
                expected: old, desired: old + pages, ordering: .relaxed)
            if exchanged { return true }
            old = original
        }
        return false
    }

    func giveBack(_ pages: Int) { count.subtract(pages, ordering: .relaxed) }
}
