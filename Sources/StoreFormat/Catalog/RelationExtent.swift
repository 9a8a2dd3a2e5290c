/// The pages of a relation that readers see, and the rows on them, at one moment.
///
/// The number of rows is known as long as all pages are as loads left them. A reader of all pages
/// can then tell whether rows are missing.
public struct RelationExtent: Sendable, Hashable {
    /// How many blocks the main fork has.
    public let blockCount: UInt32
    /// How many rows loads added; nil if unknown.
    public let rowCount: UInt64?
    /// Whether there are exactly that many rows and no page of zeroes; otherwise there may be more.
    public let isRowCountExact: Bool

    package init(blockCount: UInt32, rowCount: UInt64?, isRowCountExact: Bool) {
        self.blockCount = blockCount
        self.rowCount = rowCount
        self.isRowCountExact = isRowCountExact
    }

    /// Whether this number of rows is possible.
    package func allows(_ rows: UInt64) -> Bool {
        guard let rowCount else { return true }
        return isRowCountExact ? rows == rowCount : rows >= rowCount
    }
}
