public import CPlatform

/// A page to read while others may be changing it. Its bytes may be of different moments; the code
/// that lends it out drops the outcome if they were, and looks again.
///
/// Whatever the bytes are, no call traps or reaches beyond the page: an offset outside it throws
/// ``PageFormatError/outsidePage(offset:length:)``. Each call that returns a value has loaded it
/// once, so a value that was checked stays what it was.
///
/// Calls take constant time unless stated otherwise.
@safe
public struct PageGlimpse: ~Escapable {
    @usableFromInline let page: UnsafeRawPointer

    /// Looks at the page at `page`.
    ///
    /// Unsafe: the 8192 bytes at `page` must stay readable while the value lives. No alignment is
    /// needed.
    @inlinable
    @unsafe
    @_lifetime(immortal)
    public init(unsafePage page: UnsafeRawPointer) { unsafe self.page = unsafe page }

    /// The only access to the bytes. Callers have checked that there are `count` of them.
    @inlinable
    @inline(__always)
    func word(_ offset: Int, _ count: Int) -> UInt64 {
        unsafe strata_load_racing(page + offset, count)
    }

    @inlinable
    @inline(__always)
    static func check(_ offset: Int, _ count: Int) throws(PageFormatError) {
        guard offset >= 0, count >= 0, count <= PageLayout.size,
            offset <= PageLayout.size &- count
        else { throw .outsidePage(offset: offset, length: count) }
    }
}

extension PageGlimpse {
    /// The little-endian integer at `offset`, aligned or not.
    ///
    /// - Throws: `outsidePage`.
    @inlinable
    @inline(__always)
    public func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Int, as type: Value.Type = Value.self
    ) throws(PageFormatError) -> Value {
        let count = MemoryLayout<Value>.size
        try Self.check(offset, count)
        var value = Value(truncatingIfNeeded: word(offset, min(count, 8)))
        var position = 8
        while position < count {
            let next = Value(
                truncatingIfNeeded: word(offset &+ position, min(count &- position, 8)))
            value |= next &<< Value(truncatingIfNeeded: 8 &* position)
            position &+= 8
        }
        return value
    }

    /// Copies the bytes from `offset` on until `target` is full. O(bytes).
    ///
    /// - Throws: `outsidePage`; `target` is unchanged then.
    @inlinable
    public func copy(_ offset: Int, to target: inout MutableRawSpan) throws(PageFormatError) {
        let count = target.byteCount
        try Self.check(offset, count)
        var position = 0
        while position <= count &- 8 {
            target.storeBytes(
                of: word(offset &+ position, 8).littleEndian, toByteOffset: position,
                as: UInt64.self)
            position &+= 8
        }
        while position < count {
            target.storeBytes(
                of: UInt8(truncatingIfNeeded: word(offset &+ position, 1)), toByteOffset: position,
                as: UInt8.self)
            position &+= 1
        }
    }

    /// A copy of `length` bytes from `offset` on. O(bytes), and an allocation.
    ///
    /// - Throws: `outsidePage`.
    public func bytes(_ offset: Int, _ length: Int) throws(PageFormatError) -> [UInt8] {
        try Self.check(offset, length)
        var result = [UInt8](repeating: 0, count: length)
        var span = result.mutableSpan
        var target = unsafe span.mutableBytes
        try copy(offset, to: &target)
        return result
    }

    /// Compares `length` bytes from `offset` on with `key`, byte by byte, as `memcmp` does; of two
    /// where one begins with the other, the shorter comes first. O(bytes).
    ///
    /// - Returns: a negative number if the page's bytes come first, 0 if they are equal, else a
    ///   positive one.
    /// - Throws: `outsidePage`.
    @inlinable
    public func compare(_ offset: Int, _ length: Int, with key: RawSpan) throws(PageFormatError)
        -> Int
    {
        try Self.check(offset, length)
        let common = min(length, key.byteCount)
        var position = 0
        while position <= common &- 8 {
            // As big-endian numbers, words compare like their bytes.
            let own = word(offset &+ position, 8).byteSwapped
            let other = UInt64(
                bigEndian: unsafe key.unsafeLoadUnaligned(
                    fromByteOffset: position, as: UInt64.self))
            if own != other { return own < other ? -1 : 1 }
            position &+= 8
        }
        while position < common {
            let own = UInt8(truncatingIfNeeded: word(offset &+ position, 1))
            let other = unsafe key.unsafeLoad(fromByteOffset: position, as: UInt8.self)
            if own != other { return own < other ? -1 : 1 }
            position &+= 1
        }
        return length &- key.byteCount
    }

    /// Copies the whole page and reads the copy in its format: for code that needs a ``PageView``.
    /// The copy may be of different moments too, but does not change.
    public func withCopy<Result, Failure>(
        _ body: (PageView) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var copy = InlineArray<1024, UInt64>(repeating: 0)
        for position in copy.indices {
            copy[position] = word(position &* 8, 8).littleEndian
        }
        return try body(PageView(checked: unsafe copy.span.bytes))
    }
}
