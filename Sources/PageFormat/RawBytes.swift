// The module's only loads from and stores to page bytes. Callers have checked offsets against the
// span's size. The span checks them again, so a mistake stops the program before it reads foreign
// memory. Pages are little-endian, whatever the host.

extension RawSpan {
    /// The byte at `offset`.
    @inlinable
    func uint8(at offset: Int) -> UInt8 {
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The little-endian 16-bit value at `offset`, aligned or not.
    @inlinable
    func uint16(at offset: Int) -> UInt16 {
        UInt16(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// The little-endian 32-bit value at `offset`, aligned or not.
    @inlinable
    func uint32(at offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension MutableRawSpan {
    /// Stores `value` at `offset`, little-endian, aligned or not.
    @inlinable
    mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at offset: Int
    ) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
}
