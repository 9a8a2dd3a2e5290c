import Strata

/// What Strata keeps at the beginning of a page, and the only code that knows it.
///
/// The pages are `sealed`: Strata owns the first 16 bytes, of which the first eight are the log
/// position; the checksum and the mark behind it are Strata's own business. A page of zeroes is
/// new.
enum PageFrame {
    /// Where the author's bytes begin.
    static let size = SealedPage.headerSize
    /// The size of a page.
    static let pageSize = PageLayout.size

    /// The position in the log of the last change: Strata writes no page before the log up to here
    /// is durable, and recovery repeats no change that a page has already.
    static func lsn(of page: UnsafeMutableRawPointer) -> LSN {
        let high = UInt32(littleEndian: page.load(as: UInt32.self))
        let low = UInt32(littleEndian: page.load(fromByteOffset: 4, as: UInt32.self))
        return LSN(UInt64(high) << 32 | UInt64(low))
    }

    /// Sets the position, in the two halves that PostgreSQL's pages have.
    static func stamp(_ page: UnsafeMutableRawPointer, _ lsn: LSN) {
        page.storeBytes(
            of: UInt32(truncatingIfNeeded: lsn.rawValue >> 32).littleEndian, as: UInt32.self)
        page.storeBytes(
            of: UInt32(truncatingIfNeeded: lsn.rawValue).littleEndian, toByteOffset: 4,
            as: UInt32.self)
    }
}
