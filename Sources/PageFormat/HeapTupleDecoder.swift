/// Decodes tuples of one layout. Use one decoder for many tuples: it finds the positions of a
/// tuple's attributes, in memory allocated at the beginning. Used by one thread at a time.
///
/// ```swift
/// var decoder = HeapTupleDecoder(layout: [.int32, .variable()])
/// for number in page.linePointerNumbers {
///     guard let tuple = try page.tuple(number) else { continue }
///     try decoder.decode(tuple)
///     let id = try decoder.integer(0, of: tuple, as: Int32.self)
///     let name = decoder.value(1, of: tuple)
/// }
/// ```
public struct HeapTupleDecoder: Sendable {
    /// The attributes in order.
    public let layout: [AttributeLayout]

    /// The positions of the last decoded tuple's values.
    @usableFromInline
    var slots: [Slot]

    /// The forms of those values after ``decodeStored(_:)``; empty after ``decode(_:)``.
    var forms: [StoredForm] = []

    /// A value's position in its tuple.
    @usableFromInline
    struct Slot: Sendable {
        /// Bytes from the tuple's beginning; 0xFFFF if the value is null.
        @usableFromInline let start: UInt16
        @usableFromInline let count: UInt16

        @inlinable
        init(start: Int, count: Int) {
            self.start = UInt16(truncatingIfNeeded: start)
            self.count = UInt16(truncatingIfNeeded: count)
        }

        @inlinable
        static var null: Slot { Slot(start: 0xFFFF, count: 0) }

        @inlinable
        var isNull: Bool { start == 0xFFFF }
    }

    /// Makes a decoder for tuples of `layout`.
    public init(layout: [AttributeLayout]) {
        self.layout = layout
        slots = Array(repeating: .null, count: layout.count)
    }

    /// Finds the values of `tuple`. Mirrors PostgreSQL's `heap_deform_tuple`.
    ///
    /// Throws `.badAttribute` if a value does not lie within the tuple, or is compressed or stored
    /// out of line; all values are null then. Attributes that the tuple does not store are null.
    /// O(attributes), without allocation.
    @inlinable
    public mutating func decode(_ tuple: HeapTupleView) throws(PageFormatError) {
        if hasForms { forgetForms() }
        var offset = tuple.dataOffset
        for index in layout.indices {
            if tuple.isNull(index) {
                slots[index] = .null
                continue
            }
            do throws(PageFormatError.AttributeFault) {
                let slot = try Self.locate(layout[index], from: offset, in: tuple.bytes)
                slots[index] = slot
                offset = Int(slot.start) &+ Int(slot.count)
            } catch {
                for index in slots.indices { slots[index] = .null }
                throw .badAttribute(tuple.number, attribute: index, error)
            }
        }
    }

    /// Whether ``forms`` is not empty.
    @usableFromInline
    var hasForms = false

    /// Whether the attribute of the last decoded tuple is null. False if the layout does not have
    /// it.
    @inlinable
    public func isNull(_ attribute: Int) -> Bool {
        slots.indices.contains(attribute) && slots[attribute].isNull
    }

    /// The bytes of an attribute of `tuple`, which must be the last decoded one. Without the length
    /// if the attribute is variable. Nil if it is null or the layout does not have it.
    @inlinable
    @_lifetime(copy tuple)
    public func value(_ attribute: Int, of tuple: HeapTupleView) -> RawSpan? {
        guard slots.indices.contains(attribute) else { return nil }
        let slot = slots[attribute]
        guard !slot.isNull else { return nil }
        let start = Int(slot.start)
        let end = start &+ Int(slot.count)
        precondition(end <= tuple.bytes.byteCount, "Another tuple was decoded last.")
        return tuple.bytes.extracting(start..<end)
    }

    /// An attribute of `tuple`, which must be the last decoded one, as a little-endian integer; nil
    /// if it is null. Make floating point numbers from their bit pattern.
    ///
    /// Throws `.badAttribute` if the value has another size or the layout has no such attribute.
    @inlinable
    public func integer<Value: FixedWidthInteger & BitwiseCopyable>(
        _ attribute: Int, of tuple: HeapTupleView, as type: Value.Type
    ) throws(PageFormatError) -> Value? {
        guard slots.indices.contains(attribute) else {
            throw .badAttribute(tuple.number, attribute: attribute, .noSuchAttribute)
        }
        guard let value = value(attribute, of: tuple) else { return nil }
        guard value.byteCount == MemoryLayout<Value>.size else {
            throw .badAttribute(
                tuple.number, attribute: attribute,
                .wrongSize(found: value.byteCount, expected: MemoryLayout<Value>.size))
        }
        return Value(
            littleEndian: unsafe value.unsafeLoadUnaligned(fromByteOffset: 0, as: Value.self))
    }
}

extension HeapTupleDecoder {
    /// Finds the value that begins at `offset` or at the next aligned offset.
    @inlinable
    static func locate(
        _ attribute: AttributeLayout, from offset: Int, in bytes: RawSpan
    ) throws(PageFormatError.AttributeFault) -> Slot {
        if attribute.isVariable {
            return try locateVariable(attribute, from: offset, in: bytes)
        }
        let start = PageLayout.align(offset, to: attribute.alignment)
        let count = Int(attribute.length)
        guard start &+ count <= bytes.byteCount else {
            throw .pastEnd(offset: start, length: count, tupleLength: bytes.byteCount)
        }
        return Slot(start: start, count: count)
    }

    /// Finds a value that begins with its length. Padding is zero and no unaligned length begins
    /// with a zero byte, so the byte at `offset` tells whether there is padding.
    @inlinable
    static func locateVariable(
        _ attribute: AttributeLayout, from offset: Int, in bytes: RawSpan
    ) throws(PageFormatError.AttributeFault) -> Slot {
        let limit = bytes.byteCount
        guard offset < limit else {
            throw .pastEnd(offset: offset, length: 1, tupleLength: limit)
        }
        let first = bytes.uint8(at: offset)
        if first & 1 == 1 {
            return try locateShort(first, at: offset, in: bytes)
        }
        let start = first == 0 ? PageLayout.align(offset, to: attribute.alignment) : offset
        guard start &+ 4 <= limit else {
            throw .pastEnd(offset: start, length: 4, tupleLength: limit)
        }
        let word = bytes.uint32(at: start)
        guard word & 1 == 0 else {
            return try locateShort(bytes.uint8(at: start), at: start, in: bytes)
        }
        guard word & 2 == 0 else { throw .compressed }
        let total = Int(word >> 2)
        guard total >= 4 else { throw .badLength(total) }
        guard total <= limit &- start else {
            throw .pastEnd(offset: start, length: total, tupleLength: limit)
        }
        return Slot(start: start &+ 4, count: total &- 4)
    }

    /// Finds a value behind a length byte.
    @inlinable
    static func locateShort(
        _ first: UInt8, at start: Int, in bytes: RawSpan
    ) throws(PageFormatError.AttributeFault) -> Slot {
        let limit = bytes.byteCount
        let total = Int(first >> 1)
        guard total > 0 else {
            guard start &+ 1 < limit else {
                throw .pastEnd(offset: start, length: 2, tupleLength: limit)
            }
            throw .external(tag: bytes.uint8(at: start &+ 1))
        }
        guard total <= limit &- start else {
            throw .pastEnd(offset: start, length: total, tupleLength: limit)
        }
        return Slot(start: start &+ 1, count: total &- 1)
    }
}
