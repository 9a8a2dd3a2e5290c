public import AsyncIO

/// A way to keep relations: in plain segment files, compressed, in memory, anywhere.
///
/// One object serves an engine and all its threads; it is set up by its initialiser and ended by
/// ``shutdown()``. What concerns one relation is done by the ``RelationStorage`` it makes.
/// Together they have the duties of PostgreSQL's `f_smgr`.
public protocol StorageManager: AnyObject, Sendable {
    /// The stable name that catalogs record, such as `magnetic`.
    var name: String { get }

    /// What it can do. Must not change.
    var capabilities: StorageManagerCapabilities { get }

    /// Makes the object that keeps one relation, without touching its files.
    ///
    /// - Parameters:
    ///   - locator: which relation. Asked for once until it is closed again.
    ///   - target: how IO on it is to be labelled.
    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage

    /// Says how a relation that is about to be created shall be kept, in the manager's own terms.
    ///
    /// The manager keeps with the relation what it needs of that.
    ///
    /// - Parameter options: values by name; none leaves all to the manager.
    /// - Throws: `invalidConfiguration` for an option that it does not have, or a value that cannot
    ///   be.
    func prepare(_ locator: RelationLocator, options: [String: String]) throws(StorageError)

    /// How a relation is kept, as ``prepare(_:options:)`` takes it for another that shall be kept
    /// likewise; none where there is nothing to choose. Any thread.
    ///
    /// - Throws: what reading throws.
    func options(of locator: RelationLocator) throws(StorageError) -> [String: String]

    /// How much space a fork takes; nil where that is what its blocks take. Any thread.
    func space(of locator: RelationLocator, fork: Fork) throws(StorageError) -> RelationSpace?

    /// Gives space back that a relation's files have and do not use. Blocks; readers and writers go
    /// on meanwhile.
    ///
    /// - Returns: how many bytes were moved for that.
    func compact(_ locator: RelationLocator) throws(StorageError) -> Int

    /// Looks for damage in what the manager keeps besides pages. Blocks.
    ///
    /// - Parameter found: told what is wrong, and where.
    func check(
        _ locator: RelationLocator, fork: Fork, found: (StorageError) -> Void
    ) throws(StorageError)

    /// Removes a fork's files, so that a crash leaves them whole or gone; nothing has it open.
    ///
    /// Removing what does not exist succeeds. Mirrors PostgreSQL's `mdunlink`.
    func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError)

    /// Makes all writes durable that were registered by ``RelationStorage/registerSync(_:)`` or by
    /// writing since the last call, and the creation and removal of files.
    ///
    /// - Throws: `syncFailed`, after which nothing is known of what is on disk.
    func syncPending(_ session: Session) throws(StorageError)

    /// Ends the manager; all relations are closed, or nobody uses them any more.
    func shutdown()
}

extension StorageManager {
    /// There is nothing to choose.
    public func prepare(_ locator: RelationLocator, options: [String: String])
        throws(StorageError)
    {
        guard let option = options.keys.sorted().first else { return }
        throw StorageError(
            .invalidConfiguration, "storage manager \"\(name)\" has no option \"\(option)\"",
            remedy: "Leave it out, or choose another storage manager.",
            at: StorageError.Location(relation: locator.description))
    }

    /// There was nothing to choose.
    public func options(of locator: RelationLocator) throws(StorageError) -> [String: String] {
        [:]
    }

    /// Blocks take what they have.
    public func space(of locator: RelationLocator, fork: Fork) throws(StorageError)
        -> RelationSpace?
    {
        nil
    }

    /// There is nothing that could be given back.
    public func compact(_ locator: RelationLocator) throws(StorageError) -> Int { 0 }

    /// There is nothing besides pages.
    public func check(
        _ locator: RelationLocator, fork: Fork, found: (StorageError) -> Void
    ) throws(StorageError) {}
}

/// How much space a fork of a relation takes.
public struct RelationSpace: Sendable, Hashable {
    /// The bytes of its blocks.
    public var logicalBytes: Int
    /// The bytes that are needed to keep them.
    public var usedBytes: Int
    /// The bytes of its files, those included that hold nothing.
    public var fileBytes: Int

    /// Makes a statement.
    public init(logicalBytes: Int, usedBytes: Int, fileBytes: Int) {
        self.logicalBytes = logicalBytes
        self.usedBytes = usedBytes
        self.fileBytes = fileBytes
    }

    /// How many times smaller what is kept is than the blocks; 1 where nothing is.
    public var ratio: Double {
        usedBytes == 0 ? 1 : Double(logicalBytes) / Double(usedBytes)
    }

    /// Which part of the files holds nothing, from 0 to 1.
    public var fragmentation: Double {
        fileBytes <= usedBytes ? 0 : Double(fileBytes - usedBytes) / Double(fileBytes)
    }

