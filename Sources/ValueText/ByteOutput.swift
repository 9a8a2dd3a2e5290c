/// A buffer for bytes of text or datums, written one value after the other.
///
/// Grows by doubling and keeps its memory, so a reused buffer does not allocate. Owned by one
/// thread at a time.
@safe
public struct ByteOutput: ~Copyable {
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var used = 0

    /// How many bytes were appended.
    @inlinable public var count: Int { used }

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
        @inlinable @inline(__always)
        get {
            let span = unsafe Span(_unsafeStart: UnsafePointer(base), count: used)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// A copy of the bytes.
    public var bytes: [UInt8] { unsafe Array(rawBuffer) }

    /// The address of the bytes, valid until the next byte is appended.
    package var start: UnsafePointer<UInt8> { unsafe UnsafePointer(base) }

    /// The bytes. The caller must not use them after changing the buffer.
    @unsafe @inlinable @inline(__always)
    public var rawBuffer: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: used)
    }

    /// Removes the bytes and keeps the memory.
    @inlinable @inline(__always)
    public mutating func removeAll() {
        used = 0
    }

    /// Removes the bytes from `length` on, which must not exceed ``count``.
    @inlinable
    public mutating func truncate(to length: Int) {
        precondition(length >= 0 && length <= used)
        used = length
    }

    /// Makes room for `additional` more bytes.
    @inlinable @inline(__always)
    public mutating func reserve(_ additional: Int) {
        if additional > capacity - used { grow(additional) }
    }

    @usableFromInline @inline(never)
    mutating func grow(_ additional: Int) {
        let larger = max(capacity * 2, used + additional)
        let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        unsafe moved.update(from: base, count: used)
        unsafe base.deallocate()
        unsafe base = unsafe moved
        capacity = larger
    }

    /// Appends a byte.
    @inlinable @inline(__always)
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe base[used] = byte
        used &+= 1
    }

    /// Appends bytes.
    @inlinable @inline(__always)
    public mutating func append(_ bytes: Span<UInt8>) {
        reserve(bytes.count)
        let target = unsafe base + used
        unsafe bytes.withUnsafeBufferPointer { source in
            guard let start = source.baseAddress else { return }
            unsafe target.update(from: start, count: source.count)
        }
        used &+= bytes.count
    }

    /// Appends bytes.
    @inlinable @inline(__always)
    public mutating func append(_ bytes: RawSpan) {
        append(unsafe bytes._unsafeView(as: UInt8.self))
    }

    /// Appends a literal.
    @inlinable @inline(__always)
    public mutating func append(_ text: StaticString) {
        reserve(text.utf8CodeUnitCount)
        unsafe (base + used).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        used &+= text.utf8CodeUnitCount
    }

    /// Appends the UTF-8 of a string.
    public mutating func append(string: String) {
        for byte in string.utf8 { append(byte) }
    }

    /// Appends a 16-bit number, least significant byte first.
    @inline(__always)
    mutating func append(littleEndian value: UInt16) {
        append(UInt8(truncatingIfNeeded: value))
        append(UInt8(truncatingIfNeeded: value &>> 8))
    }

    /// Appends `length` bytes, which the caller must set before they are read. Returns the new
    /// count.
    @inline(__always)
    mutating func extend(by length: Int) -> Int {
        reserve(length)
        used &+= length
        return used
    }

    /// Inserts a byte before the one at `index`. O(bytes after it).
    mutating func insert(_ byte: UInt8, at index: Int) {
        precondition(index >= 0 && index <= used)
        reserve(1)
        unsafe (base + index + 1).update(from: base + index, count: used - index)
        unsafe base[index] = byte
        used &+= 1
    }

    /// Puts `mark` before and behind the bytes from `start` on.
    mutating func enclose(from start: Int, in mark: UInt8) {
        insert(mark, at: start)
        append(mark)
    }

    /// Overwrites the byte at `index`, which must exist.
    @inline(__always)
    mutating func set(_ index: Int, to byte: UInt8) {
        assert(index >= 0 && index < used)
        unsafe base[index] = byte
    }

    /// Puts `mark` around the bytes from `start` on and doubles it among them, from back to front.
    package mutating func quote(from start: Int, with mark: UInt8) {
        let length = used - start
        var marks = 2
        for index in start..<used where span[index] == mark { marks += 1 }
        var target = extend(by: marks) - 1
        set(target, to: mark)
        for index in stride(from: start + length - 1, through: start, by: -1) {
            let byte = span[index]
            target -= 1
            set(target, to: byte)
            if byte == mark {
                target -= 1
                set(target, to: byte)
            }
        }
        set(start, to: mark)
    }

    /// Replaces line feeds and carriage returns from `start` on by blanks.
    package mutating func joinLines(from start: Int) {
        for index in start..<used where span[index] == 0x0A || span[index] == 0x0D {
            set(index, to: UInt8(ascii: " "))
        }
    }
}
