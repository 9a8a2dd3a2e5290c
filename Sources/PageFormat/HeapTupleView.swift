/// A heap tuple to read, from ``PageView/tuple(_:)``. Holds nothing but its bytes. Its header was
/// checked against its length; its attributes were not. A ``HeapTupleDecoder`` checks those.
public struct HeapTupleView: ~Escapable {
    /// The whole tuple, header included.
    public let bytes: RawSpan

    /// The tuple's line pointer, which errors name.
    public let number: OffsetNumber

    /// The number of attributes stored. Further ones of the layout count as null.
    public let attributeCount: Int

    /// Whether there is a null bitmap.
    public let hasNulls: Bool

    /// Bytes from the tuple's beginning to its data.
    public let dataOffset: Int

    /// Views `bytes` as the tuple at line pointer `number`.
    ///
    /// Throws `.badLinePointer` if the bytes are too few for a header, `.badTuple` if the header
    /// contradicts their number.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, number: OffsetNumber) throws(PageFormatError) {
        guard bytes.byteCount >= PageLayout.tupleHeaderSize else {
            throw .badLinePointer(number, .tooShort(length: bytes.byteCount))
        }
        let infomask2 = bytes.uint16(at: HeapTupleHeader.Offset.infomask2)
        let flags = HeapTupleHeader.Flags(
            rawValue: bytes.uint16(at: HeapTupleHeader.Offset.flags))
        let count = Int(infomask2 & HeapTupleHeader.attributeCountMask)
        let hasNulls = flags.contains(.hasNulls)
        let dataOffset = Int(bytes.uint8(at: HeapTupleHeader.Offset.dataOffset))
        guard count <= PageLayout.maximumAttributes else {
            throw .badTuple(number, .tooManyAttributes(count))
        }
        // Older servers kept an object id before the data, so more than is needed is allowed.
        let needed = HeapTupleHeader.dataOffset(attributes: count, hasNulls: hasNulls)
        guard dataOffset >= needed, dataOffset <= bytes.byteCount, dataOffset & 7 == 0 else {
            throw .badTuple(number, .badDataOffset(dataOffset))
        }
        self.bytes = bytes
        self.number = number
        self.attributeCount = count
        self.hasNulls = hasNulls
        self.dataOffset = dataOffset
    }

    /// The header, decoded in full.
    @inlinable
    public var header: HeapTupleHeader {
        guard let header = HeapTupleHeader(bytes) else {
            preconditionFailure("A tuple view holds a whole header.")
        }
        return header
    }

    /// Whether an attribute, counted from 0, is null or not stored.
    @inlinable
    public func isNull(_ attribute: Int) -> Bool {
        guard attribute >= 0, attribute < attributeCount else { return true }
        guard hasNulls else { return false }
        // The bitmap has a bit for each attribute and lies before the data: both were checked.
        let byte = bytes.uint8(at: HeapTupleHeader.Offset.bitmap &+ attribute >> 3)
        return byte & (1 << UInt8(truncatingIfNeeded: attribute & 7)) == 0
    }
}

extension PageView {
    /// The tuple of a line pointer in state normal; nil in any other state.
    ///
    /// Throws `.noSuchLinePointer`, `.badLinePointer` or `.badTuple`. Constant time.
    @inlinable
    @_lifetime(copy self)
    public func tuple(_ number: OffsetNumber) throws(PageFormatError) -> HeapTupleView? {
        guard let bytes = try item(number) else { return nil }
        return try HeapTupleView(bytes, number: number)
    }
}