    /// What several forks take together.
    public static func + (left: RelationSpace, right: RelationSpace) -> RelationSpace {
        RelationSpace(
            logicalBytes: left.logicalBytes + right.logicalBytes,
            usedBytes: left.usedBytes + right.usedBytes,
            fileBytes: left.fileBytes + right.fileBytes)
    }
}

/// What becomes durable of a write, and when.
public enum SyncPolicy: Sendable {
    /// The next ``StorageManager/syncPending(_:)`` makes it durable.
    case register
    /// Whoever writes sees to it.
    case skip
}

/// One relation in the hands of its storage manager.
///
/// All calls may come from any thread, several at a time; only ``extend(_:at:with:sync:)``,
/// ``zeroExtend(_:from:count:sync:)``, ``truncate(_:to:session:)`` and ``create(_:ifMissing:)`` of
/// one relation are kept apart by the caller. All but the starts block until done. Errors name
/// relation, fork, block and file.
public protocol RelationStorage: AnyObject, Sendable {
    /// Creates a fork, empty. Mirrors PostgreSQL's `mdcreate`.
    ///
    /// - Parameter ifMissing: an existing fork is kept instead of being an error.
    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError)

    /// Whether a fork exists. Mirrors PostgreSQL's `mdexists`.
    func exists(_ fork: Fork) throws(StorageError) -> Bool

    /// Lets go of a fork's files. They are opened again by need. Mirrors PostgreSQL's `mdclose`.
    ///
    /// - Parameter session: submits and waits for what uses them.
    func close(_ fork: Fork, session: Session)

    /// Adds one page at the end, or beyond it with zeroes in between. Mirrors `mdextend`.
    func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
        throws(StorageError)

    /// Adds pages of zeroes at the end. Mirrors PostgreSQL's `mdzeroextend`.
    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)

    /// Asks the kernel to have blocks ready soon. Mirrors PostgreSQL's `mdprefetch`.
    ///
    /// - Returns: false when a file it would need is missing.
    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool

    /// How many blocks from `block` on one IO can cover; at least 1. Mirrors `mdmaxcombine`.
    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int

    /// How many blocks from `block` on one write can cover; at least 1, and not more than
    /// ``maximumCombine(_:block:)``.
    func maximumWrite(_ fork: Fork, block: BlockNumber) -> Int

    /// How many blocks, from each multiple of that number on, are kept together, so that writing some
    /// of them costs about as much as writing all; 1 where each block is by itself.
    func blocksPerGroup(_ fork: Fork) -> Int

    /// Reads blocks, all or an error. Mirrors PostgreSQL's `mdreadv`.
    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>) throws(StorageError)

    /// Starts reading at most ``maximumCombine(_:block:)`` blocks into memory that stays valid
    /// until the IO completes. Its result's value counts blocks. Mirrors PostgreSQL's
    /// `mdstartreadv`.
    ///
    /// Whatever is thrown here, the handle has been released.
    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError)

    /// Writes existing blocks. Mirrors PostgreSQL's `mdwritev`.
    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError)

    /// Starts writing at most ``maximumCombine(_:block:)`` existing blocks from memory that stays
    /// valid and unchanged until the IO completes. Its result's value counts blocks.
    ///
    /// Whatever is thrown here, the handle has been released.
    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError)

    /// Asks the kernel to begin writing blocks to the disk. Mirrors PostgreSQL's `mdwriteback`.
    func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError)

    /// How many blocks a fork has. Mirrors PostgreSQL's `mdnblocks`.
    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32

    /// Cuts a fork to its first `count` blocks; nothing if it is shorter. Mirrors `mdtruncate`.
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError)

    /// Makes a fork durable now. Mirrors PostgreSQL's `mdimmedsync`.
    func immediateSync(_ fork: Fork) throws(StorageError)

    /// Has the next ``StorageManager/syncPending(_:)`` make the fork durable. Mirrors
    /// `mdregistersync`.
    func registerSync(_ fork: Fork) throws(StorageError)

    /// A descriptor for the file with that block that stays open while the IO of `io` is in flight.
    /// For workers that reopen. Mirrors PostgreSQL's `mdfd`.
    ///
    /// - Returns: the descriptor, or a negated `errno`.
    func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt
}

extension RelationStorage {
    /// The descriptor that the IO was started with: whoever lent it keeps it open until the IO was
    /// executed, and it is good in every thread of the process.
    public func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt {
        io.descriptor
    }

    /// As many as any IO.
    public func maximumWrite(_ fork: Fork, block: BlockNumber) -> Int {
        maximumCombine(fork, block: block)
    }

    /// Each block is by itself.
    public func blocksPerGroup(_ fork: Fork) -> Int { 1 }

    /// Nothing needs to be fetched.
    public func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool
    {
        true
    }

    /// Nothing needs to be hurried along.
    public func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {}
}
