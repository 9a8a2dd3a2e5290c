/// The first 24 bytes of every page, as a value. Mirrors PostgreSQL's `PageHeaderData`. The
/// module's article has a table of the bytes.
///
/// Reading never fails: any bytes make a header, and ``fault`` tells whether it describes a
/// possible page.
public struct PageHeader: Hashable, Sendable {
    /// A field of the header that may be invalid.
    public enum Field: Sendable, Hashable {
        /// An unknown flag bit is set.
        case flags
        /// The line pointers end before they begin.
        case lower
        /// Free space ends before it begins, or behind the beginning of the special space.
        case upper
        /// The special space begins behind the page or at an unaligned offset.
        case special
        /// The page size is not 8192, or the layout version not 4.
        case sizeAndVersion
    }

    /// The log must be on disk up to here before the page.
    public var lsn: LSN
    /// The checksum stored when the page was last written. Meaningless in memory.
    public var checksum: UInt16
    /// Hints and ``PageFlags/allVisible``.
    public var flags: PageFlags
    /// The offset in bytes where the line pointers end and free space begins.
    public var lower: UInt16
    /// The offset in bytes where free space ends and items begin. 0 on a page never initialised.
    public var upper: UInt16
    /// The offset in bytes of the special space that index pages have at the end.
    public var special: UInt16
    /// Page size and layout version, in one field: see ``size`` and ``version``.
    public var sizeAndVersion: UInt16
    /// The oldest transaction whose deletion might be prunable; 0 if there is none.
    public var pruneXID: UInt32

    /// Makes a header for an empty page without a special space.
    public init() { self.init(special: PageLayout.size) }

    /// Makes a header for an empty page with a special space of `specialSize` bytes (rounded up to
    /// 8).
    ///
    /// - Throws: `.badSpecialSize` if it is negative, or leaves no room for the header.
    public init(specialSize: Int) throws(PageFormatError) {
        let limit = PageLayout.size - PageLayout.align(PageLayout.headerSize)
        guard (0...limit).contains(specialSize) else {
            throw .badSpecialSize(specialSize, limit: limit)
        }
        self.init(special: PageLayout.size - PageLayout.align(specialSize))
    }

    private init(special: Int) {
        lsn = .zero
        checksum = 0
        flags = []
        lower = UInt16(PageLayout.headerSize)
        upper = UInt16(special)
        self.special = UInt16(special)
        sizeAndVersion = UInt16(PageLayout.size) | UInt16(PageLayout.version)
        pruneXID = 0
    }

    /// The page size in bytes.
    @inlinable
    public var size: Int { Int(sizeAndVersion & 0xFF00) }

    /// The layout version.
    @inlinable
    public var version: UInt8 { UInt8(truncatingIfNeeded: sizeAndVersion) }

    /// Whether the page was never initialised (`PageIsNew`).
    @inlinable
    public var isNew: Bool { upper == 0 }

    /// The number of line pointers; 0 if `lower` lies before the first (`PageGetMaxOffsetNumber`).
    /// At most 16377, more than fit on a page, if `lower` is damaged.
    @inlinable
    public var linePointerCount: Int {
        max(0, Int(lower) &- PageLayout.lineStart) / PageLayout.linePointerSize
    }

    /// The first field that is invalid on an initialised page; nil if there is none.
    ///
    /// PostgreSQL's `PageIsVerified` checks flags, `lower`, `upper` and `special` in the same way.
    /// This also checks that `lower` is not inside the header, and that size and version are those
    /// we can read.
    @inlinable
    public var fault: Field? {
        if !flags.isSubset(of: .known) { return .flags }
        if Int(lower) < PageLayout.headerSize || lower > upper { return .lower }
        if upper > special { return .upper }
        if Int(special) > PageLayout.size || special & 7 != 0 { return .special }
        if sizeAndVersion != UInt16(8192 | 4) { return .sizeAndVersion }
        return nil
    }
}

extension PageHeader {
    /// Offsets of the fields in the page.
    @usableFromInline
    enum Offset {
        @inlinable static var lsnHigh: Int { 0 }
        @inlinable static var lsnLow: Int { 4 }
        @inlinable static var checksum: Int { 8 }
        @inlinable static var flags: Int { 10 }
        @inlinable static var lower: Int { 12 }
        @inlinable static var upper: Int { 14 }
        @inlinable static var special: Int { 16 }
        @inlinable static var sizeAndVersion: Int { 18 }
        @inlinable static var pruneXID: Int { 20 }
    }

    /// Reads a header from the first 24 bytes; nil if there are fewer.
    @inlinable
    public init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= PageLayout.headerSize else { return nil }
        lsn = LSN(
            UInt64(bytes.uint32(at: Offset.lsnHigh)) << 32
                | UInt64(bytes.uint32(at: Offset.lsnLow)))
        checksum = bytes.uint16(at: Offset.checksum)
        flags = PageFlags(rawValue: bytes.uint16(at: Offset.flags))
        lower = bytes.uint16(at: Offset.lower)
        upper = bytes.uint16(at: Offset.upper)
        special = bytes.uint16(at: Offset.special)
        sizeAndVersion = bytes.uint16(at: Offset.sizeAndVersion)
        pruneXID = bytes.uint32(at: Offset.pruneXID)
    }

    /// Writes the header over the first 24 bytes. If there are fewer, writes nothing and returns
    /// false.
    @inlinable
    @discardableResult
    public func write(to bytes: inout MutableRawSpan) -> Bool {
        guard bytes.byteCount >= PageLayout.headerSize else { return false }
        bytes.store(UInt32(truncatingIfNeeded: lsn.rawValue >> 32), at: Offset.lsnHigh)
        bytes.store(UInt32(truncatingIfNeeded: lsn.rawValue), at: Offset.lsnLow)
        bytes.store(checksum, at: Offset.checksum)
        bytes.store(flags.rawValue, at: Offset.flags)
        bytes.store(lower, at: Offset.lower)
        bytes.store(upper, at: Offset.upper)
        bytes.store(special, at: Offset.special)
        bytes.store(sizeAndVersion, at: Offset.sizeAndVersion)
        bytes.store(pruneXID, at: Offset.pruneXID)
        return true
    }
}
