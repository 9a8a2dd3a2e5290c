internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// How many pages there may be, and how many there are. Any thread.
final class MemoryBudget: Sendable {
    let limit: Int
    private let count = Atomic<Int>(0)

    init(pages: Int) { limit = pages }

    var used: Int { count.load(ordering: .relaxed) }

    /// Takes pages; false, taking none, when there would be too many.
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
