internal import AsyncIO
internal import BufferManager
internal import Threads

/// Pages on their way from the loop to the task that reads a stream: a queue of fixed capacity.
///
/// Any thread; the lock is held for a few instructions.
@safe
final class PageQueue<PageData>: @unchecked Sendable {
    /// What the task gets.
    enum Item: ~Copyable {
        case page(PinnedPage, PageData)
        case failed(StorageError, PageData?)
        /// The source has no more.
        case ended
        /// The task may ask the source itself from here on.
        case onDemand
    }

    private struct Ends {
        var first = 0
        var count = 0
    }

    let capacity: Int
    /// `count` places from `first` on, round the end, are initialised; guarded by the lock, valid
    /// until `deinit`.
    private let places: UnsafeMutablePointer<Item>
    private let ends = Lock(Ends(), rank: .streamQueue)

    init(capacity: Int) {
        self.capacity = capacity
        unsafe places = .allocate(capacity: capacity)
    }

    deinit {
        removeAll()
        unsafe places.deallocate()
    }

    var count: Int { ends.withLock { $0.count } }

    /// Adds an item behind the others; there must be room. By one thread at a time.
    func append(_ item: consuming Item) {
        let place = ends.withLock { ends in
            precondition(ends.count < capacity, "a stream's queue is not given more than it holds")
            return (ends.first + ends.count) % capacity
        }
        // Nobody looks at the place before it is counted.
        unsafe (places + place).initialize(to: item)
        ends.withLock { $0.count += 1 }
    }

    /// Takes the oldest item. By one thread at a time.
    ///
    /// - Parameter left: how many there are then.
    func removeFirst(_ left: inout Int) -> Item? {
        guard let place = ends.withLock({ $0.count > 0 ? $0.first : nil }) else { return nil }
        let item = unsafe (places + place).move()
        left = ends.withLock { ends in
            ends.first = (ends.first + 1) % capacity
            ends.count -= 1
            return ends.count
        }
        return item
    }

    /// Gives back all pages. By the thread that takes.
    func removeAll() {
        var left = 0
        while removeFirst(&left) != nil {}
    }
}
