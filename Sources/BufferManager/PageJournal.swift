public import AsyncIO
public import StorageManager

/// Where pages are kept until they are whole in place.
///
/// A page that is being written when the power fails may be left half old and half new: torn. So
/// the pool gives copies of pages to a journal first, and writes them in place once the journal has
/// made the copies durable; whoever opens the store next finds there what was torn. Only relations
/// whose pages can tear (``StorageManagerCapabilities/pagesCanTear``) are journalled, and none that
/// is local to a session.
///
/// The order for each batch of pages is: the log of their changes is flushed (``WriteAheadLog``), the
/// journal has made their copies durable, the pages are written in place. While one batch becomes
/// durable, the session copies the pages of the next.
///
/// Any thread; several sessions at a time, each with batches of its own. PostgreSQL has no such
/// thing: its log holds the image of each page's first change.
public protocol PageJournal: AnyObject, Sendable {
    /// How many pages a batch can have, at most; at least 128.
    var batchLimit: Int { get }

    /// Whether so much is kept that the next batch should wait for ``makeRoom(_:)``.
    var isFull: Bool { get }

    /// Keeps copies of pages, and begins to make them durable: so that the session can prepare the
    /// next batch meanwhile.
    ///
    /// The pages are under IO meanwhile, so it must not use the buffer manager. It submits what the
    /// session has staged, and may wait for other sessions' batches.
    ///
    /// - Parameter pages: from 1 to ``batchLimit``; their memory is valid during the call.
    /// - Returns: the batch, to be given to ``makeDurable(_:session:)`` before any of its pages is
    ///   written in place, and to ``finish(_:)`` exactly once.
    /// - Throws: why they are not kept. None of them may be written in place then. Anything but
    ///   a failed sync may be tried again.
    func record(_ pages: Span<JournalledPage>, session: Session) throws(StorageError)
        -> JournalBatch

    /// Returns when the copies of an unfinished batch of the session are durable.
    ///
    /// Submits what the session has staged, and may wait for other sessions' batches.
    ///
    /// - Throws: why they are not. None of the pages may be written in place then. Anything but a
    ///   failed sync may be tried again.
    func makeDurable(_ batch: JournalBatch, session: Session) throws(StorageError)

    /// Takes note that pages of an unfinished batch were not written in place as they should: they
    /// may be torn there, so the copies must be kept until newer ones are, or until the blocks are
    /// forgotten. Never waits.
    ///
    /// Another session may have kept newer copies of the pages since.
    ///
    /// - Parameter block: the first of `count` pages.
    func writeDidFail(
        _ batch: JournalBatch, _ locator: RelationLocator, _ fork: Fork, block: BlockNumber,
        count: Int)

    /// Takes note that no write in place of a batch's pages is under way any more, and that those
    /// that were made are registered for the next sync. Never waits.
    func finish(_ batch: JournalBatch)

    /// Makes the data durable whose copies are kept, and then forgets the copies.
    ///
    /// The session has no batch of its own that is not finished; those of others are waited for.
    ///
    /// - Throws: what the sync threw; the copies are kept then.
    func makeRoom(_ session: Session) throws(StorageError)

    /// Takes note that a fork's blocks from one on cease to exist: their copies must never come
    /// back. To be called while nobody writes them, before the storage is cut. Returns when that is
    /// durable, at once if none of them is kept.
    ///
    /// - Throws: why that is not so. The blocks must not be cut then.
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
    /// The bytes that will be written in place, checksum and all; aligned to 4096 bytes.
    public let bytes: PageAddress

    /// Names a page.
    public init(
        locator: RelationLocator, fork: Fork, block: BlockNumber, bytes: PageAddress
    ) {
        self.locator = locator
        self.fork = fork
        self.block = block
        self.bytes = bytes
    }
}

/// A batch of copies that a ``PageJournal`` keeps, in the journal's own terms.
public struct JournalBatch: Sendable, Hashable, BitwiseCopyable {
    /// Whatever the journal knows it by.
    public let number: UInt64

    /// Makes a batch's name.
    public init(number: UInt64) { self.number = number }
}
