internal import AsyncIO
internal import FileAccess
internal import PostgresReading
internal import Synchronization

extension TableScan {
    /// How many pages of zeroes the scan's runs have met so far. A crash can leave such pages, and
    /// they have no rows; rows of pages that were overwritten with zeroes are lost. Any thread may
    /// ask.
    public var zeroPageCount: Int { zeroPages.load(ordering: .relaxed) }

    func note(zeroPages count: Int) {
        if count > 0 { zeroPages.add(count, ordering: .relaxed) }
    }

    /// Checks that nothing tells of blocks behind the end of a relation that was read.
    ///
    /// - Throws: `clusterDamaged` if a later file or the visibility map tells of some; what finding
    ///   out the length throws.
    func checkEnd(of plan: RelationPlan) throws(StorageError) {
        let storage = database.directory.storage
        let segmentBlocks = UInt32(clamping: storage.control.segmentBlocks)
        let end = try storage.blockCount(plan.place)
        let later = "\(storage.path(plan.place)).\(end / segmentBlocks + 1)"
        if let status = try storage.files.status(of: later), status.kind == .file,
            status.size > 0,
            // A running server may have added blocks meanwhile.
            try storage.blockCount(plan.place) / segmentBlocks == end / segmentBlocks
        {
            throw cut(plan, end, "\"\(later)\" has blocks behind them")
        }
        // After a crash, the map may be ahead of the table.
        guard storage.control.state == .shutDown else { return }
        let session = try storage.makeSession()
        defer { session.close() }
        let marked = VisibilityBits(storage, plan.place, session: session)?.end ?? 0
        if marked > end {
            throw cut(plan, end, "its visibility map tells of \(marked) blocks")
        }
    }

    private func cut(_ plan: RelationPlan, _ end: UInt32, _ reason: String) -> StorageError {
        let path = database.directory.storage.path(plan.place)
        return StorageError(
            .clusterDamaged,
            "the rows of \"\(path)\" end with its first \(end) blocks, although \(reason)",
            remedy: "Restore the table from a backup, or rescue what is left of it.",
            at: StorageError.Location(path: path))
    }
}
