internal import BufferManager
internal import Logging
internal import Threads

/// The pages of a relation that readers see, and the rows on them, at one moment.
///
/// The rows are known as long as all pages are as loads left them
/// (``PendingLoad/commit(rowCount:)``): a reader of all pages can tell by that whether any are
/// missing.
public struct RelationExtent: Sendable, Hashable {
    /// How many blocks the main fork has.
    public let blockCount: UInt32
    /// How many rows loads brought in; nil where that is not known.
    public let rowCount: UInt64?
    /// Whether there are exactly so many rows, and no page of zeroes; otherwise there may be more.
    public let isRowCountExact: Bool

    /// Whether that can be the number of rows.
    func allows(_ rows: UInt64) -> Bool {
        guard let rowCount else { return true }
        return isRowCountExact ? rows == rowCount : rows >= rowCount
    }
}

extension Relation {
    /// The pages that readers see now, and the rows that loads brought in. Any thread.
    public var extent: RelationExtent { record.extent }

    /// Compares the rows found on all pages of an extent with those that loads brought in.
    ///
    /// Call it after reading all pages below ``RelationExtent/blockCount``, with the ``extent``
    /// from before the first. Every number is in order once pages were changed by other means than
    /// loads. Any thread; constant time unless the numbers differ, else O(pool).
    ///
    /// - Throws: `relationDamaged` if rows are missing, or if there are more than were loaded.
    public func checkRowCount(_ found: UInt64, of extent: RelationExtent) throws(StorageError) {
        guard let expected = extent.rowCount, isWrong(found, extent) else { return }
        throw StorageError(
            .relationDamaged,
            "relation \"\(name)\" holds \(found) \(found == 1 ? "row" : "rows") where \(expected)"
                + " were loaded: "
                + (found < expected ? "rows are missing" : "pages are not its own"),
            remedy: "Verify the store to find damage; load the relation again, or restore it from"
                + " a backup.",
            at: StorageError.Location(
                relation: name, fork: Fork.main.name, path: locator.description))
    }

    /// Whether so many rows cannot be right, with all that has happened since.
    func isWrong(_ found: UInt64, _ extent: RelationExtent) -> Bool {
        // What was changed is dirty until it is written, and written only after the count is gone.
        !extent.allows(found)
            && !engine.buffers.hasChanges(in: open, below: BlockNumber(extent.blockCount))
            && record.isCounted
    }
}

/// Takes back what the catalog says of a relation's rows, before a page is written that was changed
/// by other means than a load.
final class RowCountVoucher: PageVoucher {
    private let reference = Lock<WeakEngine?>(nil, rank: .voucherEngine)

    /// Who has the catalog.
    func serve(_ engine: Engine) { reference.withLock { $0 = WeakEngine(engine) } }

    func withdraw(_ relation: OpenRelation, session: Session) throws(StorageError) {
        guard let engine = reference.withLock({ $0?.engine }) else {
            throw StorageError(.closed, "the store is being let go of")
        }
        try engine.takeBackRowCount(of: relation, session)
    }
}

extension Engine {
    /// Has the catalog no longer say how many rows a relation has. Does nothing where it does not.
    ///
    /// Takes ``changes``, whose holders never wait for pages.
    func takeBackRowCount(of relation: OpenRelation, _ session: Session) throws(StorageError) {
        let locator = relation.locator
        let counted = state.withLock { state in
            state.records[locator]?.isCounted ?? false
                ? state.catalog.relation(at: locator)?.name : nil
        }
        guard let counted, !options.keepsRowCounts else {
            // Nobody can ask any more, or it has been taken back meanwhile.
            state.withLock { $0.records[locator]?.setCount(nil, buffers) }
            return buffers.setVouched(relation, below: nil, areFilled: false)
        }
        try changeCatalog(session) { (catalog) throws(StorageError) in
            guard catalog.relations[counted]?.locator == locator else { return }
            catalog.relations[counted]?.forgetRowCount()
        } publish: { state in
            state.records[locator]?.setCount(nil, buffers)
        }
        logger.debug(
            """
            the rows of relation \"\(counted)\" are no longer known: pages were changed by other \
            means than loads
            """)
    }
}
