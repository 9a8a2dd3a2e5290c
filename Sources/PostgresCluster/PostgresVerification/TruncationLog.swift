internal import AsyncIO
internal import FileAccess
internal import PostgresReading
internal import PostgresTypes

/// The relations that the write-ahead log on disk says were cut off or dropped since the last
/// checkpoint that was complete when the directory was opened.
///
/// A server writes that to the log before it cuts off a file or empties one that was dropped. It
/// changes the map forks in memory before that, and a checkpoint writes them, and the catalogs. So
/// a map that still tells of blocks which its file lacks, or a catalog that names an empty index,
/// is of a file that no server has cut off if the relation is not in here.
struct TruncationLog {
    /// A relation's database and file number.
    private struct Key: Hashable {
        let database: UInt32
        let number: UInt32
    }

    private var cut: Set<Key> = []

    /// Reads the log; nil if it does not begin where it must.
    init?(_ directory: DataDirectory) {
        guard var reader = LogReader(directory, directory.control), reader.begin() else {
            return nil
        }
        while let record = reader.next() {
            if record.manager == Part.transactions {
                // What was dropped is not known then.
                guard takeDropped(record) else { return nil }
            } else if let (database, number) = Self.relation(record) {
                cut.insert(Key(database: database, number: number))
            }
        }
    }

    /// Takes the relations that the end of a transaction drops. Returns whether the record tells of
    /// all of them. Mirrors `ParseCommitRecord`.
    private mutating func takeDropped(_ record: LogReader.Record) -> Bool {
        let isEnd = Outcome.ends.contains(record.info & Outcome.kind)
        guard isEnd, record.info & Outcome.hasInfo != 0 else { return true }
        let bytes = unsafe record.data.span.bytes
        guard let start = Self.dataStart(bytes),
            let info: UInt32 = try? bytes.load(start + Outcome.timeBytes)
        else { return false }
        if info & Outcome.hasRelations == 0 { return true }
        var offset = start + Outcome.timeBytes + 4
        if info & Outcome.hasDatabase != 0 { offset += 8 }
        if info & Outcome.hasParts != 0 {
            guard let count: UInt32 = try? bytes.load(offset) else { return false }
            offset += 4 + 4 * Int(count)
        }
        guard let count: UInt32 = try? bytes.load(offset) else { return false }
        offset += 4
        for _ in 0..<count {
            guard let database: UInt32 = try? bytes.load(offset + 4),
                let number: UInt32 = try? bytes.load(offset + 8)
            else { return false }
            cut.insert(Key(database: database, number: number))
            offset += 12
        }
        return true
    }

    /// Where the data of a record without blocks begin; nil if it has none.
    private static func dataStart(_ bytes: RawSpan) -> Int? {
        var offset = 0
        while let part = try? bytes.byte(offset) {
            switch part {
            case Part.origin: offset += 3
            case Part.topTransaction: offset += 5
            case Part.shortData: return offset + 2
            case Part.longData: return offset + 5
            default: return nil
            }
        }
        return nil
    }

    /// Whether the log begins where a control file says that recovery would.
    static func begins(_ directory: DataDirectory, _ control: ClusterControl) -> Bool {
        var reader = LogReader(directory, control)
        return reader?.begin() ?? false
    }

    /// The file with that place, relative to the data directory; nil if the control file names no
    /// possible one.
    static func firstFile(_ directory: DataDirectory, _ control: ClusterControl) -> String? {
        LogReader(directory, control)?.path
    }

    /// Whether the log says that a relation was cut off or dropped.
    func contains(database: UInt32, number: UInt32) -> Bool {
        cut.contains(Key(database: database, number: number))
    }

    /// The parts of a record of the storage manager, and of its header. Mirrors `xl_smgr_truncate`.
    private enum Part {
        static let manager: UInt8 = 2
        static let truncation: UInt8 = 0x20
        static let kind: UInt8 = 0xF0
        static let origin: UInt8 = 253
        static let topTransaction: UInt8 = 252
        static let shortData: UInt8 = 255
        static let longData: UInt8 = 254
        static let transactions: UInt8 = 1
    }

    /// The parts of a transaction's commit or abort. Mirrors `xl_xact_commit` and what follows it.
    private enum Outcome {
        static let kind: UInt8 = 0x70
        /// Commit, abort, and those of prepared transactions.
        static let ends: [UInt8] = [0x00, 0x20, 0x30, 0x40]
        static let hasInfo: UInt8 = 0x80
        static let timeBytes = 8
        static let hasDatabase: UInt32 = 1
        static let hasParts: UInt32 = 2
        static let hasRelations: UInt32 = 4
    }

    private static func relation(_ record: LogReader.Record) -> (UInt32, UInt32)? {
        guard record.manager == Part.manager, record.info & Part.kind == Part.truncation else {
            return nil
        }
        let bytes = unsafe record.data.span.bytes
        // The block, then tablespace, database and number.
        guard let start = dataStart(bytes),
            let database: UInt32 = try? bytes.load(start + 8),
            let number: UInt32 = try? bytes.load(start + 12)
        else { return nil }
        return (database, number)
    }
}

