internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// One relation of a ``MagneticDisk``: the open segments of its forks.
///
/// Safe to use from any thread; ``RelationStorage`` says which calls callers must serialise.
/// Mirrors the `md` part of PostgreSQL's `SMgrRelationData`.
final class MagneticRelation: RelationStorage {
    let locator: RelationLocator
    let disk: MagneticDisk
    let target: RelationTarget
    private let tables: InlineArray<4, SegmentTable>

    init(_ locator: RelationLocator, disk: MagneticDisk, target: RelationTarget) {
        self.locator = locator
        self.disk = disk
        self.target = target
        tables = InlineArray { _ in SegmentTable() }
    }

    var geometry: SegmentGeometry { disk.geometry }

    /// Calls `body` with a fork's table.
    func withTable<Result: ~Copyable, Failure>(
        _ fork: Fork, _ body: (borrowing SegmentTable) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(tables[Int(fork.rawValue)])
    }

    // MARK: Life of a fork

    /// Creates the first segment and the directories above it.
    ///
    /// - Throws: `alreadyExists` if the fork exists; `damagedSegment` if its second segment holds
    ///   anything.
    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
        try disk.checkWritable(locator, fork)
        let path = geometry.path(locator, fork, segment: 0)
        if ifMissing, try fileExists(fork, path) {
            // Throws now if this is not a usable file.
            _ = try segment(fork, at: 0)
            return
        }
        try refuseLeftSegment(fork, 1)
        if let slash = path.lastIndex(of: "/") {
            try naming(fork) { () throws(StorageError) in
                try disk.files.createDirectories(String(path[..<slash]))
            }
        }
        let file: VirtualFile
        do throws(StorageError) {
            file = try disk.files.open(path, .exclusive)
        } catch {
            guard error.errorNumber == EEXIST else { throw failedOpening(error, fork, path) }
            throw StorageError(
                .alreadyExists, "file \"\(path)\" exists already",
                remedy: "Unlink the relation first, or give the new one another number.",
                at: location(fork, path: path), errorNumber: EEXIST)
        }
        try withTable(fork) { (table) throws(StorageError) in
            try table.change { (files) throws(StorageError) in
                if files.isEmpty { files.append(file) }
            }
        }
        registerSync(of: file, .register)
        disk.syncQueue.registerDirectory(of: path)
    }

    /// Whether the first segment's file exists. Asks the file system every time.
    func exists(_ fork: Fork) throws(StorageError) -> Bool {
        try fileExists(fork, geometry.path(locator, fork, segment: 0))
    }

    func close(_ fork: Fork, session: Session) {
        for file in withTable(fork, { $0.removeAll() }) { file.close(session) }
    }

    // MARK: Words and registration

    func location(_ fork: Fork, block: BlockNumber? = nil, path: String? = nil)
        -> StorageError.Location
    {
        StorageError.Location(
            relation: locator.description, fork: fork.name, block: block?.rawValue, path: path)
    }

    func failure(_ operation: BlockOperation, _ fork: Fork, _ block: BlockNumber, _ count: Int)
        -> BlockFailure
    {
        BlockFailure(
            operation: operation,
            label: RelationLabel(
                locator, fork, block: block, count: UInt32(count), manager: target.manager),
            path: geometry.path(locator, fork, block: block))
    }

    /// Registers a segment for the next `syncPending`, except for a session-local relation, which
    /// does not outlive its session.
    func registerSync(of file: VirtualFile, _ policy: SyncPolicy) {
        if policy == .register, !locator.isLocal { disk.syncQueue.register(file) }
    }
}
