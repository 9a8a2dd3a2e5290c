// Every load from a stored value goes through this file. Offsets come from disk, so each is checked
// against the span's length first. PostgreSQL's files are little-endian, whatever the host.

extension RawSpan {
    /// The byte at `offset`.
    @inline(__always)
    package func byte(_ offset: Int) throws(ValueFault) -> UInt8 {
        guard offset >= 0, offset < byteCount else { throw fault(offset, 1) }
        // In bounds: checked above.
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The little-endian integer at `offset`, aligned or not.
    @inline(__always)
    package func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Int, as type: Value.Type = Value.self
    ) throws(ValueFault) -> Value {
        let size = MemoryLayout<Value>.size
        guard offset >= 0, offset <= byteCount &- size else { throw fault(offset, size) }
        // In bounds: checked above.
        return Value(
            littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// The `double precision` at `offset`.
    @inline(__always)
    package func double(_ offset: Int) throws(ValueFault) -> Double {
        Double(bitPattern: try load(offset, as: UInt64.self))
    }

    /// The `count` bytes from `offset` on.
    @inline(__always)
    @_lifetime(copy self)
    package func part(_ offset: Int, _ count: Int) throws(ValueFault) -> RawSpan {
        guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount &- offset else {
            throw fault(offset, count)
        }
        return extracting(offset..<offset &+ count)
    }

    /// The bytes from `offset` to the end.
    @inline(__always)
    @_lifetime(copy self)
    package func rest(_ offset: Int) throws(ValueFault) -> RawSpan {
        guard offset >= 0, offset <= byteCount else { throw fault(offset, 0) }
        return extracting(offset..<byteCount)
    }

    @inline(never)
    private func fault(_ offset: Int, _ count: Int) -> ValueFault {
        .truncated(needed: max(0, offset) &+ max(0, count), available: byteCount)
    }

    /// The position of the first zero byte from `offset` on; the end if there is none.
    package func terminator(from offset: Int) -> Int {
        var index = max(0, offset)
        while index < byteCount {
            // In bounds: the loop's condition.
            if unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) == 0 { return index }
            index &+= 1
        }
        return byteCount
    }

    /// Calls `body` with each byte.
    @inline(__always)
    package func forEachByte(_ body: (UInt8) -> Void) {
        for index in 0..<byteCount {
            // In bounds: the loop's range.
            body(unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self))
        }
    }

    /// Whether some byte satisfies `condition`.
    @inline(__always)
    package func contains(where condition: (UInt8) -> Bool) -> Bool {
        for index in 0..<byteCount {
            // In bounds: the loop's range.
            if condition(unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)) { return true }
        }
        return false
    }

    /// Whether the bytes are those of `array`.
    package func equals(_ array: [UInt8]) -> Bool {
        guard array.count == byteCount else { return false }
        for index in 0..<byteCount {
            // Both have `byteCount` bytes.
            if unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self) != array[index] {
                return false
            }
        }
        return true
    }

    /// Whether the bytes are those of `text`.
    package func equals(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount == byteCount else { return false }
        for index in 0..<byteCount {
            // Both have `byteCount` bytes.
            let mine = unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
            if unsafe text.utf8Start[index] != mine { return false }
        }
        return true
    }
}

/// `value` rounded up to a multiple of `alignment`, a power of two.
@inline(__always)
package func aligned(_ value: Int, _ alignment: Int) -> Int {
    (value &+ (alignment &- 1)) & ~(alignment &- 1)
}
