import Strata
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The settings of a store.
public struct KeyValueOptions: Sendable {
    /// Strata's own settings: the pool's size, the IO method, direct IO, and so on.
    public var engine = EngineOptions()
    /// Bytes of a log file.
    public var segmentBytes = 64 << 20
    /// How many bytes of log there may be before a checkpoint is made.
    public var checkpointBytes = 1 << 30
    /// Whether a thread of the store makes them.
    public var checkpointsByItself = true
    /// What executes the calls on the log's files.
    public var logFileSystem: any FileSystem = KernelFileSystem()

    public init() {}
}

/// A key-value store on Strata: keys of up to 512 bytes, sorted; values of up to 1 MiB,
/// or an eighth of the pool.
///
/// An example of a real client, to be read as a tutorial. Begin with `Tree`, which has the rules of
/// the tree, then `Layout` (a page), `LogRecord` (a change), `CommitLog` (durability), `Recovery`.
///
/// A store is a directory with two others: `pages` is Strata's, with one relation of `sealed`
/// pages; `log` has the write-ahead log. What Strata does here: it keeps pages in memory and on
/// disk, never writes one before the log is durable up to the page's position, and repairs pages
/// that a power cut has torn. What the store does: everything that gives pages a meaning.
///
/// **A crash** loses no committed change. When the store is opened, Strata brings its pages to some
/// state after the last checkpoint, page by page; the log has all changes since, and those that a
/// page lacks are repeated.
public final class KeyValueStore: Sendable {
    let engine: Engine
    let relation: Relation
    let log: CommitLog
    let files: LogFiles
    let options: KeyValueOptions
    /// What opening the store has repeated.
    public let recovered: (records: Int, changes: Int)
    private let changes = Mutex<[ChangeMark]>([])
    /// Where recovery would begin now.
    private let redo: Atomic<UInt64>
    private let checkpointer = Checkpointer()

    /// How long a value may be. All its pages are in the pool at a time, as may be those of the
    /// value that it replaces, of several writers.
    public var longestValue: Int { min(1 << 20, options.engine.poolBytes / 8) }

    private static let relationName = "tree"

    /// Opens a store, or creates it, and repeats what a crash has interrupted.
    public static func open(_ directory: String, options: KeyValueOptions = KeyValueOptions())
        throws
        -> KeyValueStore
    {
        if !options.logFileSystem.isSimulated {
            for name in [directory, directory + "/log"] where mkdir(name, 0o700) != 0 {
                if errno != EEXIST { throw LogFiles.failed("create \(name)", -errno) }
            }
        }
        return try KeyValueStore(directory, options)
    }

    private init(_ directory: String, _ options: KeyValueOptions) throws {
        self.options = options
        files = try LogFiles(
            options.logFileSystem, FilePath(directory + "/log"), segmentSize: options.segmentBytes)
        log = CommitLog(files)
        var engineOptions = options.engine
        engineOptions.writeAheadLog = log
        // Checkpoints are the store's business: they also say where recovery begins.
        engineOptions.automaticCheckpoints = nil
        engine = try Engine.open(directory + "/pages", options: engineOptions)
        let session = try engine.makeSession()
        defer { session.close() }
        if engine.description(of: Self.relationName) == nil {
            relation = try engine.createRelation(
                LoadTarget(relation: Self.relationName, pageKind: .sealed), session: session)
        } else {
            relation = try engine.relation(named: Self.relationName)
        }
        // First the end is found and made durable: pages whose changes are repeated may be written
        // again at once. What was read may have been in the kernel's cache only. Then a life begins
        // in which no record of an earlier one is valid behind the end.
        let control = try files.readControl() ?? LogFiles.Control(redo: 0, life: 0)
        var reader = LogReader(files, from: control.redo, life: 0)
        while try reader.next({ _, _ in }) {}
        if reader.end > 0 { try files.sync(at: reader.end - 1) }
        let life = max(control.life, reader.life) + 1
        try files.write(LogFiles.Control(redo: control.redo, life: life))
        log.start(at: LSN(reader.end), life: life)
        var again = LogReader(files, from: control.redo, life: 0)
        var recovery = Recovery(relation, session)
        while again.end < reader.end,
            try again.next({ try recovery.repeatRecord($0, $1) })
        {}
        recovered = (recovery.records, recovery.changes)
        redo = Atomic(control.redo)
        try makeTree(session)
        if recovery.records > 0 { try checkpoint() }
        if options.checkpointsByItself, !options.engine.fileSystem.isSimulated {
            checkpointer.start(self)
        }
    }

