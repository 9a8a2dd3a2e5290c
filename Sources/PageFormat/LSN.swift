/// A position in a write-ahead log, as the page header records it: the log up to here must be
/// on disk before the page may be. Mirrors PostgreSQL's `XLogRecPtr`.
public struct LSN: Hashable, Comparable, Sendable {
    /// Bytes since the log's beginning.
    public var rawValue: UInt64

    /// Makes the position `rawValue` bytes into the log.
    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// No position: what a page carries that no log record touched.
    public static let zero = LSN(0)

    /// The order of the log.
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