/// Reads the records of the write-ahead log in order, as far as they are connected. Mirrors
/// `xlogreader.c`, without checksums: each record names the place of its predecessor.
private struct LogReader {
    /// A record: who wrote it, and the beginning of its contents.
    struct Record {
        let manager: UInt8
        let info: UInt8
        let data: [UInt8]
    }

    private let directory: DataDirectory
    private let timeline: UInt32
    private let fileBytes: UInt64
    private var position: UInt64
    private var previous: UInt64?
    private var file: (number: UInt64, file: VirtualFile)?
    private var page = [UInt8](repeating: 0, count: Self.pageBytes)
    private var pageStart: UInt64?

    private static let pageBytes = 8192
    private static let headerBytes: UInt64 = 24
    private static let firstHeaderBytes: UInt64 = 40
    private static let recordHeaderBytes = 24
    /// Enough for a truncation.
    private static let keptBytes = 64
    /// Of the end of a transaction, which may have dropped many relations.
    private static let mostKeptBytes = 16 << 20
    private static let transactions: UInt8 = 1
    /// Far from where positions overflow.
    private static let lastPosition: UInt64 = 1 << 62
    private static let mostRecordBytes: UInt32 = 1 << 30

    init?(_ directory: DataDirectory, _ control: ClusterControl) {
        self.directory = directory
        timeline = control.timeline
        fileBytes = UInt64(control.logFileBytes)
        position = control.redoPosition
        guard fileBytes.nonzeroBitCount == 1, fileBytes >= UInt64(Self.pageBytes),
            position <= Self.lastPosition
        else { return nil }
    }

    /// The file with the position.
    var path: String { path(position / fileBytes) }

    /// Whether the log's first page can be read.
    mutating func begin() -> Bool { load() }

    /// The next record; nil at the end.
    mutating func next() -> Record? {
        position = (position + 7) & ~7
        guard skipHeader() else { return nil }
        let start = position
        guard let head = take(Self.recordHeaderBytes, of: Self.recordHeaderBytes) else {
            return nil
        }
        let bytes = unsafe head.span.bytes
        guard let total: UInt32 = try? bytes.load(0), total >= UInt32(Self.recordHeaderBytes),
            total <= Self.mostRecordBytes, let before: UInt64 = try? bytes.load(8),
            previous == nil || previous == before, let info = try? bytes.byte(16),
            let manager = try? bytes.byte(17)
        else { return nil }
        previous = start
        let rest = Int(total) - Self.recordHeaderBytes
        let kept = manager == Self.transactions ? Self.mostKeptBytes : Self.keptBytes
        guard let data = take(min(rest, kept), of: rest) else { return nil }
        // A switch to a new file leaves the rest of the old one unused.
        if manager == 0 && info & 0xF0 == 0x40, position % fileBytes != 0 {
            position += fileBytes - position % fileBytes
        }
        return Record(manager: manager, info: info, data: data)
    }

    /// Passes `count` bytes of a record, and returns the first of them.
    private mutating func take(_ kept: Int, of count: Int) -> [UInt8]? {
        var result: [UInt8] = []
        var left = count
        while left > 0 {
            guard skipHeader() else { return nil }
            let offset = Int(position % UInt64(Self.pageBytes))
            let part = min(left, Self.pageBytes - offset)
            if result.count < kept {
                result += page[offset..<offset + min(part, kept - result.count)]
            }
            position += UInt64(part)
            left -= part
        }
        return result
    }

    /// Reads the page at the position, and passes its header if that is there.
    private mutating func skipHeader() -> Bool {
        guard load() else { return false }
        if position % UInt64(Self.pageBytes) == 0 {
            position += position % fileBytes == 0 ? Self.firstHeaderBytes : Self.headerBytes
        }
        return true
    }

    private mutating func load() -> Bool {
        let start = position - position % UInt64(Self.pageBytes)
        if pageStart == start { return true }
        let number = start / fileBytes
        if file?.number != number {
            guard let open = try? directory.files.open(path(number), [.readOnly, .buffered]) else {
                return false
            }
            file = (number, open)
        }
        guard let file = file?.file else { return false }
        pageStart = nil
        var read = page
        var span = read.mutableSpan
        var bytes = unsafe span.mutableBytes
        guard (try? file.readFully(into: &bytes, at: Int64(start % fileBytes))) == Self.pageBytes
        else { return false }
        page = read
        let address: UInt64? = unsafe try? read.span.bytes.load(8)
        pageStart = address == start ? start : nil
        return pageStart != nil
    }

    private func path(_ number: UInt64) -> String {
        func digits(_ value: UInt64) -> String {
            let text = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: max(0, 8 - text.count)) + text
        }
        let perID = (UInt64(1) << 32) / fileBytes
        return "pg_wal/" + digits(UInt64(timeline)) + digits(number / perID)
            + digits(number % perID)
    }
}