    /// Makes an empty tree, unless there is one.
    private func makeTree(_ session: Session) throws {
        let connection = Connection(self, session, register())
        defer { forget(connection.change) }
        while relation.blockCount <= Tree.root { _ = try relation.extend(session: session) }
        let isThere = try relation.read(BlockNumber(Tree.root), session: session) { page in
            try page.load(Layout.kind, as: UInt8.self) == Kind.node.rawValue
        }
        if isThere { return }
        let root = PageBuffer()
        root.node.format(level: 0, low: .none, high: nil, last: 0)
        connection.record.begin()
        connection.record.meta(MetaPage())
        try connection.record.image(Tree.root, node: root.node)
        let pins = [try connection.pin(MetaPage.block), try connection.pin(Tree.root)]
        let lsn = try connection.latching([]) { _ in try connection.perform([], new: pins) }
        try log.commit(lsn)
    }

    /// Closes the store. All connections must be closed before.
    public func close() throws {
        checkpointer.stop()
        try checkpoint()
        files.removeSpare()
        try engine.close()
        files.close()
    }

    // MARK: Connections

    /// Opens a connection for one thread.
    public func connect() throws -> Connection {
        Connection(self, try engine.makeSession(), register())
    }

    private func register() -> ChangeMark {
        let mark = ChangeMark()
        changes.withLock { $0.append(mark) }
        return mark
    }

    func forget(_ mark: ChangeMark) { changes.withLock { $0.removeAll { $0 === mark } } }

    // MARK: Durability

    /// Makes all changes durable that were made before the call.
    public func sync() throws { try log.commit(log.end) }

    /// Writes all changed pages, so that recovery begins here and older log is not needed.
    ///
    /// Changes go on meanwhile. Those in progress now are repeated by recovery: it begins at the
    /// first record that they may have added.
    public func checkpoint() throws {
        let session = try engine.makeSession()
        defer { session.close() }
        // First the end, then the marks: see `ChangeMark`.
        var position = log.end.rawValue
        changes.withLock { marks in
            for mark in marks {
                position = min(position, mark.position.load(ordering: .sequentiallyConsistent))
            }
        }
        try log.commit(LSN(position))
        try engine.checkpoint(session)
        try files.write(LogFiles.Control(redo: position, life: log.life))
        redo.store(position, ordering: .relaxed)
        try files.recycle(before: position)
    }

    /// Wakes the thread that makes checkpoints if the log is long.
    @inline(__always)
    func noteLog(_ end: LSN) {
        if end.rawValue &- redo.load(ordering: .relaxed) > UInt64(options.checkpointBytes) {
            checkpointer.request()
        }
    }

    // MARK: Looking

    /// What the store has done, and how large it is.
    public struct Statistics: Sendable {
        /// How many blocks of 8 KiB the tree's file has.
        public var blocks = 0
        /// How many bytes were added to the log since the store is open.
        public var logEnd: UInt64 = 0
        /// How many times the log was synced.
        public var logSyncs = 0
    }

    /// The present numbers.
    public var statistics: Statistics {
        Statistics(
            blocks: Int(relation.blockCount), logEnd: log.end.rawValue, logSyncs: log.syncCount)
    }
}
