import Strata

/// Reads the records of the log from a position on.
struct LogReader {
    private let files: LogFiles
    /// The end of the last whole record.
    private(set) var end: UInt64
    /// The life of the last record.
    private(set) var life: UInt32
    private var memory: [UInt8] = []
    private var memoryStart: UInt64
    private static let chunk = 1 << 20
    /// Longer ones cannot have been written.
    private static let longestRecord = 16 << 20

    init(_ files: LogFiles, from position: UInt64, life: UInt32) {
        self.files = files
        (end, memoryStart, self.life) = (position, position, life)
    }

    /// Calls `body` with the actions of the next record.
    ///
    /// - Returns: false at the end of the log: where no whole record follows that was written
    ///   there, in the present life of the store or a later one.
    mutating func next(_ body: (LogActions, LSN) throws -> Void) throws -> Bool {
        guard try need(LogRecord.headerSize) else { return false }
        let start = Int(end - memoryStart)
        let header = memory.withUnsafeBytes { bytes in
            (0..<3).map {
                bytes.loadUnaligned(fromByteOffset: start + 8 * $0, as: UInt64.self).littleEndian
            }
        }
        let length = Int(header[0] & 0xFFFF_FFFF)
        let recordLife = UInt32(header[0] >> 32)
        guard length >= LogRecord.headerSize, length % 8 == 0, length <= Self.longestRecord,
            header[1] == end, recordLife >= life, try need(length)
        else { return false }
        let position = Int(end - memoryStart)
        let isWhole = try memory.withUnsafeBytes { bytes -> Bool in
            let content = Bytes(
                start: bytes.baseAddress! + position + LogRecord.headerSize,
                count: length - LogRecord.headerSize)
            let sum = LogRecord.sum(content.start, content.count)
            let expected = LogRecord.header(length: length, life: recordLife, at: end, sum: sum)
            guard expected.2 == header[2] else { return false }
            try body(LogActions(content), LSN(end + UInt64(length)))
            return true
        }
        if isWhole {
            end += UInt64(length)
            life = recordLife
        }
        return isWhole
    }

    /// Reads ahead until so many bytes follow ``end``.
    private mutating func need(_ count: Int) throws -> Bool {
        let kept = Int(end - memoryStart)
        if memory.count - kept >= count { return true }
        memory.removeFirst(kept)
        memoryStart = end
        let old = memory.count
        let wanted = max(count - old, Self.chunk)
        memory += [UInt8](repeating: 0, count: wanted)
        let files = files
        let place = memoryStart + UInt64(old)
        let found = try memory.withUnsafeMutableBytes { bytes in
            try files.read(bytes.baseAddress! + old, wanted, at: place)
        }
        memory.removeLast(wanted - found)
        return memory.count >= count
    }
}

/// Repeats what the log says and the pages lack.
///
/// A page that was written has the position of its last change, so that no change is made twice.
/// Pages by which the file had grown after the last checkpoint are gone after a crash; the record
/// that first used such a page has the whole page.
struct Recovery {
    let relation: Relation
    let session: Session
    private(set) var records = 0
    private(set) var changes = 0

    init(_ relation: Relation, _ session: Session) {
        self.relation = relation
        self.session = session
    }

    mutating func repeatRecord(_ actions: LogActions, _ end: LSN) throws {
        records += 1
        for action in actions {
            while action.block >= relation.blockCount {
                _ = try relation.extend(
                    by: min(Int(action.block - relation.blockCount) + 1, 32), session: session)
            }
            let page = try relation.page(BlockNumber(action.block), session: session)
            let isNeeded = try Connection.latching(page) { node in
                let lsn = PageFrame.lsn(of: node.page)
                if lsn >= end { return false }
                if !action.isWhole, lsn == .zero {
                    throw KeyValueError.damaged(
                        "block \(action.block) is empty, but the log changes it")
                }
                try action.apply(to: node)
                PageFrame.stamp(node.page, end)
                return true
            }
            if isNeeded { changes += 1 }
        }
    }
}
