internal import AsyncIO
internal import FileAccess
internal import Logging
internal import StorageManager
internal import Threads

/// The file with a fork's map: a sequence of records, of which the first has all chunks.
///
/// When the records of changes have become long, a new file with one record replaces it. Used by
/// one thread at a time, which the manager's syncing ensures.
final class MapFile: Sendable {
    private struct Position {
        /// Nil if the file must begin anew: it is missing, is not as it should be, or was replaced
        /// and could not be opened.
        var file: VirtualFile?
        var end = 0
        var nextSequence: UInt64 = 0
        /// The size of the record with all chunks.
        var snapshotSize = 0
        /// The size of the added record that is not known to be durable.
        var added = 0
    }

    private let position: Lock<Position>
    private let files: FileAccess
    private let path: String
    /// The names under which a new file is written.
    private let newPaths: [String]
    private let identity: ChunkIdentity

    /// How much longer than twice the record of all chunks the records of changes may be.
    private static let slack = 64 * 1024

    private init(_ fork: CompressedFork, _ position: Position) {
        files = fork.disk.files
        path = fork.mapPath
        newPaths = CompressedFork.newMapPaths(fork.locator, fork.fork)
        identity = fork.identity
        self.position = Lock(position, rank: .mapPosition)
    }

    /// Creates the file of a new fork.
    ///
    /// - Throws: `fileExists` if there is one: it may be all that is left of another fork.
    static func create(_ fork: CompressedFork, _ map: ForkMap) throws(StorageError) -> MapFile {
        let file = try fork.disk.files.open(fork.mapPath, [.exclusive, .buffered])
        do throws(StorageError) {
            let size = try write(snapshot(map, 0), fork.identity, file, at: 0)
            return MapFile(
                fork, Position(file: file, end: size, nextSequence: 1, snapshotSize: size))
        } catch {
            // Only now is the file known to be this one's. The original error matters more.
            _ = try? fork.disk.files.remove(fork.mapPath, ifExists: true)
            throw error
        }
    }

    /// Makes the object for a file that was read, or could not be. Nothing on disk changes before
    /// there is something to record. Unless the file was perfect, it then begins anew.
    ///
    /// - Parameter found: what was read; nil if the file is missing or useless.
    init(_ fork: CompressedFork, _ found: (file: VirtualFile, reading: MapReading)?) {
        files = fork.disk.files
        path = fork.mapPath
        newPaths = CompressedFork.newMapPaths(fork.locator, fork.fork)
        identity = fork.identity
        guard let (file, reading) = found, reading.isPerfect else {
            position = Lock(Position(), rank: .mapPosition)
            return
        }
        position = Lock(
            Position(
                file: file, end: reading.end, nextSequence: reading.nextSequence,
                snapshotSize: 2 * MapRecord.size(entries: Int(reading.map.stored.count))),
            rank: .mapPosition)
    }

    /// Whether the next record begins a new file.
    var beginsAnew: Bool { position.withLock { $0.file == nil } }

    /// Reads the file as it is; nil if it is missing or useless.
    ///
    /// - Throws: what opening and reading it throws.
    static func read(_ fork: CompressedFork) throws(StorageError) -> (
        file: VirtualFile, reading: MapReading
    )? {
        guard try fork.disk.files.kind(of: fork.mapPath) == .file else { return nil }
        let file = try fork.disk.files.open(fork.mapPath, .buffered)
        guard let reading = try MapReading(try MapSource(file), fork.identity) else { return nil }
        return (file, reading)
    }

    /// The fork whose map a file holds; nil if its first record tells none.
    ///
    /// - Throws: what opening and reading it throws.
    static func owner(of path: String, _ files: FileAccess) throws(StorageError) -> ChunkIdentity? {
        try MapSource(try files.open(path, [.readOnly, .buffered])).owner()
    }

    private static func snapshot(_ map: ForkMap, _ sequence: UInt64) -> MapRecord {
        MapRecord(
            isSnapshot: true, sequence: sequence, dimensions: map.dimensions,
            entries: map.entries().map { (UInt32($0.chunk), $0.entry) })
    }

