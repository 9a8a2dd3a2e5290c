internal import BufferManager
internal import Logging
internal import Threads

extension Relation {
    /// The pages that readers see now, and the rows that loads added. Any thread.
    public var extent: RelationExtent { record.extent }

    /// Compares the rows found on all pages of an extent with those that loads added.
    ///
    /// Call it after reading all pages below `RelationExtent.blockCount`, with the ``extent``
    /// from before the first. Every number is accepted once pages were changed by other means than
    /// loads. Any thread. Constant time unless the numbers differ, else O(pool).
    ///
    /// - Throws: `relationDamaged` if rows are missing, or if there are more than were loaded;
    ///   `catalogOutdated` if the catalog is an older one, and a later one may count more blocks.
    public func checkRowCount(_ found: UInt64, of extent: RelationExtent) throws(StorageError) {
        try engine.checkCounted(locator, wasRead: true)
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

    /// Whether that number of rows is wrong, considering everything that has happened since.
    func isWrong(_ found: UInt64, _ extent: RelationExtent) -> Bool {
        // A changed page is dirty until it is written, and is written only after the count is gone.
        !extent.allows(found)
            && !engine.buffers.hasChanges(in: open, below: BlockNumber(extent.blockCount))
            && record.isCounted && !wasFilled(to: found, since: extent)
    }

    /// Whether appends may have added that many rows to the extent's last page meanwhile.
    func wasFilled(to found: UInt64, since extent: RelationExtent) -> Bool {
        guard let before = extent.rowCount, found > before else { return false }
        // An append that has filled the page, but not published it yet, holds the lock.
        engine.changes.withLock { _ in }
        // Nothing is wrong once the count was taken back.
        guard let now = record.extent.rowCount else { return true }
        return found <= now
    }
}

/// Removes the catalog's row count of a relation before a page is written that was changed by other
/// means than a load.
final class RowCountVoucher: PageVoucher {
    private let reference = Lock<WeakEngine?>(nil, rank: .voucherEngine)

    /// Sets the engine that has the catalog.
    func serve(_ engine: Engine) { reference.withLock { $0 = WeakEngine(engine) } }

    func withdraw(_ relation: OpenRelation, session: Session) throws(StorageError) {
        guard let engine = reference.withLock({ $0?.engine }) else {
            throw StorageError(.closed, "the store is being released")
        }
        try engine.takeBackRowCount(of: relation, session)
    }
}

extension Engine {
    /// Removes the catalog's row count of a relation. Does nothing if it has none.
    ///
    /// Takes ``changes``, whose holders never wait for pages.
    func takeBackRowCount(of relation: OpenRelation, _ session: Session) throws(StorageError) {
        let locator = relation.locator
        let counted = state.withLock { state in
            state.records[locator]?.isCounted ?? false ? state.description(at: locator)?.name : nil
        }
        guard let counted, !options.keepsRowCounts else {
            // The relation is gone, or its count was removed meanwhile.
            state.withLock { $0.records[locator]?.setCount(nil, buffers) }
            return buffers.setVouched(relation, below: nil, areFilled: false)
        }
        do throws(StorageError) {
            try changeCatalog(session) { [self] (catalog) throws(StorageError) in
                // It may have been renamed meanwhile, but not during this change.
                guard let name = state.withLock({ $0.description(at: locator)?.name }) else {
                    return
                }
                catalog.relations[name]?.forgetRowCount()
            } publish: { [buffers] state in
                state.records[locator]?.setCount(nil, buffers)
            }
        } catch {
            throw error.errorNumber == nil ? error : .cannotWithdraw(counted, error)
        }
        logger.debug(
            """
            the rows of relation \"\(counted)\" are no longer known: pages were changed by other \
            means than loads
            """)
    }
}
