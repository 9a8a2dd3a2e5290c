public import StorageManager
internal import Synchronization

extension BufferManager {
    /// Says which blocks of a relation's main fork the `PageVoucher` vouches for. Any thread.
    ///
    /// For blocks that readers do not see yet, this comes before they do.
    ///
    /// - Parameters:
    ///   - relation: the relation whose main fork is meant.
    ///   - end: those below are vouched for; nil for none.
    ///   - areFilled: whether none of them is all zeroes. Reading one that is throws `invalidPage`.
    public func setVouched(_ relation: OpenRelation, below end: BlockNumber?, areFilled: Bool) {
        let record = table.record(of: relation)
        let end = end?.rawValue ?? 0
        record.vouchedEnd.store(end, ordering: .releasing)
        record.filledEnd.store(areFilled ? end : 0, ordering: .releasing)
    }

    /// Whether a block of a relation's main fork must not be all zeroes. Any thread.
    public func isFilled(_ block: BlockNumber, of relation: OpenRelation) -> Bool {
        guard let record = table.existing(relation.locator) else { return false }
        return block.rawValue < record.filledEnd.load(ordering: .acquiring)
    }

    /// Whether the pool has pages of a relation's main fork below a block that were changed and not
    /// written. Any thread. O(pool).
    public func hasChanges(in relation: OpenRelation, below end: BlockNumber) -> Bool {
        guard let (pool, _) = try? pool(for: relation.locator) else { return false }
        return places(of: relation, .main, in: pool) { $0.has(BufferState.dirty) }
            .contains { $0.tag.block < end }
    }
}
