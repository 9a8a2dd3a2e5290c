internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// The bytes of a map file, read piece by piece, so that neither its length nor its claims cost
/// memory.
///
/// Used by one thread at a time, while the file is not being written.
@safe
final class MapSource {
    /// How much of the file is in memory.
    private static let capacity = 256 * 1024

    /// The file's length when this was made.
    let size: Int
    private let file: VirtualFile
    /// `capacity` bytes, allocated until `deinit`.
    private let memory: UnsafeMutableRawPointer
    private var loaded = 0..<0

    /// - Throws: what reading the file's size throws; `resourcesExhausted` if there is no memory.
    init(_ file: VirtualFile) throws(StorageError) {
        self.file = file
        size = Int(try file.size())
        guard let memory = unsafe malloc(Self.capacity) else {
            throw StorageError(
                .resourcesExhausted, "there is no memory to read file \"\(file.path)\"",
                remedy: "Lower the memory that the process uses elsewhere.",
                at: StorageError.Location(path: file.path))
        }
        unsafe self.memory = memory
    }

    deinit { unsafe free(memory) }

    /// Some bytes, at most 128 KiB, valid until the next call; nil if the file ends before.
    func fields(_ offset: Int, count: Int) throws(StorageError) -> RawFields? {
        let (end, overflow) = offset.addingReportingOverflow(count)
        if overflow || end > size { return nil }
        if offset < loaded.lowerBound || end > loaded.upperBound {
            let length = min(Self.capacity, size - offset)
            loaded = 0..<0
            let done = try unsafe file.readFully(
                into: UnsafeMutableRawBufferPointer(start: memory, count: length),
                at: Int64(offset))
            loaded = offset..<offset + done
            if end > loaded.upperBound { return nil }
        }
        return unsafe RawFields(memory + (offset - loaded.lowerBound), count: count)
    }

    /// The header of a record; nil unless it is intact and belongs to that fork.
    func header(at offset: Int, _ identity: ChunkIdentity) throws(StorageError)
        -> MapRecord.Header?
    {
        guard let fields = try fields(offset, count: MapRecord.headerSize) else { return nil }
        return MapRecord.Header(fields, identity)
    }

    /// The fork whose map this is; nil if the first record does not tell.
    func owner() throws(StorageError) -> ChunkIdentity? {
        try fields(0, count: MapRecord.headerSize).flatMap(MapRecord.owner(of:))
    }

    /// Whether the entries of a record are in the file, as they were written.
    func isWhole(_ header: MapRecord.Header, at offset: Int) throws(StorageError) -> Bool {
        guard offset <= size, header.size <= size - offset else { return false }
        var checksum: UInt32 = 0
        var done = offset + MapRecord.headerSize
        let end = offset + header.size
        while done < end {
            let count = min(Self.pieceSize, end - done)
            guard let fields = try fields(done, count: count) else { return false }
            // That many entries are never all zeroes, so reading a hole of any length ends here.
            if count == Self.pieceSize, fields.isZero { return false }
            checksum = unsafe CRC32C.checksum(fields.bytes(0..<count).bytes, seed: checksum)
            done += count
        }
        return checksum == header.payloadChecksum
    }

    /// Whole entries, and a divisor of what is kept in memory.
    private static let pieceSize = MapRecord.entrySize * 2048

    /// Calls `body` with the entries of a complete record, until it returns false.
    ///
    /// - Returns: false if it did, or an entry makes no sense.
    func forEachEntry(
        of header: MapRecord.Header, at offset: Int,
        _ body: (_ chunk: UInt32, _ entry: ChunkEntry) -> Bool
    ) throws(StorageError) -> Bool {
        var done = offset + MapRecord.headerSize
        let end = done + header.entryCount * MapRecord.entrySize
        while done < end {
            let count = min(Self.pieceSize, end - done)
            guard let fields = try fields(done, count: count) else { return false }
            for start in stride(from: 0, to: count, by: MapRecord.entrySize) {
                guard
                    let (chunk, entry) = MapRecord.entry(
                        fields.dropFirst(start), header.dimensions),
                    body(chunk, entry)
                else { return false }
            }
            done += count
        }
        return true
    }

    /// The position of the first wanted header after an offset. Skips holes.
    func place(
        after start: Int, _ identity: ChunkIdentity,
        _ isWanted: (_ header: MapRecord.Header, _ offset: Int) -> Bool
    ) throws(StorageError) -> Int? {
        let step = MapRecord.headerSize
        var offset = start + step
        while offset <= size - step {
            guard let range = try file.nextData(from: Int64(offset)) else { return nil }
            offset = max(offset, Int(range.lowerBound) / step * step)
            while offset < range.upperBound, offset <= size - step {
                if let header = try header(at: offset, identity), isWanted(header, offset) {
                    return offset
                }
                offset += step
            }
        }
        return nil
    }
}

extension RawFields {
    /// Whether all bytes are zero. Their number must be a multiple of eight.
    var isZero: Bool {
        for offset in stride(from: 0, to: count, by: 8) where get(offset, as: UInt64.self) != 0 {
            return false
        }
        return true
    }
}
