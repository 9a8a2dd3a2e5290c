/// Forms heap tuples of one layout and puts them on pages. Made once and used for many tuples:
/// values are encoded into room allocated at the beginning, so forming and placing a tuple
/// allocates nothing. Used by one thread at a time. Mirrors PostgreSQL's `heap_form_tuple`.
///
/// ```swift
/// var builder = HeapTupleBuilder(layout: [.int32, .variable()])
/// builder.begin()
/// builder.append(Int32(7))
/// builder.appendVariable("seven".utf8Span.span.bytes)
/// if try builder.place(on: &page, block: block) == nil { … take another page and place again }
/// ```
///
/// Values come in the layout's order, one for each attribute. Values too large for a page are
/// counted but not kept, and ``place(on:block:)`` then throws.
@safe
public struct HeapTupleBuilder: ~Copyable, @unchecked Sendable {
    /// The attributes in their order.
    public let layout: [AttributeLayout]

    /// Header, bitmap and data of the tuple being formed. The data begins at ``dataStart``;
    /// header and bitmap are put right before it once it is known whether there are nulls.
    /// Owned by the builder alone.
    @usableFromInline
    let scratch: UnsafeMutableRawBufferPointer

    /// Where data begins in ``scratch``.
    @inlinable
    static var dataStart: Int { 256 }

    /// The most bytes of data that can fit on any page.
    @inlinable
    static var dataLimit: Int { PageLayout.maximumTupleSize }

    /// Where the bitmap begins in ``scratch``.
    @usableFromInline
    let bitmapStart: Int

    /// Bytes of data so far, counting those that were not kept.
    @usableFromInline
    var dataLength = 0

    /// How many values were appended.
    @usableFromInline
    var count = 0

    /// What the tuple contains.
    @usableFromInline
    var content: HeapTupleHeader.Flags = []

    /// Makes a builder for tuples of `layout`, of at most ``PageLayout/maximumAttributes``.
    public init(layout: [AttributeLayout]) {
        precondition(
            layout.count <= PageLayout.maximumAttributes,
            "A tuple can have at most \(PageLayout.maximumAttributes) attributes.")
        self.layout = layout
        unsafe scratch = .allocate(
            byteCount: Self.dataStart + Self.dataLimit,
            alignment: PageLayout.maximumAlignment)
        bitmapStart =
            Self.dataStart - HeapTupleHeader.dataOffset(attributes: layout.count, hasNulls: true)
            + HeapTupleHeader.Offset.bitmap
    }

    deinit {
        unsafe scratch.deallocate()
    }

    /// Forgets the values appended so far: another tuple begins.
    @inlinable
    public mutating func begin() {
        dataLength = 0
        count = 0
        content = []
    }

    /// How many bytes the tuple has, header and all.
    @inlinable
    public var byteCount: Int {
        HeapTupleHeader.dataOffset(
            attributes: layout.count, hasNulls: content.contains(.hasNulls)) &+ dataLength
    }
}

extension HeapTupleBuilder {
    /// Puts the tuple on the page, visible to everyone for ever, in a line pointer of its own.
    /// May be called again, for other pages, until ``begin()``. Mirrors
    /// `RelationPutHeapTuple`.
    ///
    /// - Parameter block: the page's block in its fork, which the tuple records.
    /// - Returns: the line pointer's number, or nil when the page has no room.
    /// - Throws: `.wrongAttributeCount`, `.tupleTooLarge`, or `.badHeader` when the page is not
    ///   one to add to.
    @inlinable
    public mutating func place(
        on page: inout PageEditor, block: UInt32
    ) throws(PageFormatError) -> OffsetNumber? {
        guard count == layout.count else {
            throw .wrongAttributeCount(found: count, expected: layout.count)
        }
        let length = byteCount
        guard length <= PageLayout.maximumTupleSize else {
            throw .tupleTooLarge(byteCount: length, limit: PageLayout.maximumTupleSize)
        }
        guard let slot = try page.reserve(length, isHeap: true) else { return nil }
        var header = HeapTupleHeader(frozenWithAttributes: count, content: content)
        header.block = block
        header.number = slot.number
        let start = Self.dataStart &- Int(header.dataOffset)
        // The header lies before the bitmap, the bitmap before the data, all in the scratch.
        var bytes = unsafe MutableRawSpan(
            _unsafeBytes: UnsafeMutableRawBufferPointer(
                rebasing: scratch[start..<start &+ length]))
        header.write(to: &bytes)
        if !content.contains(.hasNulls) {
            bytes.store(UInt8(0), at: HeapTupleHeader.Offset.bitmap)
        }
        page.copy(bytes.bytes, to: slot.offset)
        return slot.number
    }
}