    private static func write(
        _ record: MapRecord, _ identity: ChunkIdentity, _ file: VirtualFile, at offset: Int
    ) throws(StorageError) -> Int {
        let bytes = record.encoded(identity)
        try file.writeFully(unsafe bytes.span.bytes, at: Int64(offset))
        return bytes.count
    }

    /// Whether the file should begin anew rather than get a record of that many changes.
    func isLong(with changes: Int) -> Bool {
        position.withLock { position in
            position.file == nil
                || position.end + 2 * MapRecord.size(entries: changes)
                    > 3 * position.snapshotSize + Self.slack
        }
    }

    /// Adds a record of changes. It counts once the file was synced and ``settle()`` called; until
    /// then the next record replaces it. Blocks.
    ///
    /// - Returns: the file, which the caller syncs.
    func add(_ changes: [(chunk: UInt32, entry: ChunkEntry)], _ dimensions: ForkDimensions)
        throws(StorageError) -> VirtualFile
    {
        try position.withLock { (position) throws(StorageError) in
            guard let file = position.file else {
                preconditionFailure("a file that is long begins anew")
            }
            let record = MapRecord(
                isSnapshot: false, sequence: position.nextSequence, dimensions: dimensions,
                entries: changes)
            position.added = try Self.write(record, identity, file, at: position.end)
            return file
        }
    }

    /// Records that the added record is durable.
    func settle() {
        position.withLock { position in
            position.end += position.added
            position.added = 0
            position.nextSequence += 1
        }
    }

    /// Begins anew with the whole map, durably. Blocks.
    func begin(with map: ForkMap) throws(StorageError) {
        try position.withLock { (position) throws(StorageError) in try beginAnew(&position, map) }
    }

    /// Replaces the file; a crash leaves the old or the new one.
    private func beginAnew(_ position: inout Position, _ map: ForkMap) throws(StorageError) {
        let newPath = try freeNewPath()
        // The new file is closed before it gets its name.
        let size = try Self.write(
            Self.snapshot(map, 0), identity,
            try files.open(newPath, [.exclusive, .buffered]), at: 0)
        try files.rename(newPath, to: path)
        position.file = nil
        let file = try files.open(path, .buffered)
        position = Position(file: file, end: size, nextSequence: 1, snapshotSize: size)
    }

    /// A name for the new file. A file that a crash left there is removed; the later name is used
    /// only while something else has the first.
    ///
    /// - Throws: `fileExists` if something else has all names; what reading and removing throw.
    private func freeNewPath() throws(StorageError) -> String {
        for newPath in newPaths {
            guard let status = try files.linkStatus(of: newPath) else { return newPath }
            if try isUnfinished(newPath, status) {
                try files.remove(newPath, ifExists: true)
                return newPath
            }
        }
        throw StorageError(
            .fileExists,
            "\"\(path)\" cannot be replaced: \"\(newPaths[0])\" is not a file of this store",
            remedy: "Move it to where it belongs, or remove it.",
            at: StorageError.Location(path: newPaths[0]))
    }

    /// Whether that can be what a crash leaves of a new file: nothing, or a beginning of this
    /// fork's map, of which a power cut may have kept the length alone. A relation's file has whole
    /// pages.
    private func isUnfinished(_ newPath: String, _ status: FileStatus) throws(StorageError) -> Bool
    {
        guard status.kind == .file, status.linkCount == 1 else { return false }
        if status.size == 0 { return true }
        let file: VirtualFile
        do throws(StorageError) { file = try files.open(newPath, [.readOnly, .buffered]) } catch {
            if error.errorNumber == EACCES || error.errorNumber == EPERM { return false }
            throw error
        }
        let source = try MapSource(file)
        guard let head = try source.fields(0, count: min(source.size, MapRecord.headerSize)) else {
            return false
        }
        let isZero = (0..<head.count).allSatisfy { head.get($0) == UInt8(0) }
        return MapRecord.mayBegin(head, identity) || isZero && source.size % blockSize != 0
    }
}
