/// A queue of fixed capacity for the data that accompanies a stream's blocks.
@safe
@usableFromInline
struct DataRing<Element>: ~Copyable {
    /// `capacity` places, of which `count` are initialised, starting at `first` and wrapping
    /// around. Valid until `deinit`.
    @usableFromInline let places: UnsafeMutablePointer<Element>
    @usableFromInline let capacity: Int
    @usableFromInline var first = 0
    @usableFromInline var count = 0

    @inlinable
    init(capacity: Int) {
        self.capacity = capacity
        unsafe places = .allocate(capacity: capacity)
    }

    @inlinable
    deinit {
        for position in 0..<count {
            unsafe (places + (first + position) % capacity).deinitialize(count: 1)
        }
        unsafe places.deallocate()
    }

    /// Appends an element. Callers must ensure that there is room.
    @inlinable
    mutating func append(_ element: Element) {
        precondition(count < capacity, "a stream names no more blocks than it may pin")
        var place = first + count
        if place >= capacity { place -= capacity }
        unsafe (places + place).initialize(to: element)
        count += 1
    }

    /// Removes and returns the oldest element. Callers must ensure that there is one.
    @inlinable
    mutating func removeFirst() -> Element {
        precondition(count > 0, "every block of a stream has its data")
        let element = unsafe (places + first).move()
        first = first + 1 == capacity ? 0 : first + 1
        count -= 1
        return element
    }

    @inlinable
    mutating func removeAll() {
        while count > 0 { _ = removeFirst() }
    }
}
