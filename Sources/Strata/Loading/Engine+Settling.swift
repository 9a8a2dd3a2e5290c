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
            try removeSevered(of: locator, .main, session)
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

    /// Removes a fork's segment files behind the reachable end, which would reappear as it grows.
    private func removeSevered(
        of locator: RelationLocator, _ fork: Fork, _ session: Session
    ) throws(StorageError) {
        let known = state.withLock { $0.severed[locator] } ?? []
        let paths = known.filter { PresentFiles.isFile($0, of: locator, fork) }
        if paths.isEmpty { return }
        // Cutting has registered them.
        try syncPending(session)
        for path in paths where try files.remove(path, ifExists: true) {
            logger.notice(
                """
                store "\(directory)": removed "\(path)", which was behind the end of relation \
                \(locator)
                """)
        }
        try files.syncDirectory(PresentFiles.directory)
        state.withLock { $0.severed[locator]?.removeAll { paths.contains($0) } }
    }

    /// Does the same for any fork. Of a further one, what the catalog counts stays, and what this
    /// engine has added; the fork is created if it is missing.
    ///
    /// - Throws: `relationDamaged` if a further fork has lost blocks. A free-space map gets empty
    ///   ones instead.
    func settle(_ record: RelationState, _ fork: Fork, _ session: Session) throws(StorageError) {
        if fork == .main { return try settle(record, session) }
        if record.withForks({ $0.isSettled(fork) }) { return }
        session.submitStaged()
        try settling.withLock { _ throws(StorageError) in
            if record.withForks({ $0.isSettled(fork) }) { return }
            try checkCounted(record.open.locator)
            let count = try blockCount(of: fork, record)
            if count == 0 { try announce(fork, record, session) }
            let storage = record.open.storage
            let found = try storage.exists(fork) ? storage.blockCount(fork) : 0
            // A new file would be in the way of the lost one.
            if found < count && fork != .freeSpaceMap {
                throw .shortRelation(try described(record), fork, blocks: found, found)
            }
            try storage.create(fork, ifMissing: true)
            if found < count {
                logger.warning(
                    "relation \"\(record.name)\" has lost \(count - found) blocks of its fork fsm")
                try storage.zeroExtend(
                    fork, from: BlockNumber(found), count: Int(count - found), sync: .register)
            }
            try truncate(record.open, fork, to: count, session)
            try removeSevered(of: record.open.locator, fork, session)
            let counted = try described(record).blockCount(of: fork) ?? 0
            record.withForks { $0.settle(fork, counted: counted) }
        }
    }

    /// Records a fork without blocks before it is created, so that what a crash leaves is removed.
    private func announce(
        _ fork: Fork, _ record: RelationState, _ session: Session
    ) throws(StorageError) {
        if try described(record).blockCount(of: fork) == 0 { return record.cut(fork, to: 0) }
        if let path = try PresentFiles.foreignFile(fork, of: record.open, files) {
            throw .foreignFork(record.name, fork, path)
        }
        try changeCatalog(session) { [self] (catalog) throws(StorageError) in
            catalog.cut(try described(record), fork, to: 0)
        } publish: { _ in
            record.cut(fork, to: 0)
        }
    }

    /// What the catalog says of a relation.
    ///
    /// - Throws: `notFound` if it was dropped or replaced.
    func described(_ record: RelationState) throws(StorageError) -> RelationDescription {
        let found = state.withLock { $0.description(at: record.open.locator) }
        guard let found else { throw notFound(record.name) }
        return found
    }

    /// How many blocks of a fork count: those that the catalog counts, or as many as this engine
    /// has made them.
    func blockCount(of fork: Fork, _ record: RelationState) throws(StorageError) -> UInt32 {
        if fork == .main { return record.blockCount }
        let counted = description(at: record.open.locator)?.blockCount(of: fork) ?? 0
        if options.access == .readOnly { return counted }
        return max(counted, try record.forks.extended(fork, of: record.open) ?? 0)
    }

    /// Cuts a fork, in the pool and on disk, unless another engine may have grown it.
    func truncate(
        _ relation: OpenRelation, _ fork: Fork = .main, to count: UInt32, _ session: Session
    ) throws(StorageError) {
        session.submitStaged()
        try checkOwnership()
        let end = BlockNumber(count)
        // Somebody may have a page and change it: that must not reach a file that ends before it.
        // If it stays, so does this, and the next attempt comes before the fork grows.
        buffers.setCut(relation, fork, from: end)
        try buffers.dropBlocks(of: relation, fork: fork, from: end, session: session)
        repeat {
            try relation.storage.truncate(fork, to: count, session: session)
            // A reader may have fetched one meanwhile, which must not come back as the fork grows.
            // If it was written behind the new end, the fork is longer again.
            try buffers.dropBlocks(of: relation, fork: fork, from: end, session: session)
        } while try relation.storage.blockCount(fork) > count
        buffers.setCut(relation, fork, from: nil)
    }
}
