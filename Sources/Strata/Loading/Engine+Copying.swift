internal import BufferManager
internal import ReadStream

/// Relations in the hands of other storage managers.
extension Engine {
    /// Copies a relation into a new one, page by page, all of it or nothing: the way to another
    /// storage manager, or to other options of the same.
    ///
    /// Copies what readers see when it begins. Blocks the thread.
    ///
    /// - Parameters:
    ///   - name: the relation to copy.
    ///   - target: the new one's name, and how it shall be kept; its columns are those of the other,
    ///     and its mode counts for nothing.
    ///   - isCancelled: asked before each page whether to end without effect.
    /// - Returns: the new relation; nil when it was cancelled.
    /// - Throws: `notFound`, `alreadyExists`, `unknownStorageManager`, `invalidConfiguration` for an
    ///   option that the manager does not have; `invalidPage` for a damaged page; what reading and
    ///   writing throw.
    public func copyRelation(
        named name: String, to target: LoadTarget, session: Session,
        isCancelled: () -> Bool = { false }
    ) throws(StorageError) -> Relation? {
        let source = try relation(named: name)
        var target = target
        target.mode = .create
        target.schema = source.schema
        let load = try startLoad(target, session: session)
        // Two streams of IO in one session: what is read ahead may wait while pages are written.
        var pages = source.scan(session: session)
        while let page = try pages.next() {
            if isCancelled() {
                load.abort()
                return nil
            }
            let copy = try load.nextPage()
            page.withSharedLock { old in
                copy.withExclusiveLock { new in
                    for offset in stride(from: 0, to: blockSize, by: 8) {
                        let word = unsafe old.unsafeLoad(
                            fromByteOffset: offset, as: UInt64.self)
                        new.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
                    }
                }
            }
        }
        for fork in Fork.allCases where fork != .main {
            try copyFork(fork, source, to: load.record.open, session)
        }
        return try load.commit(rowCount: source.rowCount)
    }

    /// Copies a further fork, if there is one, as it is on disk.
    private func copyFork(
        _ fork: Fork, _ source: Relation, to target: OpenRelation, _ session: Session
    ) throws(StorageError) {
        guard try source.open.storage.exists(fork) else { return }
        try buffers.flush(source.open, session: session)
        let count = Int(try source.open.storage.blockCount(fork))
        try target.storage.create(fork, ifMissing: false)
        if count == 0 { return }
        try target.storage.zeroExtend(fork, from: 0, count: count, sync: .register)
        let step = 16
        let memory = VerificationMemory(slots: 1, pages: step)
        for first in stride(from: 0, to: count, by: step) {
            let pages = memory.addresses(0, min(step, count - first))
            let block = BlockNumber(UInt32(first))
            try source.open.storage.read(fork, block: block, into: pages.span)
            try target.storage.write(fork, block: block, from: pages.span, sync: .register)
        }
    }
}
