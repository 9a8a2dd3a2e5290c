internal import AsyncIO

/// What reading a map file gave.
struct MapReading {
    private(set) var map = ForkMap()
    /// The number that the next record gets.
    private(set) var nextSequence: UInt64 = 0
    /// Where the next record goes.
    private(set) var end = 0
    /// What was wrong, and did no harm: a copy that could not be read.
    private(set) var mended: [String] = []
    /// Bytes at the end that are no record: what a crash leaves of the last one.
    private(set) var tornBytes = 0
    /// Only one copy of the last record is whole: a crash may have left it so.
    private(set) var isUnpaired = false

    /// Whether the file is as it would be written.
    var isPerfect: Bool { mended.isEmpty && tornBytes == 0 && !isUnpaired }

    /// Reads records up to the first that is not whole in either copy.
    ///
    /// A record of which only bytes without sense are left, with no sound one behind it, was cut
    /// short by a crash: it never counted. One that is followed by a sound one is damage.
    ///
    /// - Returns: nil when there is no record to begin with, one in the middle is lost, or one
    ///   makes no sense.
    /// - Complexity: O(bytes of the file that are no holes). Memory as the map needs it.
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
                // A sound record further on: the one here was whole once.
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

    /// The second copy of a record whose first one, at ``end``, is damaged.
    private func secondCopy(_ source: MapSource, _ identity: ChunkIdentity)
        throws(StorageError) -> (header: MapRecord.Header, offset: Int)?
    {
        let (start, sequence) = (end, nextSequence)
        let found = try source.place(after: start, identity) { header, offset in
            // It stands right behind the first one, which is as long.
            header.sequence == sequence && header.copy == 1 && offset - start == header.size
        }
        guard let found, let header = try source.header(at: found, identity),
            try source.isWhole(header, at: found)
        else { return nil }
        return (header, found)
    }

    /// Takes over what a record says; false if it makes no sense.
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
