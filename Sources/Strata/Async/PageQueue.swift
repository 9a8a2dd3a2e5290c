internal import AsyncIO
internal import BufferManager
internal import DequeModule
internal import Threads

/// A queue of fixed capacity for pages on their way from the loop to the task that reads a stream.
///
/// Any thread may use it; the lock is held for a few instructions.
final class PageQueue<PageData>: Sendable {
    /// What the task receives.
    enum Item: ~Copyable, @unchecked Sendable {
        case page(PinnedPage, PageData)
        case failed(StorageError, PageData?)
    }

    let capacity: Int
    private let items: Lock<RigidDeque<Item>>

    init(capacity: Int) {
        self.capacity = capacity
        items = Lock(RigidDeque(capacity: capacity), rank: .streamQueue)
    }

    var count: Int { items.withLock { $0.count } }

    /// Adds an item behind the others; there must be room.
    func append(_ item: consuming Item) {
        var item: Item? = consume item
        items.withLock { items in
            if let item = item.take() { items.append(item) }
        }
    }

    /// Takes the oldest item.
    ///
    /// - Parameter left: how many remain.
    func removeFirst(_ left: inout Int) -> Item? {
        items.withLock { items in
            guard let item = items.popFirst() else { return nil }
            left = items.count
            return item
        }
    }

    /// Gives back all pages.
    func removeAll() {
        var left = 0
        while removeFirst(&left) != nil {}
    }
}
