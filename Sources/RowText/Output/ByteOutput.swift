/// A buffer for bytes of text or datums, written one value after the other.
///
/// Grows by doubling and keeps its memory, so a reused buffer does not allocate. Owned by one
/// thread at a time.
@safe
public struct ByteOutput: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// How many bytes were appended.
    public private(set) var count = 0

    /// Makes an empty buffer with room for `capacity` bytes.
    public init(capacity: Int = 64 << 10) {
        self.capacity = max(capacity, 16)
        unsafe base = .allocate(capacity: self.capacity)
    }

    deinit {
        unsafe base.deallocate()
    }

    /// The bytes.
    public var span: Span<UInt8> {
        @_lifetime(borrow self)
        @inline(__always)
        get {
            let span = unsafe Span(_unsafeStart: UnsafePointer(base), count: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The address of the bytes, valid until the next byte is appended.
    @inline(__always)
    var start: UnsafePointer<UInt8> { unsafe UnsafePointer(base) }

    /// The bytes. Use them before changing the buffer.
    @unsafe @inline(__always)
    var rawBuffer: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: count)
    }

    /// Removes the bytes and keeps the memory.
    @inline(__always)
    public mutating func removeAll() {
        count = 0
    }

    /// Removes the bytes from `length` on.
    public mutating func truncate(to length: Int) {
        precondition(length >= 0 && length <= count)
        count = length
    }

    /// Makes room for `additional` more bytes.
    @inline(__always)
    public mutating func reserve(_ additional: Int) {
        if additional > capacity - count { grow(additional) }
    }

    @inline(never)
    private mutating func grow(_ additional: Int) {
        let larger = max(capacity * 2, count + additional)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        unsafe moved.update(from: base, count: count)
        unsafe base.deallocate()
        unsafe base = unsafe moved
        capacity = larger
    }

    /// Appends a byte.
    @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base[count] = byte
        count &+= 1
    }

    /// Appends bytes.
    @inline(__always)
    public mutating func append(_ bytes: Span<UInt8>) {
        reserve(bytes.count)
        let target = unsafe base + count
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe target.update(from: start, count: source.count)
        }
        count &+= bytes.count
    }

    /// Appends bytes.
    @inline(__always)
    public mutating func append(_ bytes: RawSpan) {
        append(Span(viewing: bytes))
    }

    /// Appends a literal.
    @inline(__always)
    public mutating func append(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        unsafe (base + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        count &+= text.utf8CodeUnitCount
    }

    /// Appends the UTF-8 of a string.
    public mutating func append(string: String) {
        for byte in string.utf8 { append(byte) }
    }

    /// Appends `length` bytes, which the caller must set before they are read. Returns the new
    /// count.
    @inline(__always)
    mutating func extend(by length: Int) -> Int {
        reserve(length)
        count &+= length
        return count
    }

    /// Inserts a byte before the one at `index`. O(bytes after it).
    mutating func insert(_ byte: UInt8, at index: Int) {
        precondition(index >= 0 && index <= count)
        reserve(1)
        unsafe (base + index + 1).update(from: base + index, count: count - index)
        unsafe base[index] = byte
        count &+= 1
    }

    /// Overwrites the byte at `index`.
    @inline(__always)
    mutating func set(_ index: Int, to byte: UInt8) {
        assert(index >= 0 && index < count)
        unsafe base[index] = byte
    }

    /// Appends a 16-bit number, least significant byte first.
    @inline(__always)
    mutating func append(littleEndian value: UInt16) {
        append(UInt8(truncatingIfNeeded: value))
        append(UInt8(truncatingIfNeeded: value &>> 8))
    }
}
