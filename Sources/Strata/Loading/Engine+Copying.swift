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
    ///   relation of another; `invalidConfiguration` if
    ///   the manager does not know an option; `invalidPage` if a page is damaged; `relationDamaged`
    ///   if rows or another fork's blocks are missing; what reading and writing throw. Nothing is
    ///   copied then.
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

    /// Copies another fork as it is on disk: as many blocks as the catalog counts, or as this
    /// engine has extended it to. Whatever else is at its names is no part of the relation.
    private func copyFork(
        _ fork: Fork, _ source: Relation, to load: PendingLoad, _ session: Session
    ) throws(StorageError) {
        let count = try blockCount(of: fork, source.record)
        if count == 0 { return }
        try buffers.flush(source.open, session: session)
        let storage = source.open.storage
        let found = try storage.exists(fork) ? storage.blockCount(fork) : 0
        if found < count { throw shortFork(source, fork, Int(found), count) }
        let target = load.record.open
        load.furtherForks[fork] = count
        try target.storage.create(fork, ifMissing: false)
        try target.storage.zeroExtend(fork, from: 0, count: Int(count), sync: .register)
        let step = 16
        let memory = PageSlots(slots: 1, pages: step)
        for first in stride(from: 0, to: Int(count), by: step) {
            let pages = memory.addresses(0, min(step, Int(count) - first))
            let block = BlockNumber(UInt32(first))
            try storage.read(fork, block: block, into: pages.span)
            var isEmpty = true
            for position in pages.indices {
                let isNew = try check(
                    pages[position], block.advanced(by: position), fork, source)
                if !isNew { isEmpty = false }
                seal(pages[position], block.advanced(by: position), fork, for: target)
            }
            // The target has zeroes there already, without space for them where it can.
            if isEmpty { continue }
            try target.storage.write(fork, block: block, from: pages.span, sync: .register)
        }
    }

    /// - Returns: whether the page is all zeroes.
    /// - Throws: `invalidPage` if a page is damaged.
    private func check(
        _ page: PageAddress, _ block: BlockNumber, _ fork: Fork, _ source: Relation
    ) throws(StorageError) -> Bool {
        // Only the caller has this memory.
        let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
        let reason: String
        let kind = source.open.pageKind(of: fork)
        switch kind.verify(
            view, at: source.locator.place(fork, block), checksums: control.hasPageChecksums)
        {
        case .new: return true
        case .valid: return false
        case .invalid(let fault): reason = fault.description
        }
        throw StorageError(
            .invalidPage,
            "relation \"\(source.name)\", fork \(fork.name), block \(block): \(reason)",
            remedy: "Verify the store to find all damaged pages, and restore it from a backup.",
            at: source.open.location(fork, block: block))
    }

    /// Makes a page that was read what it must be in the copy: its place is another one.
    private func seal(
        _ page: PageAddress, _ block: BlockNumber, _ fork: Fork, for target: OpenRelation
    ) {
        guard target.pageKind(of: fork) == .sealed else { return }
        // Only the caller has this memory.
        var editor = unsafe PageEditor(unsafePage: page.pointer)
        editor.complete(
            .sealed, at: target.locator.place(fork, block), checksums: control.hasPageChecksums)
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
