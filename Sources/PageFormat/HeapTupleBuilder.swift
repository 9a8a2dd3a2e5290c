/// Forms heap tuples of one layout and puts them on pages. Use one builder for many tuples: it
/// encodes values into memory allocated at the beginning, so forming and placing a tuple allocates
/// nothing. Used by one thread at a time. Mirrors PostgreSQL's `heap_form_tuple`.
///
/// ```swift
/// var builder = HeapTupleBuilder(layout: [.int32, .variable()])
/// builder.begin()
/// builder.append(Int32(7))
/// builder.appendVariable("seven".utf8Span.span.bytes)
/// if try builder.place(on: &page, block: block) == nil { … take another page and place again }
/// ```
///
/// Append values in the layout's order, one for each attribute. Values beyond the limit of the
/// data, by default what fits a page, are counted but not kept; ``place(on:block:)`` then throws,
/// as it does if a value had another width than its attribute.
@safe
public struct HeapTupleBuilder: ~Copyable, @unchecked Sendable {
    /// The attributes in order.
    public let layout: [AttributeLayout]

    /// Header, bitmap and data of the tuple being formed. The data begins at ``dataStart``. Header
    /// and bitmap are put directly before it once it is known whether there are nulls. Owned by the
    /// builder alone. Grows with the data.
    @usableFromInline
    var scratch: UnsafeMutableRawBufferPointer

    /// Where data begins in ``scratch``.
    @inlinable
    static var dataStart: Int { 256 }

    /// The most bytes of data that ``scratch`` has room for.
    @usableFromInline
    var dataCapacity: Int

    /// The most bytes of data that are kept.
    let dataLimit: Int

    /// Where the null bitmap begins in ``scratch``.
    @usableFromInline
    let bitmapStart: Int

    /// The bytes of data so far, including those that were not kept.
    @usableFromInline
    var dataLength = 0

    /// The number of values appended.
    @usableFromInline
    var count = 0

    /// The attribute whose value had another width, and the value's bytes; meaningful while
    /// ``count`` is at least ``misfitCount``.
    @usableFromInline
    var misfit = (attribute: 0, found: 0)

    /// What ``count`` becomes after a value of another width: the tuple cannot be placed then, at
    /// no cost to those that can.
    @inlinable
    static var misfitCount: Int { 1 << 32 }

    /// The tuple's flags so far.
    @usableFromInline
    var content: HeapTupleHeader.Flags = []

    /// Makes a builder.
    ///
    /// - Parameters:
    ///   - layout: the attributes, at most ``PageLayout/maximumAttributes``.
    ///   - dataLimit: the most bytes of data to keep. A tuple of more than what fits a page can
    ///     only be taken apart again.
    public init(
        layout: [AttributeLayout], dataLimit: Int = PageLayout.maximumTupleSize
    ) {
        guard layout.count <= PageLayout.maximumAttributes else {
            fatalError("a tuple can have at most \(PageLayout.maximumAttributes) attributes")
        }
        self.layout = layout
        self.dataLimit = dataLimit
        dataCapacity = min(dataLimit, PageLayout.maximumTupleSize)
        unsafe scratch = Self.memory(dataCapacity)
        bitmapStart =
            Self.dataStart - HeapTupleHeader.dataOffset(attributes: layout.count, hasNulls: true)
            + HeapTupleHeader.Offset.bitmap
    }

    deinit {
        unsafe scratch.deallocate()
    }

    static func memory(_ dataCapacity: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(
            byteCount: dataStart + dataCapacity, alignment: PageLayout.maximumAlignment)
    }

    /// Begins another tuple; forgets the values appended so far.
    @inlinable
    public mutating func begin() {
        dataLength = 0
        count = 0
        content = []
    }

    /// The size of the tuple in bytes, header included.
    @inlinable
    public var byteCount: Int {
        HeapTupleHeader.dataOffset(
            attributes: layout.count, hasNulls: content.contains(.hasNulls)) &+ dataLength
    }
}

extension HeapTupleBuilder {
    /// Takes note that the next value cannot be its attribute's. Placing the tuple reports it.
    @usableFromInline @inline(never)
    mutating func noteMisfit(byteCount: Int) {
        misfit = (count, byteCount)
        count = Self.misfitCount
    }

    /// Why the values appended are not a tuple.
    @usableFromInline
    var wrongValues: PageFormatError {
        guard count >= Self.misfitCount else {
            return .wrongAttributeCount(found: count, expected: layout.count)
        }
        let attribute = layout[misfit.attribute]
        return .wrongAttributeWidth(
            attribute: misfit.attribute, found: misfit.found,
            expected: attribute.isVariable ? nil : Int(attribute.length))
    }
}

extension HeapTupleBuilder {
    /// Puts the tuple on the page with its own line pointer, visible to everyone for ever. May be
    /// called again for other pages until ``begin()``. Mirrors `RelationPutHeapTuple`.
    ///
    /// - Parameters:
    ///   - page: the page to add the tuple to.
    ///   - block: the page's block in its fork, which the tuple records.
    /// - Returns: the line pointer's number; nil if the page has no room.
    /// - Throws: `.wrongAttributeWidth`; `.wrongAttributeCount`; `.tupleTooLarge`; `.badHeader` if
    ///   the page cannot be added to.
    @inlinable
    public mutating func place(
        on page: inout PageEditor, block: UInt32
    ) throws(PageFormatError) -> OffsetNumber? {
        guard count == layout.count else { throw wrongValues }
        let length = byteCount
        guard length <= PageLayout.maximumTupleSize else {
            throw .tupleTooLarge(byteCount: length, limit: PageLayout.maximumTupleSize)
        }
        guard let slot = try page.reserve(length, isHeap: true) else { return nil }
        var header = HeapTupleHeader(frozenWithAttributes: count, content: content)
        header.block = block
        header.number = slot.number
        let start = Self.dataStart &- Int(header.dataOffset)
        // The header lies before the bitmap and the bitmap before the data, all in the scratch.
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
