extension HeapTupleBuilder {
    /// Forms the tuple without putting it on a page: ``PageEditor/place(_:block:)`` does that, also
    /// with a copy of the bytes.
    ///
    /// - Returns: its bytes, valid until ``begin()``.
    /// - Throws: `.wrongAttributeWidth`; `.wrongAttributeCount`; `.tupleTooLarge`.
    @inlinable
    @_lifetime(&self)
    public mutating func formTuple() throws(PageFormatError) -> RawSpan {
        guard count == layout.count else { throw wrongValues }
        let length = byteCount
        guard length <= PageLayout.maximumTupleSize else {
            throw .tupleTooLarge(byteCount: length, limit: PageLayout.maximumTupleSize)
        }
        let header = HeapTupleHeader(frozenWithAttributes: count, content: content)
        let start = Self.dataStart &- Int(header.dataOffset)
        // The header lies before the bitmap and the bitmap before the data, all in the scratch.
        let tuple = unsafe UnsafeMutableRawBufferPointer(
            rebasing: scratch[start..<start &+ length])
        var bytes = unsafe MutableRawSpan(_unsafeBytes: tuple)
        header.write(to: &bytes)
        if !content.contains(.hasNulls) {
            bytes.store(UInt8(0), at: HeapTupleHeader.Offset.bitmap)
        }
        let formed = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(tuple))
        return unsafe _overrideLifetime(formed, mutating: &self)
    }
}

extension PageEditor {
    /// Puts a tuple on the page that ``HeapTupleBuilder/formTuple()`` has formed, and records its
    /// place in it. Mirrors `RelationPutHeapTuple`.
    ///
    /// - Parameters:
    ///   - tuple: the tuple's bytes, of which there are at least ``PageLayout/tupleHeaderSize``.
    ///   - block: the page's block in its fork.
    /// - Returns: the line pointer's number; nil if the page has no room.
    /// - Throws: `.badHeader` if the page cannot be added to.
    @inlinable
    public mutating func place(
        _ tuple: RawSpan, block: UInt32
    ) throws(PageFormatError) -> OffsetNumber? {
        guard tuple.byteCount >= PageLayout.tupleHeaderSize else {
            fatalError("\(tuple.byteCount) bytes are no tuple that formTuple() has formed")
        }
        guard let slot = try reserve(tuple.byteCount, isHeap: true) else { return nil }
        copy(tuple, to: slot.offset)
        let place = slot.offset
        bytes.store(
            UInt16(truncatingIfNeeded: block >> 16), at: place &+ HeapTupleHeader.Offset.blockHigh)
        bytes.store(
            UInt16(truncatingIfNeeded: block), at: place &+ HeapTupleHeader.Offset.blockLow)
        bytes.store(slot.number, at: place &+ HeapTupleHeader.Offset.number)
        return slot.number
    }
}
