public import AsyncIO

/// A way to store relations: in plain segment files, compressed, in memory, or anywhere else.
///
/// One object serves an engine and all its threads. Its initialiser sets it up and ``shutdown()``
/// ends it. It makes a ``RelationStorage`` for each relation. Together they have the duties of
/// PostgreSQL's `f_smgr`.
public protocol StorageManager: AnyObject, Sendable {
    /// The stable name that catalogs record, such as `magnetic`.
    var name: String { get }

    /// The manager's capabilities. Must not change.
    var capabilities: StorageManagerCapabilities { get }

    /// Makes the object that stores one relation, without touching its files.
    ///
    /// - Parameters:
    ///   - locator: the relation. Not asked for again until it is closed.
    ///   - target: labels IO on the relation.
    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage

    /// Sets the manager's own options for a relation that is about to be created.
    ///
    /// The manager stores the options it needs with the relation.
    ///
    /// - Parameters:
    ///   - locator: the relation.
    ///   - options: values by name; an empty dictionary selects the defaults.
    /// - Throws: `invalidConfiguration` for an unknown option or an invalid value.
    func prepare(_ locator: RelationLocator, options: [String: String]) throws(StorageError)

    /// The options that make ``prepare(_:options:)`` store another relation the same way; empty if
    /// there are none to choose. Safe to call from any thread.
    ///
    /// - Throws: what reading throws.
    func options(of locator: RelationLocator) throws(StorageError) -> [String: String]

    /// The space a fork takes; nil if that is the size of its blocks. Safe to call from any thread.
    func space(of locator: RelationLocator, fork: Fork) throws(StorageError) -> RelationSpace?

    /// Frees unused space in a relation's files. Blocks; readers and writers may continue.
    ///
    /// - Returns: the number of bytes moved.
    func compact(_ locator: RelationLocator) throws(StorageError) -> Int

    /// Checks what the manager stores besides pages for damage. Blocks.
    ///
    /// - Parameters:
    ///   - locator: the relation.
    ///   - fork: one of the relation's forks.
    ///   - found: called with each damage and its location.
    func check(
        _ locator: RelationLocator, fork: Fork, found: (StorageError) -> Void
    ) throws(StorageError)

    /// Removes a fork's files. After a crash they are either whole or gone. Nothing has the fork
    /// open.
    ///
    /// Succeeds if there is nothing to remove. Mirrors PostgreSQL's `mdunlink`.
    func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError)

    /// Makes durable all writes since the last call that were registered, by
    /// ``RelationStorage/registerSync(_:)`` or by writing, and the creation and removal of files.
    ///
    /// - Throws: `syncFailed`, after which the contents of the disk are unknown.
    func syncPending(_ session: Session) throws(StorageError)

    /// Whether something was written since the last ``syncPending(_:)``. If so when a store is
    /// closed, it is recovered on opening as after a crash. False by default. Any thread.
    var hasPendingSyncs: Bool { get }

    /// Allows or ends work that the manager does by itself, outside of calls. Called with false
    /// before the last ``syncPending(_:)``: returns when there is none, and none begins until it is
    /// allowed again. It is allowed at first.
    func allowBackgroundWork(_ isAllowed: Bool)

    /// Ends the manager. All relations are closed, or nothing uses them any more.
    func shutdown()
}

extension StorageManager {
    /// Accepts no options.
    public func prepare(_ locator: RelationLocator, options: [String: String])
        throws(StorageError)
    {
        guard let option = options.keys.sorted().first else { return }
        throw StorageError(
            .invalidConfiguration, "storage manager \"\(name)\" has no option \"\(option)\"",
            remedy: "Omit the option, or choose another storage manager.",
            at: StorageError.Location(relation: locator.description))
    }

    /// No options.
    public func options(of locator: RelationLocator) throws(StorageError) -> [String: String] {
        [:]
    }

    /// Blocks take their own size.
    public func space(of locator: RelationLocator, fork: Fork) throws(StorageError)
        -> RelationSpace?
    {
        nil
    }

    /// Not known to be so.
    public var hasPendingSyncs: Bool { false }

    /// There is none.
    public func allowBackgroundWork(_ isAllowed: Bool) {}

    /// Nothing to free.
    public func compact(_ locator: RelationLocator) throws(StorageError) -> Int { 0 }

    /// Nothing to check besides pages.
    public func check(
        _ locator: RelationLocator, fork: Fork, found: (StorageError) -> Void
    ) throws(StorageError) {}
}

/// The space a fork of a relation takes.
public struct RelationSpace: Sendable, Hashable {
    /// The bytes of its blocks.
    public var logicalBytes: Int
    /// The bytes needed to store them.
    public var usedBytes: Int
    /// The bytes of its files, unused ones included.
    public var fileBytes: Int
    /// The bytes of blocks that the manager knows to be missing from its files; 0 if it knows of
    /// none.
    public var lostBytes: Int

    /// Makes a record of space.
    public init(logicalBytes: Int, usedBytes: Int, fileBytes: Int, lostBytes: Int = 0) {
        self.logicalBytes = logicalBytes
        self.usedBytes = usedBytes
        self.fileBytes = fileBytes
        self.lostBytes = lostBytes
    }

    /// The compression ratio: logical bytes by used bytes; 1 if nothing is used.
    public var ratio: Double {
        usedBytes == 0 ? 1 : Double(logicalBytes) / Double(usedBytes)
    }

