/// The sizes and limits of PostgreSQL's page format, version 4. They are facts of the files:
/// nothing here can be configured.
public enum PageLayout {
    /// Bytes in a page (PostgreSQL's `BLCKSZ`).
    @inlinable public static var size: Int { 8192 }

    /// Bytes in the page header. The line pointers begin right behind it.
    @inlinable public static var headerSize: Int { 24 }

    /// Offset of the first line pointer.
    @inlinable public static var lineStart: Int { headerSize }

    /// Bytes in a line pointer.
    @inlinable public static var linePointerSize: Int { 4 }

    /// The layout version that the header's last bits carry.
    @inlinable public static var version: UInt8 { 4 }

    /// What offsets of tuples and of the special space are multiples of (`MAXIMUM_ALIGNOF`).
    @inlinable public static var maximumAlignment: Int { 8 }

    /// Bytes in a heap tuple's header before its null bitmap.
    @inlinable public static var tupleHeaderSize: Int { 23 }

    /// The largest tuple that fits on an empty page (`MaxHeapTupleSize`).
    @inlinable public static var maximumTupleSize: Int {
        size - align(headerSize + linePointerSize, to: 8)
    }

    /// The most line pointers a heap page can have (`MaxHeapTuplesPerPage`).
    @inlinable public static var maxHeapTuplesPerPage: Int {
        (size - headerSize) / (align(tupleHeaderSize, to: 8) + linePointerSize)
    }

    /// The most attributes a heap tuple can have (`MaxHeapAttributeNumber`). A tuple header's
    /// one-byte offset to the data could not carry the null bitmap of many more.
    @inlinable public static var maximumAttributes: Int { 1600 }

    /// `value` rounded up to a multiple of `alignment`, a power of two. Wraps at `Int.max`
    /// instead of trapping.
    @inlinable
    public static func align(_ value: Int, to alignment: Int) -> Int {
        (value &+ (alignment &- 1)) & ~(alignment &- 1)
    }

    /// `value` rounded up to PostgreSQL's largest alignment (`MAXALIGN`).
    @inlinable
    public static func align(_ value: Int) -> Int {
        align(value, to: maximumAlignment)
    }
}
