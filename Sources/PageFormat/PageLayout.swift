/// The sizes and limits of PostgreSQL's page format, version 4. They are facts of the files and
/// cannot be configured.
public enum PageLayout {
    /// The bytes in a page (PostgreSQL's `BLCKSZ`).
    @inlinable public static var size: Int { 8192 }

    /// The bytes in the page header. The line pointers begin directly behind it.
    @inlinable public static var headerSize: Int { 24 }

    /// The offset of the first line pointer.
    @inlinable public static var lineStart: Int { headerSize }

    /// The bytes in a line pointer.
    @inlinable public static var linePointerSize: Int { 4 }

    /// The layout version that the header's last bits carry.
    @inlinable public static var version: UInt8 { 4 }

    /// The alignment of tuples and of the special space (`MAXIMUM_ALIGNOF`).
    @inlinable public static var maximumAlignment: Int { 8 }

    /// The bytes in a heap tuple's header before its null bitmap.
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
