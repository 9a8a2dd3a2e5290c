import BufferManager

/// A queue of pinned pages with a fixed capacity. One thread's at a time.
@safe
struct PageQueue: ~Copyable {
    private let slots: UnsafeMutablePointer<PinnedPage>
    private let capacity: Int
    /// Position of the first page, and how many there are; only their slots are initialised.
    private var first = 0
    private var count = 0

    /// Makes an empty queue.
    init(capacity: Int) {
        precondition(capacity > 0, "a queue has room for a page")
        self.capacity = capacity
        unsafe slots = .allocate(capacity: capacity)
    }

    deinit {
        for position in 0..<count {
            unsafe (slots + (first + position) % capacity).deinitialize(count: 1)
        }
        unsafe slots.deallocate()
    }

    /// Whether there is no page.
    var isEmpty: Bool { count == 0 }

    /// Appends a page; gives its pin back when the queue is full.
    mutating func append(_ page: consuming PinnedPage) {
        guard count < capacity else { return }
        unsafe (slots + (first + count) % capacity).initialize(to: page)
        count += 1
    }

    /// Takes the first page; nil when there is none.
    mutating func removeFirst() -> PinnedPage? {
        guard count > 0 else { return nil }
        let page = unsafe (slots + first).move()
        first = (first + 1) % capacity
        count -= 1
        return page
    }

    /// Gives all pages' pins back.
    mutating func removeAll() {
        while removeFirst() != nil {}
    }
}
