internal import BufferManager
internal import ReadStream

/// Copying relations to other storage managers.
extension Engine {
    /// Copies a relation into a new one, page by page, all or nothing. Use it to change a
    /// relation's storage manager, or its options.
    ///
    /// Copies what readers see when it begins. Blocks the thread.
    ///
    /// - Parameters:
    ///   - name: the relation to copy.
    ///   - target: the new relation's name and storage options. Its columns are those of the
    ///     original, and its mode is ignored.
    ///   - session: the calling thread's session.
    ///   - isCancelled: called before each page; returns true to end without effect.
    /// - Returns: the new relation; nil if it was cancelled.
    /// - Throws: `notFound`, `alreadyExists`, `unknownStorageManager`; `invalidConfiguration` if
    ///   the manager does not know an option; `invalidPage` if a page is damaged; `relationDamaged`
    ///   if rows or another fork's blocks are missing; what reading and writing throw. Nothing is
    ///   copied then.
    public func copyRelation(
        named name: String, to target: LoadTarget, session: Session,
        isCancelled: () -> Bool = { false }
    ) throws(StorageError) -> Relation? {
        let source = try relation(named: name)
        var target = target
        target.mode = .create
        target.schema = source.schema
        let extent = source.extent
        let load = try startLoads([target], session: session)[0]
        // Two streams of IO share one session: what is read ahead may wait while pages are written.
        var pages = source.scan(session: session, extent: extent)
        var tally = CopyTally()
        while let page = try pages.next() {
            if isCancelled() {
                load.abort()
                return nil
            }
            let copy = try load.nextPage()
            page.withView { old in
                tally.count(old)
                copy.withExclusiveLock { new in
                    for offset in stride(from: 0, to: blockSize, by: 8) {
                        let word = unsafe old.bytes.unsafeLoad(
                            fromByteOffset: offset, as: UInt64.self)
                        new.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
                    }
                }
            }
        }
        try source.checkRowCount(tally.rows, of: extent)
        for fork in Fork.allCases where fork != .main {
            try copyFork(fork, source, to: load.record.open, session)
        }
        // Pages changed meanwhile are copied as they are, and their rows are not counted.
        let isCounted = extent.allows(tally.rows) && (!tally.hasZeroes || !extent.isRowCountExact)
        return try load.commit(
            rowCount: isCounted ? extent.rowCount : nil, isExact: extent.isRowCountExact)
    }

    /// Copies another fork, if it exists, as it is on disk.
    private func copyFork(
        _ fork: Fork, _ source: Relation, to target: OpenRelation, _ session: Session
    ) throws(StorageError) {
        let expected = description(of: source.name)?.blockCount(of: fork) ?? 0
        guard try source.open.storage.exists(fork) else {
            if expected > 0 { throw shortFork(source, fork, 0, expected) }
            return
        }
        try buffers.flush(source.open, session: session)
        let count = Int(try source.open.storage.blockCount(fork))
        if count < Int(expected) { throw shortFork(source, fork, count, expected) }
        try target.storage.create(fork, ifMissing: false)
        if count == 0 { return }
        try target.storage.zeroExtend(fork, from: 0, count: count, sync: .register)
        let step = 16
        let memory = PageSlots(slots: 1, pages: step)
        for first in stride(from: 0, to: count, by: step) {
            let pages = memory.addresses(0, min(step, count - first))
            let block = BlockNumber(UInt32(first))
            try source.open.storage.read(fork, block: block, into: pages.span)
            for position in pages.indices {
                try check(pages[position], block.advanced(by: position), fork, source)
            }
            try target.storage.write(fork, block: block, from: pages.span, sync: .register)
        }
    }

    /// - Throws: `invalidPage` if a page is damaged.
    private func check(
        _ page: PageAddress, _ block: BlockNumber, _ fork: Fork, _ source: Relation
    ) throws(StorageError) {
        // Only the caller has this memory.
        let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
        guard
            case .invalid(let reason) = view.verify(
                block: block.rawValue, checksums: control.hasPageChecksums)
        else { return }
        throw StorageError(
            .invalidPage,
            "relation \"\(source.name)\", fork \(fork.name), block \(block): \(reason)",
            remedy: "Verify the store to find all damaged pages, and restore it from a backup.",
            at: source.open.location(fork, block: block))
    }

    private func shortFork(
        _ source: Relation, _ fork: Fork, _ found: Int, _ expected: UInt32
    ) -> StorageError {
        StorageError(
            .relationDamaged,
            "relation \"\(source.name)\" has \(found) of the \(expected) blocks of its fork"
                + " \(fork.name)",
            remedy: "Verify the store to see which file is missing or too short, and restore it"
                + " from a backup.",
            at: StorageError.Location(
                relation: source.name, fork: fork.name, block: UInt32(found),
                path: source.locator.description))
    }
}

/// The rows of the copied pages.
private struct CopyTally {
    var rows: UInt64 = 0
    var hasZeroes = false

    mutating func count(_ page: PageView) {
        if page.isNew { hasZeroes = true }
        for number in page.linePointerNumbers
        where page.linePointer(number)?.state == .normal { rows += 1 }
    }
}
