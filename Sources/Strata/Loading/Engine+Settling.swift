internal import Logging
internal import MagneticDisk
internal import Threads

/// Cutting relations to what readers see.
extension Engine {
    /// Cuts off what lies behind the blocks that readers see: the remains of an interrupted
    /// extension or of an append that was not committed. Does nothing after the first time.
    func settle(_ record: RelationState, _ session: Session) throws(StorageError) {
        if record.isSettled { return }
        session.submitStaged()
        try settling.withLock { _ throws(StorageError) in
            if record.isSettled { return }
            let locator = record.open.locator
            let count = record.blockCount
            try checkCounted(locator)
            // Even if it is no longer that long: a crash may have left files behind its end.
            try truncate(record.open, to: count, session)
            // Before the removal: cutting has registered the files that are then removed.
            try syncPending(session)
            try removeSevered(of: locator)
            if state.withLock({ $0.catalog.remains[locator] }) != nil {
                try changeCatalog(session) { (catalog) throws(StorageError) in
                    if case .blocks = catalog.remains[locator]?.kind {
                        catalog.remains[locator] = nil
                    }
                }
            }
            buffers.setUnprotected(record.open, from: nil)
            record.isSettled = true
        }
    }

    /// Removes segment files behind the reachable end, which would reappear as the relation grows.
    func removeSevered(of locator: RelationLocator) throws(StorageError) {
        guard let paths = state.withLock({ $0.severed[locator] }), !paths.isEmpty else { return }
        for path in paths where try files.remove(path, ifExists: true) {
            logger.notice(
                """
                store "\(directory)": removed "\(path)", which was behind the end of relation \
                \(locator)
                """)
        }
        try files.syncDirectory(PresentFiles.directory)
        state.withLock { $0.severed[locator] = nil }
    }

    /// Cuts the main fork, in the pool and on disk, unless another engine may have grown it.
    func truncate(_ relation: OpenRelation, to count: UInt32, _ session: Session)
        throws(StorageError)
    {
        session.submitStaged()
        try checkOwnership()
        try buffers.dropBlocks(
            of: relation, fork: .main, from: BlockNumber(count), session: session)
        try relation.storage.truncate(.main, to: count, session: session)
    }
}
