package import PageFormat
internal import PostgresTypes

/// Reads the line pointers of a page whose header cannot be trusted. Any bytes may be given.
package enum DamagedPage {
    /// The numbers of the line pointers: as the header says, or all that a heap page can have if
    /// the header says nothing possible.
    package static func linePointerNumbers(of page: PageView) -> Range<OffsetNumber> {
        let lower = Int(page.header.lower)
        let bytes = lower - PageLayout.lineStart
        let isPossible =
            bytes >= 0 && lower <= PageLayout.size && bytes % PageLayout.linePointerSize == 0
        let count = isPossible ? bytes / PageLayout.linePointerSize : Int.max
        return 1..<OffsetNumber(min(count, PageLayout.maxHeapTuplesPerPage) + 1)
    }

    /// A line pointer, whether the header counts it or not.
    package static func linePointer(_ number: OffsetNumber, of page: PageView) -> LinePointer? {
        let offset = PageLayout.lineStart + (Int(number) - 1) * PageLayout.linePointerSize
        return (try? page.bytes.load(offset, as: UInt32.self)).map { LinePointer(rawValue: $0) }
    }

    /// The bytes that a line pointer in state normal names; nil if they cannot be an item.
    @_lifetime(copy page)
    package static func item(_ number: OffsetNumber, of page: PageView) -> RawSpan? {
        guard let pointer = linePointer(number, of: page), pointer.state == .normal,
            pointer.offset & (PageLayout.maximumAlignment - 1) == 0,
            pointer.offset >= PageLayout.lineStart,
            pointer.length >= PageLayout.tupleHeaderSize
        else { return nil }
        return try? page.bytes.part(pointer.offset, pointer.length)
    }
}
