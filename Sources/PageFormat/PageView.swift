/// A page to read. Holds nothing but its bytes and may live as long as they do; any number of
/// threads may read the same page. No bytes make it trap: a violation of the format is answered
/// with nil or a ``PageFormatError``.
///
/// Calls take constant time unless stated otherwise.
public struct PageView: ~Escapable {
    /// The page's 8192 bytes.
    public let bytes: RawSpan

    /// Views `bytes`; nil if they are not exactly one page.
    @inlinable
    @_lifetime(copy bytes)
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount == PageLayout.size else { return nil }
        self.bytes = bytes
    }

    /// Views the page at `page`.
    ///
    /// Unsafe: the 8192 bytes at `page` must stay readable and unchanged while the view lives, and
    /// nothing checks that. No alignment is needed.
    @inlinable
    @unsafe
    @_lifetime(immortal)
    public init(unsafePage page: UnsafeRawPointer) {
        let span = unsafe RawSpan(_unsafeStart: page, byteCount: PageLayout.size)
        bytes = unsafe _overrideLifetime(span, borrowing: ())
    }

    /// For callers in this module that know `bytes` to be one page.
    @inlinable
    @_lifetime(copy bytes)
    init(checked bytes: RawSpan) {
        assert(bytes.byteCount == PageLayout.size)
        self.bytes = bytes
    }
}

extension PageView {
    /// The header, decoded in full. The single fields below are cheaper.
    @inlinable
    public var header: PageHeader {
        guard let header = PageHeader(bytes) else {
            preconditionFailure("A page view holds a whole page.")
        }
        return header
    }

    /// The log position in the header (`PageGetLSN`).
    @inlinable
    public var lsn: LSN {
        LSN(
            UInt64(bytes.uint32(at: PageHeader.Offset.lsnHigh)) << 32
                | UInt64(bytes.uint32(at: PageHeader.Offset.lsnLow)))
    }

    /// The checksum stored in the header.
    @inlinable
    public var storedChecksum: UInt16 { bytes.uint16(at: PageHeader.Offset.checksum) }

    /// The flags in the header.
    @inlinable
    public var flags: PageFlags {
        PageFlags(rawValue: bytes.uint16(at: PageHeader.Offset.flags))
    }

    /// Whether the page was never initialised (`PageIsNew`).
    @inlinable
    public var isNew: Bool { bytes.uint16(at: PageHeader.Offset.upper) == 0 }

    /// Whether the page has no line pointers (`PageIsEmpty`).
    @inlinable
    public var isEmpty: Bool { linePointerCount == 0 }

    /// The number of line pointers (`PageGetMaxOffsetNumber`), never more than fit on the page.
    @inlinable
    public var linePointerCount: Int {
        let lower = min(Int(bytes.uint16(at: PageHeader.Offset.lower)), PageLayout.size)
        return max(0, lower &- PageLayout.lineStart) / PageLayout.linePointerSize
    }

    /// The numbers of all line pointers, to iterate over. Empty on a new page.
    @inlinable
    public var linePointerNumbers: Range<OffsetNumber> {
        1..<OffsetNumber(truncatingIfNeeded: linePointerCount &+ 1)
    }

    /// The line pointer with this number; nil if the page does not have it (`PageGetItemId`).
    @inlinable
    public func linePointer(_ number: OffsetNumber) -> LinePointer? {
        guard number != 0, Int(number) <= linePointerCount else { return nil }
        let offset =
            PageLayout.lineStart &+ (Int(number) &- 1) &* PageLayout.linePointerSize
        return LinePointer(rawValue: bytes.uint32(at: offset))
    }

    /// The bytes between line pointers and items, less one line pointer: what an item (aligned) may
    /// take. 0 on a new or damaged page. Mirrors `PageGetFreeSpace`.
    @inlinable
    public var freeSpace: Int {
        let lower = Int(bytes.uint16(at: PageHeader.Offset.lower))
        let upper = Int(bytes.uint16(at: PageHeader.Offset.upper))
        return max(0, upper &- lower &- PageLayout.linePointerSize)
    }

    /// ``freeSpace``, but 0 if a heap page can take no more line pointers. Then takes time in
    /// proportion to the line pointers. Mirrors `PageGetHeapFreeSpace`.
    public var heapFreeSpace: Int {
        let space = freeSpace
        guard space > 0, linePointerCount >= PageLayout.maxHeapTuplesPerPage else { return space }
        guard flags.contains(.hasFreeLinePointers) else { return 0 }
        return firstFreeLinePointer == nil ? 0 : space
    }

    /// The first line pointer that is free for reuse. O(line pointers).
    var firstFreeLinePointer: OffsetNumber? {
        for number in linePointerNumbers {
            if let pointer = linePointer(number), pointer.state == .unused, pointer.length == 0 {
                return number
            }
        }
        return nil
    }

    /// The bytes of a line pointer's item in state normal; nil in any other state (`PageGetItem`).
    ///
    /// Throws `.noSuchLinePointer`, or `.badLinePointer` if the item would not lie aligned between
    /// the header's `upper` and `special`.
    @inlinable
    @_lifetime(copy self)
    public func item(_ number: OffsetNumber) throws(PageFormatError) -> RawSpan? {
        guard let pointer = linePointer(number) else {
            throw .noSuchLinePointer(number, count: linePointerCount)
        }
        guard pointer.state == .normal else { return nil }
        let offset = pointer.offset
        let end = offset &+ pointer.length
        guard offset & (PageLayout.maximumAlignment &- 1) == 0 else {
            throw .badLinePointer(number, .unalignedOffset(offset))
        }
        let upper = Int(bytes.uint16(at: PageHeader.Offset.upper))
        let special = Int(bytes.uint16(at: PageHeader.Offset.special))
        guard offset >= max(upper, PageLayout.headerSize), end <= min(special, PageLayout.size)
        else {
            throw .badLinePointer(
                number, .outsideItemSpace(offset: offset, length: pointer.length))
        }
        return bytes.extracting(offset..<end)
    }
}
