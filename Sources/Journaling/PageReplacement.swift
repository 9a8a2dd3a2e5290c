package import AsyncIO
package import BufferManager
internal import Logging
package import PageFormat
package import StorageManager
internal import StoreFormat
internal import Threads

/// A new version of one page, made aside, that takes the page's place in one step: after a crash
/// either the old page is there or the new one.
///
/// | step | what is durable | a crash leaves |
/// |---|---|---|
/// | ``withEditor(_:)`` | nothing | the old page |
/// | ``prepare(_:numbers:)`` | the copy in the journal, which does not count yet | the old page |
/// | the owner records the number durably | the number: the copy counts | the new page |
/// | ``complete()`` | nothing further; the page is written in place | the new page |
///
/// From ``prepare(_:numbers:)`` until ``release()`` the page is locked, so that nothing reads or
/// changes it while it is not decided which version counts. Belongs to its session's thread.
///
/// PostgreSQL has no equivalent: there the log says which changes of a page count.
package final class PageReplacement {
    /// The page's block in the main fork.
    package let block: BlockNumber
    private let buffers: BufferManager
    private let relation: OpenRelation
    private let session: Session
    /// The new version, and the page that it was made from.
    private let memory = PageSlots(slots: 1, pages: 2)
    private var new: PageAddress { memory.address(0, 0) }
    private var old: PageAddress { memory.address(0, 1) }
    /// Whether the new version differs from the old one.
    package var isChanged: Bool {
        withExtendedLifetime(memory) { unsafe memcmp(new.pointer, old.pointer, blockSize) != 0 }
    }
    /// Whether the journal may have the new version, whether it counts or not.
    package private(set) var mayBeKept = false
    /// The page, exclusively locked; nil before it is prepared and after it is released.
    private var page: PinnedPage?
    private var kept: (batch: JournalBatch, page: JournalledPage)?

    /// Whether pages of a relation can be replaced: they cannot if a crash could tear them, and
    /// nothing keeps copies.
    package static func isPossible(for relation: OpenRelation, in buffers: BufferManager) -> Bool {
        if relation.locator.isLocal || relation.pageKind != .postgres { return false }
        let capabilities = relation.capabilities
        return capabilities.isVolatile
            || capabilities.pagesCanTear && buffers.configuration.pageJournal != nil
    }

    /// Begins with the last of a relation's blocks; nil if it has none, if its pages cannot be
    /// replaced, or if the page cannot be read.
    ///
    /// - Throws: exhausted descriptors or memory.
    package static func ofLast(
        of blockCount: UInt32, _ relation: OpenRelation, in buffers: BufferManager,
        session: Session
    ) throws(StorageError) -> PageReplacement? {
        guard blockCount > 0, isPossible(for: relation, in: buffers) else { return nil }
        do throws(StorageError) {
            return try PageReplacement(
                of: BlockNumber(blockCount - 1), relation, in: buffers, session: session)
        } catch {
            if error.isExhaustion { throw error }
            return nil
        }
    }

    /// Begins with the page as it is.
    ///
    /// - Throws: what ``BufferManager/page(_:of:fork:mode:strategy:session:)`` throws.
    package init(
        of block: BlockNumber, _ relation: OpenRelation, in buffers: BufferManager,
        session: Session
    ) throws(StorageError) {
        self.block = block
        self.relation = relation
        self.buffers = buffers
        self.session = session
        let page = try buffers.page(block, of: relation, mode: .normal, session: session)
        page.withSharedLock { _ in
            for copy in [new, old] {
                // The lock keeps the page as it is, and no other code knows the memory.
                unsafe copy.pointer.copyMemory(
                    from: page.unsafeAddress, byteCount: blockSize)
            }
        }
    }

    deinit { release() }

    /// Whether rows can be added to the page: it is neither new nor has it special space.
    package var isHeapPage: Bool {
        defer { withExtendedLifetime(memory) {} }
        let view = unsafe PageView(unsafePage: UnsafeRawPointer(new.pointer))
        return !view.isNew && view.header.special == PageLayout.size
    }

    /// Reads the new version.
    package func withView<Result>(_ body: (PageView) -> Result) -> Result {
        defer { withExtendedLifetime(memory) {} }
        return unsafe body(PageView(unsafePage: UnsafeRawPointer(new.pointer)))
    }

    /// Throws `pageInUse` if this thread is changing the page.
    package func checkNotHeldHere() throws(StorageError) {
        let found = buffers.pinIfResident(block, of: relation, session: session)
        try found?.checkNotHeldHere()
    }

    /// Changes the new version.
    package func withEditor<Result, Failure>(
        _ body: (inout PageEditor) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        insist(page == nil, "a page that is being put in place must not be changed")
        var editor = unsafe PageEditor(unsafePage: new.pointer)
        defer { withExtendedLifetime(memory) {} }
        return try body(&editor)
    }

    // MARK: Keeping the new version

    /// Locks pages and keeps their new versions durably.
    ///
    /// Nothing of the journal is held while this waits for a lock, whose holder may be waiting for
    /// room in the journal; and no lock while this waits for another one, since the holder of that
    /// one may be waiting for the first.
    ///
    /// - Parameters:
    ///   - all: replacements of one session, each of another page.
    ///   - numbers: by which the owner makes each of them count.
    /// - Returns: one whose page has been changed since it was begun; nil if all are kept.
    /// - Throws: `pageInUse` if the thread itself is changing a page; what reading, the log and the
    ///   journal throw. In this case, and if a page has changed, ``release()`` gives each back.
    package static func prepare(
        _ all: [PageReplacement], numbers: [UInt32]
    ) throws(StorageError) -> PageReplacement? {
        guard let first = all.first else { return nil }
        let (buffers, session) = (first.buffers, first.session)
        precondition(all.allSatisfy { $0.page == nil && $0.session === session })
        if let journal = buffers.configuration.pageJournal, journal.isFull {
            try journal.makeRoom(session)
        }
        for one in all { try one.pin() }
        session.submitStaged()
        try lock(all)
        for one in all where !one.isUnchanged { return one }
        for one in all { try one.seal() }
        try keep(all, numbers)
        return nil
    }

    private func pin() throws(StorageError) {
        let found = try buffers.page(block, of: relation, mode: .normal, session: session)
        try found.checkNotHeldHere()
        page = consume found
    }

    /// Locks the pinned pages of all while none of them is being written. A thread that writes a
    /// page may be waiting for its lock, so nothing is awaited with a lock held.
    private static func lock(_ all: [PageReplacement]) throws(StorageError) {
        var awaited = 0
        while true {
            all[awaited].page?.lock()
            let busy = all.indices.first { $0 != awaited && !all[$0].tryLock() }
            let written = all.first { $0.page?.isBeingWritten == true }
            if busy == nil && written == nil { return }
            for one in all { one.page?.unlock() }
            awaited = busy ?? awaited
            if let written { try written.page?.waitForWriting(written.session) }
        }
    }

    private func tryLock() -> Bool { page?.tryLock() ?? true }

    /// Whether the page is the one that the new version was made from, and is on disk.
    private var isUnchanged: Bool { page?.isDirty == false && page?.has(old) == true }

    /// Gives the new version its checksum, and makes the log of its changes durable.
    private func seal() throws(StorageError) {
        var editor = unsafe PageEditor(unsafePage: new.pointer)
        if let reason = PageKind.postgres.refusal(of: editor.view) {
            throw .refused(relation, .main, block, reason)
        }
        if buffers.configuration.hasChecksums { editor.setChecksum(block: block.rawValue) }
        try buffers.flushLog(upTo: editor.view.lsn, session: session)
    }

    private static func keep(
        _ all: [PageReplacement], _ numbers: [UInt32]
    ) throws(StorageError) {
        guard let journal = all[0].buffers.configuration.pageJournal else { return }
        for (one, number) in zip(all, numbers) where !one.relation.capabilities.isVolatile {
            let copy = JournalledPage(
                locator: one.relation.locator, fork: .main, block: one.block, bytes: one.new,
                replacement: number)
            let pages: InlineArray<1, JournalledPage> = [copy]
            one.mayBeKept = true
            one.kept = (try journal.record(pages.span, session: one.session), copy)
        }
        // One sync makes all of them durable.
        for one in all.reversed() {
            if let kept = one.kept { try journal.makeDurable(kept.batch, session: one.session) }
        }
    }

    // MARK: Putting it in place

    /// Puts the new version in place, once its number is durable: in the pool, and on the way to
    /// the disk. If writing fails, the page stays dirty, and the journal keeps the copy.
    package func complete() {
        guard page != nil else { return }
        page?.set(new)
        if let kept { buffers.configuration.pageJournal?.replacementDidCommit(kept.page) }
        let pages: InlineArray<1, PageAddress> = [new]
        do throws(StorageError) {
            try buffers.checkWritable()
            try relation.storage.write(.main, block: block, from: pages.span, sync: .register)
        } catch {
            if error.isFinalSyncFailure { buffers.refuseWrites(because: error) }
            if let kept {
                buffers.configuration.pageJournal?.writeDidFail(
                    kept.batch, relation.locator, .main, block: block, count: 1)
            }
            page?.markDirty()
            buffers.configuration.logger.warning(
                """
                block \(block) of relation \(relation.locator) was replaced, and is to be written \
                again: \(error)
                """)
        }
    }

    /// Unlocks the page. Calling it again does nothing.
    package func release() {
        page = nil
        guard let (batch, _) = kept.take() else { return }
        buffers.configuration.pageJournal?.finish(batch)
    }
}

/// The lock is the caller's, so no other code uses the page's bytes.
extension PinnedPage {
    /// Apart from the checksum, which means nothing in memory.
    fileprivate func has(_ bytes: PageAddress) -> Bool {
        // It is in bytes 8 and 9 of every page.
        unsafe memcmp(unsafeAddress, bytes.pointer, 8) == 0
            && memcmp(unsafeAddress + 10, bytes.pointer + 10, blockSize - 10) == 0
    }

    fileprivate func set(_ bytes: PageAddress) {
        unsafe unsafeAddress.copyMemory(from: bytes.pointer, byteCount: blockSize)
    }
}
