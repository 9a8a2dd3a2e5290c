internal import StorageManager

/// What a data file records of its fork, in case the map is lost: 512 bytes, little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 4 | `SZT3` |
/// | 4 | 4 | how many cuts follow, at most 12 |
/// | 8 | 8 | number of the trace, from 1 on |
/// | 16 | 4 | blocks of the fork |
/// | 20 | 4 | 1 once the map file was known to have a durable record of all this; else 0 |
/// | 24 | 8 | generation that the next chunk got |
/// | 32 | 16 each | generation (8), chunks left (4), pages left of the last of them, or 0 (4) |
/// | 224 | 4 | how many chunks take space; all others are zeroes |
/// | 228 | 4 | *s*: group *n* has the chunks from *n* × 2ˢ on |
/// | 232 | 8 each | of 32 groups the sum of a hash of their chunks |
/// | 508 | 4 | CRC-32C of all before |
///
/// `SZT2` has up to 24 cuts, nothing from 20 to 31, the generation at 416, the count at 424, and at
/// 432 the sum of a hash of the chunks' numbers; `SZT1` has nothing from 416 on.
struct ForkTrace: Equatable, Sendable {
    private static let magic: UInt32 = 0x3354_5A53
    /// Written by versions that recorded only the numbers of chunks.
    private static let magicOfNumbers: UInt32 = 0x3254_5A53
    /// Written by versions that recorded only truncations.
    private static let magicOfCuts: UInt32 = 0x3154_5A53
    private static let firstCut = 32
    private static let cutSize = 16
    private static let oldCutCapacity = 24
    private static let firstGroup = 232
    private static let checksumOffset = 508

    var number: UInt64
    var cuts: CutHistory
    var blockCount: UInt32
    /// Higher than that of all recorded chunks.
    var generation: UInt64
    /// Which chunks take space; nil in files of earlier versions.
    var stored: StoredChunks?
    /// Which chunks take space, as files of version 3 record it.
    var storedNumbers: StoredNumbers?
    /// Whether the map file has a durable record of all this.
    var isRecorded = false

    /// Makes a trace of a fork's present state, following an earlier trace.
    init(_ map: ForkMap, _ cuts: CutHistory, after earlier: ForkTrace?) {
        number = Self.number(after: earlier?.number ?? 0)
        self.cuts = cuts
        blockCount = map.dimensions.blockCount
        generation = map.dimensions.nextGeneration
        stored = map.stored
    }

    /// Counting continues from any number that was read.
    private static func number(after last: UInt64) -> UInt64 {
        last < ChunkHeader.lastGeneration ? last + 1 : 1
    }

    /// The trace that follows this one once the map file has a durable record of the same state.
    var confirmed: ForkTrace {
        var next = self
        next.number = Self.number(after: number)
        next.isRecorded = true
        return next
    }

    /// Returns nil unless the trace is intact.
    init?(_ fields: RawFields) {
        let count: UInt32 = fields.get(4)
        let magic: UInt32 = fields.get(0)
        let isOld = magic == Self.magicOfNumbers || magic == Self.magicOfCuts
        guard magic == Self.magic || isOld,
            count <= (isOld ? Self.oldCutCapacity : CutHistory.capacity),
            unsafe fields.get(Self.checksumOffset)
                == CRC32C.checksum(fields.bytes(0..<Self.checksumOffset).bytes)
        else { return nil }
        number = fields.get(8)
        blockCount = fields.get(16)
        cuts = CutHistory()
        for position in 0..<Int(count) {
            let offset = Self.firstCut + position * Self.cutSize
            let cut = ForkCut(
                generation: fields.get(offset), chunks: fields.get(offset + 8),
                lastPages: fields.get(offset + 12))
            guard cut.generation <= ChunkHeader.lastGeneration else { return nil }
            cuts.add(cut)
        }
        generation = cuts.last?.generation ?? 0
        if magic == Self.magic {
            isRecorded = fields.get(20, as: UInt32.self) == 1
            generation = fields.get(24)
            let groups = (0..<StoredChunks.groupCount).map { group -> UInt64 in
                fields.get(Self.firstGroup + 8 * group)
            }
            stored = StoredChunks(count: fields.get(224), shift: fields.get(228), groups: groups)
            if stored == nil { return nil }
        } else if magic == Self.magicOfNumbers {
            generation = fields.get(416)
            storedNumbers = StoredNumbers(count: fields.get(424), digest: fields.get(432))
        }
        guard blockCount <= BlockNumber.maximumCount, number <= ChunkHeader.lastGeneration,
            generation <= ChunkHeader.lastGeneration
        else { return nil }
    }

    func store(_ fields: RawFields) {
        if stored == nil { return storeOld(fields) }
        storeStart(fields, Self.magic)
        fields.set(UInt32(isRecorded ? 1 : 0), 20)
        fields.set(generation, 24)
        if let stored {
            fields.set(stored.count, 224)
            fields.set(stored.shift, 228)
            for (group, digest) in stored.groups.enumerated() {
                fields.set(digest, Self.firstGroup + 8 * group)
            }
        }
        seal(fields)
    }

    /// Writes a trace from a file of an earlier version unchanged, except for forgotten cuts.
    private func storeOld(_ fields: RawFields) {
        storeStart(fields, storedNumbers == nil ? Self.magicOfCuts : Self.magicOfNumbers)
        if let storedNumbers {
            fields.set(generation, 416)
            fields.set(storedNumbers.count, 424)
            fields.set(storedNumbers.digest, 432)
        }
        seal(fields)
    }

    private func storeStart(_ fields: RawFields, _ magic: UInt32) {
        fields.set(magic, 0)
        fields.set(UInt32(cuts.cuts.count), 4)
        fields.set(number, 8)
        fields.set(blockCount, 16)
        for (position, cut) in cuts.cuts.enumerated() {
            let offset = Self.firstCut + position * Self.cutSize
            fields.set(cut.generation, offset)
            fields.set(cut.chunks, offset + 8)
            fields.set(cut.lastPages, offset + 12)
        }
    }

    private func seal(_ fields: RawFields) {
        unsafe fields.set(
            CRC32C.checksum(fields.bytes(0..<Self.checksumOffset).bytes), Self.checksumOffset)
    }
}
