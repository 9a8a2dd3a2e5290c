internal import Journaling
internal import StorageManager
internal import Threads

extension PendingLoad {
    /// A copy of the last page that the relation had before the load, so that rows can fill it up
    /// before they take new pages. Calling it again returns the same copy.
    ///
    /// Rows added to it count in ``commit(rowCount:)`` like those on new pages. A crash leaves the
    /// page with all of them or with none.
    ///
    /// - Returns: nil if the load does not append, if there is no page, or a page of zeroes or with
    ///   special space, or if the page cannot be read. Nil, too, if nothing keeps a copy of the
    ///   page until it is in place: the journal does that if `EngineOptions/tornPageProtection`
    ///   is `doubleWrite`, for storage managers whose pages can tear. Relations in memory need
    ///   none.
    /// - Throws: `closed` after the load has ended; exhausted descriptors or memory.
    public func lastPage() throws(StorageError) -> LastPage? {
        try checkOpen()
        if hasLookedForLastPage { return filling }
        hasLookedForLastPage = true
        // The rows get new pages behind a damaged one, whose readers meet its error.
        guard target.mode == .append, engine.mayFill(record),
            let replacement = try PageReplacement.ofLast(
                of: firstBlock, record.open, in: engine.buffers, session: session),
            replacement.isHeapPage
        else { return nil }
        filling = LastPage(replacement)
        return filling
    }

    /// The copy of the last page, if it was changed.
    var changedLastPage: PageReplacement? {
        guard let filling, filling.replacement.isChanged else { return nil }
        return filling.replacement
    }
}

extension Engine {
    /// Whether the last page of a relation may be filled up. Not after an attempt failed whose copy
    /// may still be in the journal: the next one would have its number.
    func mayFill(_ record: RelationState) -> Bool {
        let count = state.withLock { $0.description(at: record.open.locator)?.fillCount }
        guard let count, count < .max else { return false }
        return !record.hasFailedFilling
    }

    /// Locks the last pages that loads have filled up, and keeps their new versions durably. They
    /// count once the catalog has their numbers.
    ///
    /// - Throws: `relationBusy` if such a page was changed by other means meanwhile.
    func prepareFilling(_ loads: [PendingLoad]) throws(StorageError) {
        let filled = loads.filter { $0.changedLastPage != nil }
        if filled.isEmpty { return }
        let numbers = state.withLock { state in
            filled.map { (state.description(at: $0.record.open.locator)?.fillCount ?? 0) + 1 }
        }
        let pages = filled.compactMap(\.changedLastPage)
        guard let changed = try PageReplacement.prepare(pages, numbers: numbers) else { return }
        let name = filled.first { $0.changedLastPage === changed }?.target.relation ?? ""
        throw StorageError(
            .relationBusy,
            "block \(changed.block) of relation \"\(name)\" was changed while rows were being"
                + " added to a copy of it",
            remedy: "Append the rows again.",
            at: StorageError.Location(relation: name, block: changed.block.rawValue))
    }

    /// Puts the new versions in place, once the catalog that counts them is durable.
    func completeFilling(_ loads: [PendingLoad]) {
        // Toast relations come last, and must have values before pointers lead to them.
        for load in loads.reversed() {
            load.changedLastPage?.complete()
        }
    }

    /// Lets others use the pages again.
    func releaseFilling(_ loads: [PendingLoad], hasFailed: Bool) {
        for load in loads {
            guard let page = load.changedLastPage else { continue }
            if hasFailed, page.mayBeKept { load.record.hasFailedFilling = true }
            page.release()
        }
    }
}
