internal import AsyncIO
internal import FileAccess
internal import Logging
internal import StorageManager

/// The file with a fork's map: records one behind the other, the first one with all chunks.
///
/// When the records of changes have become long, a new file with one record takes its place. One
/// thread at a time, which the manager's syncing sees to.
final class MapFile: Sendable {
    private struct Position {
        var file: VirtualFile
        var end: Int
        var nextSequence: UInt64
        /// How long the record with all chunks was.
        var snapshotSize: Int
        /// How long the record is that was added and is not known to be durable.
        var added = 0
        /// The file was replaced and could not be opened: what is added to the old one is lost.
        var isStale = false
    }

    private let position: Lock<Position>
    private let files: FileAccess
    private let path: String
    private let newPath: String
    private let identity: ChunkIdentity

    /// Records of changes may take so much more than twice the record of all chunks.
    private static let slack = 64 * 1024

    private init(_ fork: CompressedFork, _ position: Position) {
        files = fork.disk.files
        path = fork.mapPath
        newPath = CompressedFork.newMapPath(fork.locator, fork.fork)
        identity = fork.identity
        self.position = Lock(position)
    }

    /// Makes the file of a new fork.
    static func create(_ fork: CompressedFork, _ map: ForkMap) throws(StorageError) -> MapFile {
        let file = try fork.disk.files.open(fork.mapPath, [.create, .truncate, .buffered])
        let size = try write(snapshot(map, 0), fork.identity, file, at: 0)
        return MapFile(
            fork, Position(file: file, end: size, nextSequence: 1, snapshotSize: size))
    }

    /// Reads the file of a fork; nil for one that is missing or tells nothing.
    ///
    /// - Parameter units: how long the data file is.
    static func open(_ fork: CompressedFork, units: UInt32) throws(StorageError) -> (
        file: MapFile, reading: MapReading
    )? {
        guard let (file, reading) = try read(fork, units: units) else { return nil }
        if reading.tornBytes > 0 { try file.truncate(to: Int64(reading.end)) }
        var end = reading.end
        if let unpaired = reading.unpaired {
            fork.disk.logger.warning(
                """
                file "\(fork.mapPath)" had one sound copy of its last record, which a crash or \
                damage leaves; it has two again
                """)
            end =
                unpaired.offset
                + (try write(unpaired.record, fork.identity, file, at: unpaired.offset))
        }
        let size = MapRecord.size(entries: reading.map.entries.count)
        return (
            MapFile(
                fork,
                Position(
                    file: file, end: end, nextSequence: reading.nextSequence,
                    snapshotSize: 2 * size)),
            reading
        )
    }

    /// How long the file can be, of a data file of so many units: what is longer is no map, and is
    /// not to be read into memory. Up to the first term is for maps of data files that were cut.
    private static func longest(_ units: UInt32) -> Int64 {
        (256 << 20) + 16 * Int64(MapRecord.entrySize) * Int64(units)
    }

    /// Reads the file as it is; nil where it is missing or tells nothing.
    ///
    /// - Throws: `damagedMap` for a file of a size that no map has, besides what reading throws.
    static func read(_ fork: CompressedFork, units: UInt32) throws(StorageError) -> (
        VirtualFile, MapReading
    )? {
        guard try fork.disk.files.kind(of: fork.mapPath) == .file else { return nil }
        let file = try fork.disk.files.open(fork.mapPath, .buffered)
        let size = try file.size()
        guard size <= longest(units) else {
            throw StorageError(
                .damagedMap, "file \"\(fork.mapPath)\" has \(size) bytes, more than any map",
                remedy: "Remove it: it is put together again from the chunks.",
                at: fork.location(path: fork.mapPath))
        }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let count = try file.readFully(into: &raw, at: 0)
        bytes.removeLast(bytes.count - count)
        guard let reading = MapReading(&bytes, fork.identity) else { return nil }
        return (file, reading)
    }

    private static func snapshot(_ map: ForkMap, _ sequence: UInt64) -> MapRecord {
        MapRecord(
            isSnapshot: true, sequence: sequence, dimensions: map.dimensions,
            entries: map.entries.enumerated().lazy.filter { !$0.element.isEmpty }.map {
                (UInt32($0.offset), $0.element)
            })
    }

    private static func write(
        _ record: MapRecord, _ identity: ChunkIdentity, _ file: VirtualFile, at offset: Int
    ) throws(StorageError) -> Int {
        let bytes = record.encoded(identity)
        var done = 0
        while done < bytes.count {
            let rest = unsafe bytes.span.bytes.extracting(done..<bytes.count)
            let written = try file.write(rest, at: Int64(offset + done))
            guard written > 0 else {
                throw StorageError(
                    .fileWriteFailed,
                    "could not write file \"\(file.path)\": wrote only \(done) of"
                        + " \(bytes.count) bytes",
                    remedy: "Free space on the file system, and try again.",
                    at: StorageError.Location(path: file.path))
            }
            done += written
        }
        return bytes.count
    }

    /// Whether the file had better begin anew than get a record of so many changes.
    func isLong(with changes: Int) -> Bool {
        position.withLock { position in
            position.isStale
                || position.end + 2 * MapRecord.size(entries: changes)
                    > 3 * position.snapshotSize + Self.slack
        }
    }

    /// Adds what has changed. It counts once the file was synced and ``settle()`` called; until then
    /// the next takes its place. Blocks.
    ///
    /// - Returns: the file, to be synced.
    func add(_ changes: [(chunk: UInt32, entry: ChunkEntry)], _ dimensions: ForkDimensions)
        throws(StorageError) -> VirtualFile
    {
        try position.withLock { (position) throws(StorageError) in
            let record = MapRecord(
                isSnapshot: false, sequence: position.nextSequence, dimensions: dimensions,
                entries: changes)
            position.added = try Self.write(record, identity, position.file, at: position.end)
            return position.file
        }
    }

    /// What was added is durable.
    func settle() {
        position.withLock { position in
            position.end += position.added
            position.added = 0
            position.nextSequence += 1
        }
    }

    /// Begins anew with the whole map, durably; blocks.
    func begin(with map: ForkMap) throws(StorageError) {
        try position.withLock { (position) throws(StorageError) in try beginAnew(&position, map) }
    }

    /// A crash leaves the old file or the new one.
    private func beginAnew(_ position: inout Position, _ map: ForkMap) throws(StorageError) {
        let size = try writeNew(map)
        try files.rename(newPath, to: path)
        position.isStale = true
        let file = try files.open(path, .buffered)
        position = Position(file: file, end: size, nextSequence: 1, snapshotSize: size)
    }

    /// Nobody has the new file open any more when it gets its name.
    private func writeNew(_ map: ForkMap) throws(StorageError) -> Int {
        let new = try files.open(newPath, [.create, .truncate, .buffered])
        return try Self.write(Self.snapshot(map, 0), identity, new, at: 0)
    }
}
