public import AsyncIO

/// Keeps copies of pages until the pages are intact in place.
///
/// A power failure during a write may leave a page half old and half new: torn. So the pool first
/// gives copies of pages to a journal, and writes them in place once the journal has made the
/// copies durable. The next opening of the store finds torn pages there. Only relations whose pages
/// can tear (`StorageManagerCapabilities.pagesCanTear`) are journalled, and no session-local
/// ones.
///
/// The order for each batch of pages:
///
/// 1. The log of their changes is flushed (`WriteAheadLog`).
/// 2. The journal makes the copies durable. Meanwhile the session copies the pages of the next
/// batch.
/// 3. The pages are written in place.
///
/// Called from any thread, by several sessions at a time, each with batches of its own. PostgreSQL
/// has no equivalent: its log holds the image of each page's first change.
public protocol PageJournal: AnyObject, Sendable {
    /// The most pages in a batch; at least 128.
    var batchLimit: Int { get }

    /// Whether so much is kept that the next batch should wait for ``makeRoom(_:)``.
    var isFull: Bool { get }

    /// Keeps copies of pages and begins to make them durable, so that the session can prepare the
    /// next batch meanwhile.
    ///
    /// The pages are under IO meanwhile, so the journal must not use the buffer manager. It submits
    /// what the session has staged, and may wait for other sessions' batches.
    ///
    /// - Parameters:
    ///   - pages: from 1 to ``batchLimit``; their memory is valid during the call.
    ///   - session: waits for the copies; no other session may finish the batch.
    /// - Returns: the batch. The caller must pass it to ``makeDurable(_:session:)`` before writing
    ///   any of its pages in place, and to ``finish(_:)`` exactly once.
    /// - Throws: why the copies are not kept. None of the pages may be written in place then. The
    ///   caller may try again after anything but a failed sync.
    func record(_ pages: Span<JournalledPage>, session: Session) throws(StorageError)
        -> JournalBatch

    /// Returns once the copies of an unfinished batch of the session are durable.
    ///
    /// Submits what the session has staged, and may wait for other sessions' batches.
    ///
    /// - Throws: why the copies are not durable. None of the pages may be written in place then.
    ///   The caller may try again after anything but a failed sync.
    func makeDurable(_ batch: JournalBatch, session: Session) throws(StorageError)

    /// Records that pages of an unfinished batch were not written in place as intended. They may be
    /// torn there, so the journal must keep the copies until it keeps newer ones, or until the
    /// blocks are forgotten. Never waits.
    ///
    /// Another session may have added newer copies of the pages since.
    ///
    /// - Parameters:
    ///   - batch: the batch that has the copies.
    ///   - locator: the relation of the pages.
    ///   - fork: the fork of the pages.
    ///   - block: the first of `count` pages.
    ///   - count: how many pages, from `block` on.
    func writeDidFail(
        _ batch: JournalBatch, _ locator: RelationLocator, _ fork: Fork, block: BlockNumber,
        count: Int)

    /// Records that the replacement of a page counts, whose copy is durable: its batch is
    /// unfinished. Older copies of the page are needed no more. Never waits.
    ///
    /// Before this, and if it is never called, the journal behaves as if the copy did not exist.
    func replacementDidCommit(_ page: JournalledPage)

    /// Records that no write in place of a batch's pages is in progress any more, and that those
    /// made are registered for the next sync. Never waits.
    func finish(_ batch: JournalBatch)

    /// Makes the data durable whose copies are kept, and then drops the copies.
    ///
    /// The session must have no unfinished batch of its own; those of others are waited for.
    ///
    /// - Throws: what the sync threw; the copies are kept then.
    func makeRoom(_ session: Session) throws(StorageError)

    /// Records that a fork's blocks from one on cease to exist, so that their copies never come
    /// back. Call this while nothing writes the blocks, before cutting the storage. Returns once
    /// that is durable; at once if none of the blocks is kept.
    ///
    /// - Throws: why it is not durable. The blocks must not be cut then.
    func forget(_ locator: RelationLocator, _ fork: Fork, from block: BlockNumber, session: Session)
        throws(StorageError)
}

/// One page of a batch for a ``PageJournal``.
public struct JournalledPage: Sendable, BitwiseCopyable {
    /// The relation.
    public let locator: RelationLocator
    /// The fork.
    public let fork: Fork
    /// The block.
    public let block: BlockNumber
    /// The bytes to be written in place, with their checksum; aligned to 4096 bytes.
    public let bytes: PageAddress
    /// If it is not 0, the copy counts only once the catalog has this number of the relation's last
    /// replaced page (``PageJournal/replacementDidCommit(_:)``).
    public let replacement: UInt32

    /// Makes a page of a batch.
    public init(
        locator: RelationLocator, fork: Fork, block: BlockNumber, bytes: PageAddress,
        replacement: UInt32 = 0
    ) {
        self.locator = locator
        self.fork = fork
        self.block = block
        self.bytes = bytes
        self.replacement = replacement
    }
}

/// Identifies a batch of copies in a ``PageJournal``.
public struct JournalBatch: Sendable, Hashable, BitwiseCopyable {
    /// The journal's own number.
    public let number: UInt64

    /// Makes an identifier.
    public init(number: UInt64) { self.number = number }
}
