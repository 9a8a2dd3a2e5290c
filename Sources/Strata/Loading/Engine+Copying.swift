internal import BufferManager
internal import ReadStream

/// Copying relations to other storage managers.
extension Engine {
    /// Copies a relation into a new one, page by page, all or nothing. Use it to change a
    /// relation's storage manager, or its options.
    ///
    /// Copies what readers see when it begins, and its toast relation with it. Blocks the thread.
    ///
    /// - Parameters:
    ///   - name: the relation to copy.
    ///   - target: the new relation's name and storage options. Its columns are those of the
    ///     original, and its mode is ignored.
    ///   - session: the calling thread's session.
    ///   - isCancelled: called before each page; returns true to end without effect.
    /// - Returns: the new relation; nil if it was cancelled.
    /// - Throws: `notFound`, `alreadyExists`, `unknownStorageManager`; `misuse` if it is the toast
    ///   relation of another; `invalidConfiguration` if the manager does not know an option;
    ///   `invalidPage` if a page is damaged; `relationDamaged` if rows or another fork's blocks are
    ///   missing; what reading and writing throw. Nothing is copied then.
    public func copyRelation(
        named name: String, to target: LoadTarget, session: Session,
        isCancelled: () -> Bool = { false }
    ) throws(StorageError) -> Relation? {
        try checkIsNoToast(name)
        let source = try relation(named: name)
        var target = target
        target.mode = .create
        target.schema = source.schema
        target.pageKind = source.pageKind
        let load = try startLoads([target], session: session)[0]
        let original = try CopiedRelation(source, session)
        let extent = original.pages.extent
        guard let tally = try copyPages(original.pages, to: load, isCancelled) else {
            return nil
        }
        if case .values(_, let number) = original.role, let values = original.values {
            let toast = try load.beginToast(number: number)
            guard let tally = try copyPages(values, to: toast, isCancelled) else {
                load.abort()
                return nil
            }
            toast.toastRowCount = tally.count(for: values.extent)
        }
        for fork in Fork.allCases where fork != .main {
            try copyFork(fork, source, to: load, session)
        }
        return try load.commit(
            rowCount: tally.count(for: extent), isExact: extent.isRowCountExact)
    }

    /// Copies the pages of the main fork. Returns nil if it was cancelled.
    private func copyPages(
        _ original: CopiedPages, to load: PendingLoad, _ isCancelled: () -> Bool
    ) throws(StorageError) -> CopyTally? {
        let session = load.session
        let (source, extent) = (original.relation, original.extent)
        // Two streams of IO share one session: what is read ahead may wait while pages are written.
        var pages = source.scan(session: session, extent: extent)
        var tally = CopyTally()
        while let page = try pages.next() {
            if isCancelled() {
                load.abort()
                return nil
            }
            let copy = try load.nextPage()
            if let last = original.last, last.block == page.block {
                last.withView { tally.copy($0, source.pageKind, to: copy) }
            } else {
                let refusal = page.withView { view in
                    let reason = source.pageKind.refusal(of: view)
                    if reason == nil { tally.copy(view, source.pageKind, to: copy) }
                    // What the log says of the page holds for its copy.
                    if !source.pageKind.keepsLogPosition { copy.markDirty(lsn: page.lsn) }
                    return reason
                }
                if let refusal { throw .refused(source.open, .main, page.block, refusal) }
            }
        }
        try source.checkRowCount(tally.rows, of: extent)
        return tally
    }

    /// Copies another fork: as many blocks as the catalog counts, or as this engine has extended it
    /// to. Whatever else is at its names is no part of the relation. Takes the pages from the pool,
    /// where no write tears them.
    private func copyFork(
        _ fork: Fork, _ source: Relation, to load: PendingLoad, _ session: Session
    ) throws(StorageError) {
        let count = try blockCount(of: fork, source.record)
        if count == 0 { return }
        let storage = source.open.storage
        let found = try storage.exists(fork) ? storage.blockCount(fork) : 0
        if found < count {
            throw .shortRelation(try described(source.record), fork, blocks: found, found)
        }
        let (kind, target) = (source.open.pageKind(of: fork), load.record.open)
        load.furtherForks[fork] = count
        try target.storage.create(fork, ifMissing: false)
        try target.storage.zeroExtend(fork, from: 0, count: Int(count), sync: .register)
        var options = ReadStreamOptions.scan(of: Int(count), in: buffers)
        options.fork = fork
        let strategy = AccessStrategy(.bulkWrite, for: buffers)
        var pages = source.stream(BlockRange(0..<count), session: session, options: options)
        var tally = CopyTally()
        while let page = try pages.next() {
            // The target has zeroes there already, without space for them where it can.
            if page.withView({ kind.isNew($0) }) { continue }
            var copy = try buffers.page(
                page.block, of: target, fork: fork, mode: .zeroAndLock, strategy: strategy,
                session: session)
            copy.unlock()
            let refusal = page.withView { view in
                let reason = kind.refusal(of: view)
                if reason == nil { tally.copy(view, kind, to: copy) }
                if !kind.keepsLogPosition { copy.markDirty(lsn: page.lsn) }
                return reason
            }
            if let refusal { throw .refused(source.open, fork, page.block, refusal) }
        }
    }
}

/// The rows of the copied pages.
private struct CopyTally {
    var rows: UInt64 = 0
    var hasZeroes = false

    /// How many rows the catalog is to count. Pages changed meanwhile are copied as they are, and
    /// their rows are not counted.
    func count(for extent: RelationExtent) -> UInt64? {
        extent.allows(rows) && (!hasZeroes || !extent.isRowCountExact) ? extent.rowCount : nil
    }

    /// Copies a page and counts its rows.
    mutating func copy(_ old: PageView, _ kind: PageKind, to copy: borrowing PinnedPage) {
        if kind.isNew(old) { hasZeroes = true }
        if kind == .postgres {
            for number in old.linePointerNumbers
            where old.linePointer(number)?.state == .normal { rows += 1 }
        }
        copy.withExclusiveLock { new in
            for offset in stride(from: 0, to: blockSize, by: 8) {
                let word = unsafe old.bytes.unsafeLoad(fromByteOffset: offset, as: UInt64.self)
                new.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
            }
        }
    }
}
