import BufferManager

/// A queue of pinned pages with a fixed capacity. Used by one thread at a time.
@safe
struct RunQueue: ~Copyable {
    private let slots: UnsafeMutablePointer<PinnedPage>
    private let capacity: Int
    /// Position of the first page, and the number of pages. Only their slots are initialised.
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

    /// Whether the queue is empty.
    var isEmpty: Bool { count == 0 }

    /// Appends a page. If the queue is full, gives back the page's pin instead.
    mutating func append(_ page: consuming PinnedPage) {
        guard count < capacity else { return }
        unsafe (slots + (first + count) % capacity).initialize(to: page)
        count += 1
    }

    /// Removes and returns the first page; nil if the queue is empty.
    mutating func removeFirst() -> PinnedPage? {
        guard count > 0 else { return nil }
        let page = unsafe (slots + first).move()
        first = (first + 1) % capacity
        count -= 1
        return page
    }

    /// Gives back all pages' pins.
    mutating func removeAll() {
        while removeFirst() != nil {}
    }
}
