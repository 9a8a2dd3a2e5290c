internal import StorageManager

/// Which chunk of a fork is where: what its map file holds, in memory.
struct ForkMap: Sendable {
    var dimensions = ForkDimensions()
    /// As many as there are chunks.
    var entries: [ChunkEntry] = []

    /// How many units the chunks take.
    var usedUnits: Int { entries.reduce(0) { $0 + Int($1.extent.count) } }

    /// The extents in the order of the file; nil when two of them share a unit.
    var sortedExtents: [Extent]? {
        let extents = entries.lazy.filter { !$0.isEmpty }.map(\.extent).sorted {
            $0.start < $1.start
        }
        for (one, next) in zip(extents, extents.dropFirst()) where one.end > next.start {
            return nil
        }
        return extents
    }

    /// Takes over what a record says; false if it makes no sense.
    mutating func apply(_ record: MapRecord) -> Bool {
        if record.isSnapshot { entries = [] }
        dimensions = record.dimensions
        resize()
        for (chunk, entry) in record.entries {
            guard Int(chunk) < entries.count else { return false }
            entries[Int(chunk)] = entry
        }
        return true
    }

    /// Makes the entries as many as the blocks need.
    mutating func resize() {
        let count = dimensions.chunkCount
        if entries.count > count { entries.removeLast(entries.count - count) }
        if entries.count < count {
            entries += Array(repeating: .empty, count: count - entries.count)
        }
    }
}

/// What reading a map file gave.
struct MapReading {
    var map = ForkMap()
    /// The number that the next record gets.
    var nextSequence: UInt64 = 0
    /// Where the next record goes.
    var end = 0
    /// What was wrong, and did no harm: a copy that could not be read.
    var mended: [String] = []
    /// Bytes at the end that are no record: what a crash leaves of the last one.
    var tornBytes = 0
    /// The last record, and where it is, if only one copy is whole: a crash may have left it so.
    var unpaired: (record: MapRecord, offset: Int)?

    /// Reads records up to the first that is not whole in either copy.
    ///
    /// A record of which only bytes without sense are left, with no sound one behind it, was cut
    /// short by a crash: it never counted. One that is followed by a sound one is damage.
    ///
    /// - Returns: nil when there is no record to begin with, or one in the middle is lost.
    init?(_ bytes: inout [UInt8], _ identity: ChunkIdentity) {
        let reading: MapReading? = unsafe bytes.withUnsafeMutableBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            return MapReading(unsafe RawFields(start, count: bytes.count), identity)
        }
        guard let reading else { return nil }
        self = reading
    }

    private init?(_ fields: RawFields, _ identity: ChunkIdentity) {
        while end < fields.count {
            let rest = fields.dropFirst(end)
            if let record = MapRecord(rest, identity), record.sequence == nextSequence {
                let size = MapRecord.size(entries: record.entries.count)
                guard map.apply(record) else { return nil }
                nextSequence += 1
                end += size
                let isPaired = MapRecord(fields.dropFirst(end), identity) == record
                if !isPaired && rest.count <= 2 * size {
                    unpaired = (record, end - size)
                } else if !isPaired {
                    mended.append("copy 1 of record \(record.sequence)")
                }
                end += size
                // The second copy may be missing.
                end = min(end, fields.count)
            } else if let (record, size) = Self.secondCopy(rest, identity, nextSequence) {
                guard map.apply(record) else { return nil }
                if rest.count <= 2 * size {
                    unpaired = (record, end)
                } else {
                    mended.append("copy 0 of record \(record.sequence)")
                }
                nextSequence += 1
                end += 2 * size
            } else {
                let expected = nextSequence
                // A sound record further on: the one here was whole once.
                if Self.place(in: rest, identity, { $0.sequence > expected }) != nil { return nil }
                tornBytes = rest.count
                break
            }
        }
        if nextSequence == 0 { return nil }
    }

    /// The second copy of a record whose first one, at the start of `fields`, is damaged; with the
    /// size of a copy.
    private static func secondCopy(
        _ fields: RawFields, _ identity: ChunkIdentity, _ sequence: UInt64
    ) -> (record: MapRecord, size: Int)? {
        let found = place(in: fields, identity) { $0.sequence == sequence && $0.copy == 1 }
        guard let found, let record = MapRecord(fields.dropFirst(found), identity) else {
            return nil
        }
        let size = MapRecord.size(entries: record.entries.count)
        // It stands right behind the first one, which is as long.
        return found == size ? (record, size) : nil
    }

    /// Where the first wanted record behind the start is.
    private static func place(
        in fields: RawFields, _ identity: ChunkIdentity, _ isWanted: (MapRecord.Header) -> Bool
    ) -> Int? {
        for offset in stride(
            from: MapRecord.headerSize, to: fields.count, by: MapRecord.headerSize)
        {
            if let header = MapRecord.Header(fields.dropFirst(offset), identity), isWanted(header) {
                return offset
            }
        }
        return nil
    }
}
