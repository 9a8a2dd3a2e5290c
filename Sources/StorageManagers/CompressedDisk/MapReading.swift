internal import AsyncIO

/// The result of reading a map file.
struct MapReading {
    private(set) var map = ForkMap()
    /// The number of the next record.
    private(set) var nextSequence: UInt64 = 0
    /// The position of the next record.
    private(set) var end = 0
    /// Harmless faults: copies that could not be read.
    private(set) var mended: [String] = []
    /// Bytes at the end that are not a record: what a crash leaves of the last one.
    private(set) var tornBytes = 0
    /// Whether only one copy of the last record is complete, possibly because of a crash.
    private(set) var isUnpaired = false

    /// Whether the file is exactly as it would be written.
    var isPerfect: Bool { mended.isEmpty && tornBytes == 0 && !isUnpaired }

    /// Reads records up to the first that is complete in neither copy.
    ///
    /// If a record is incomprehensible in both copies and no intact one follows, a crash has cut it
    /// short, and it never counted. If an intact one follows, it is damage.
    ///
    /// - Returns: nil if there is no first record, one in the middle is lost, or one makes no
    ///   sense.
    /// - Complexity: O(bytes of the file without holes). Memory as the map needs it.
    init?(_ source: MapSource, _ identity: ChunkIdentity) throws(StorageError) {
        while end < source.size {
            let rest = source.size - end
            if let header = try source.header(at: end, identity),
                header.sequence == nextSequence, try source.isWhole(header, at: end)
            {
                guard try apply(header, at: end, source) else { return nil }
                let second = end + header.size
                var isPaired = false
                if let copy = try source.header(at: second, identity), copy.isCopy(of: header) {
                    isPaired = try source.isWhole(copy, at: second)
                }
                if !isPaired { noteLoss(of: 1, header, rest) }
                // The second copy may be missing.
                end = min(second + header.size, source.size)
                nextSequence += 1
            } else if let (header, offset) = try secondCopy(source, identity) {
                guard try apply(header, at: offset, source) else { return nil }
                noteLoss(of: 0, header, rest)
                end += 2 * header.size
                nextSequence += 1
            } else {
                let expected = nextSequence
                // An intact record further on shows that this one was once complete.
                let later = try source.place(after: end, identity) { header, _ in
                    header.sequence > expected
                }
                if later != nil { return nil }
                tornBytes = rest
                break
            }
        }
        if nextSequence == 0 { return nil }
    }

    private mutating func noteLoss(of copy: Int, _ header: MapRecord.Header, _ rest: Int) {
        if rest <= 2 * header.size {
            isUnpaired = true
        } else {
            mended.append("copy \(copy) of record \(header.sequence)")
        }
    }

    /// The second copy of a record whose first copy, at ``end``, is damaged.
    private func secondCopy(_ source: MapSource, _ identity: ChunkIdentity)
        throws(StorageError) -> (header: MapRecord.Header, offset: Int)?
    {
        let (start, sequence) = (end, nextSequence)
        let found = try source.place(after: start, identity) { header, offset in
            // It directly follows the first one, which is as long.
            header.sequence == sequence && header.copy == 1 && offset - start == header.size
        }
        guard let found, let header = try source.header(at: found, identity),
            try source.isWhole(header, at: found)
        else { return nil }
        return (header, found)
    }

    /// Applies a record. Returns false if it makes no sense.
    private mutating func apply(_ header: MapRecord.Header, at offset: Int, _ source: MapSource)
        throws(StorageError) -> Bool
    {
        if header.isSnapshot { map = ForkMap() }
        map.dimensions = header.dimensions
        map.setLength(header.dimensions.blockCount)
        return try source.forEachEntry(of: header, at: offset) { chunk, entry in
            map[Int(chunk)] = entry
            return true
        }
    }
}
