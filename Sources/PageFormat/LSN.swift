/// A position in a write-ahead log, as recorded in page headers: the log must be on disk up to here
/// before the page. Mirrors PostgreSQL's `XLogRecPtr`.
public struct LSN: Hashable, Comparable, Sendable {
    /// Bytes since the log's beginning.
    public var rawValue: UInt64

    /// Makes a position `rawValue` bytes into the log.
    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// No position: the LSN of a page that no log record touched.
    public static let zero = LSN(0)

    /// Orders positions in the log.
    @inlinable
    public static func < (left: LSN, right: LSN) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension LSN: CustomStringConvertible {
    /// The two halves in hexadecimal, as PostgreSQL's tools print them: `1/6B3F2A0`.
    public var description: String {
        let high = String(rawValue >> 32, radix: 16, uppercase: true)
        let low = String(UInt32(truncatingIfNeeded: rawValue), radix: 16, uppercase: true)
        return "\(high)/\(low)"
    }
}