    /// The unused share of the files, from 0 to 1.
    public var fragmentation: Double {
        fileBytes <= usedBytes ? 0 : Double(fileBytes - usedBytes) / Double(fileBytes)
    }

    /// Adds the space of several forks.
    public static func + (left: RelationSpace, right: RelationSpace) -> RelationSpace {
        RelationSpace(
            logicalBytes: left.logicalBytes + right.logicalBytes,
            usedBytes: left.usedBytes + right.usedBytes,
            fileBytes: left.fileBytes + right.fileBytes,
            lostBytes: left.lostBytes + right.lostBytes)
    }
}

/// Which part of the engine makes a write durable.
public enum SyncPolicy: Sendable {
    /// The next ``StorageManager/syncPending(_:)`` makes it durable.
    case register
    /// The caller makes it durable.
    case skip
}

/// The storage of one relation.
///
/// Calls may come from any thread, several at a time. Callers must serialise
/// ``extend(_:at:with:sync:)``, ``zeroExtend(_:from:count:sync:)``,
/// ``truncate(_:to:session:)`` and ``create(_:ifMissing:)`` of one relation. All calls except the
/// starts block until done. Errors name relation, fork, block and file.
public protocol RelationStorage: AnyObject, Sendable {
    /// Creates an empty fork. Mirrors PostgreSQL's `mdcreate`.
    ///
    /// - Parameters:
    ///   - fork: one of the relation's forks.
    ///   - ifMissing: keeps an existing fork instead of throwing.
    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError)

    /// Whether a fork exists. Mirrors PostgreSQL's `mdexists`.
    func exists(_ fork: Fork) throws(StorageError) -> Bool

    /// Closes a fork's files. They are reopened on demand. Mirrors PostgreSQL's `mdclose`.
    ///
    /// - Parameters:
    ///   - fork: one of the relation's forks.
    ///   - session: submits and waits for IO that uses the files.
    func close(_ fork: Fork, session: Session)

    /// Adds one page at the end, or beyond it with zeroes in between. Mirrors `mdextend`.
    func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
        throws(StorageError)

    /// Adds pages of zeroes at the end. Mirrors PostgreSQL's `mdzeroextend`.
    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)

    /// Asks the kernel to read blocks ahead. Mirrors PostgreSQL's `mdprefetch`.
    ///
    /// - Returns: false if a required file is missing.
    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool

    /// How many blocks from `block` on one IO can cover; at least 1. Mirrors `mdmaxcombine`.
    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int

    /// How many blocks from `block` on one write can cover; at least 1, and at most
    /// ``maximumCombine(_:block:)``.
    func maximumWrite(_ fork: Fork, block: BlockNumber) -> Int

    /// The size of the aligned groups in which blocks are stored, so that writing part of a group
    /// costs about as much as writing all of it; 1 if blocks are stored singly.
    func blocksPerGroup(_ fork: Fork) -> Int

    /// Reads all the blocks or throws. Mirrors PostgreSQL's `mdreadv`.
    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>) throws(StorageError)

    /// Starts reading at most ``maximumCombine(_:block:)`` blocks into memory that stays valid
    /// until the IO completes. The result's value counts blocks. Mirrors PostgreSQL's
    /// `mdstartreadv`.
    ///
    /// If this throws, the handle has been released.
    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError)

    /// Writes existing blocks. Mirrors PostgreSQL's `mdwritev`.
    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError)

    /// Starts writing at most ``maximumCombine(_:block:)`` existing blocks from memory that stays
    /// valid and unchanged until the IO completes. The result's value counts blocks.
    ///
    /// If this throws, the handle has been released.
    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError)

    /// Asks the kernel to begin writing blocks to the disk. Mirrors PostgreSQL's `mdwriteback`.
    func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError)

    /// How many blocks a fork has. Mirrors PostgreSQL's `mdnblocks`.
    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32

    /// Cuts a fork to its first `count` blocks. Does nothing if it is shorter. Mirrors
    /// `mdtruncate`.
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError)

    /// Makes a fork durable now. Mirrors PostgreSQL's `mdimmedsync`.
    func immediateSync(_ fork: Fork) throws(StorageError)

    /// Makes the next ``StorageManager/syncPending(_:)`` sync the fork. Mirrors `mdregistersync`.
    func registerSync(_ fork: Fork) throws(StorageError)

    /// A descriptor of the file that holds the block. It stays open while the IO of `io` is in
    /// flight. Used by workers that reopen files. Mirrors PostgreSQL's `mdfd`.
    ///
    /// - Returns: the descriptor, or a negated `errno`.
    func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt
}

extension RelationStorage {
    /// The descriptor the IO was started with. Its lender keeps it open until the IO has been
    /// executed, and it is valid in every thread of the process.
    public func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt {
        io.descriptor
    }

    /// The same limit as for any IO.
    public func maximumWrite(_ fork: Fork, block: BlockNumber) -> Int {
        maximumCombine(fork, block: block)
    }

    /// Blocks are stored singly.
    public func blocksPerGroup(_ fork: Fork) -> Int { 1 }

    /// Nothing to prefetch.
    public func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool
    {
        true
    }

    /// Nothing to write back early.
    public func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {}
}
