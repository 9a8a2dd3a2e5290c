internal import StorageManager

/// What a data file tells of its fork, should the map be lost: 512 bytes, little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 4 | `SZT2`; `SZT1` where the fields from 416 on are missing |
/// | 4 | 4 | how many cuts follow, at most 24 |
/// | 8 | 8 | number of the trace, from 1 on |
/// | 16 | 4 | blocks of the fork |
/// | 32 | 16 each | generation (8), chunks left (4), pages left of the last of them, or 0 (4) |
/// | 416 | 8 | generation that the next chunk got |
/// | 424 | 4 | how many chunks take space; all others are zeroes |
/// | 432 | 8 | the sum of a hash of their numbers |
/// | 508 | 4 | CRC-32C of all before |
struct ForkTrace: Equatable, Sendable {
    private static let magic: UInt32 = 0x3254_5A53
    /// Written by versions that told of truncations alone.
    private static let oldMagic: UInt32 = 0x3154_5A53
    private static let firstCut = 32
    private static let cutSize = 16
    private static let checksumOffset = 508

    var number: UInt64
    var cuts: CutHistory
    var blockCount: UInt32
    /// Higher than that of all chunks it tells of.
    var generation: UInt64
    /// Which chunks take space; nil where nothing is said of that.
    var stored: StoredChunks?

    /// A trace of a fork as it is now, behind an earlier one.
    init(_ map: ForkMap, _ cuts: CutHistory, after earlier: ForkTrace?) {
        let last = earlier?.number ?? 0
        // Counting goes on from any number that was read.
        number = last < ChunkHeader.lastGeneration ? last + 1 : 1
        self.cuts = cuts
        blockCount = map.dimensions.blockCount
        generation = map.dimensions.nextGeneration
        stored = map.stored
    }

    /// Nil for anything else than a sound one.
    init?(_ fields: RawFields) {
        let count: UInt32 = fields.get(4)
        let magic: UInt32 = fields.get(0)
        guard magic == Self.magic || magic == Self.oldMagic, count <= CutHistory.capacity,
            unsafe fields.get(Self.checksumOffset)
                == Checksum.of(fields.bytes(0..<Self.checksumOffset))
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
            generation = fields.get(416)
            stored = StoredChunks(count: fields.get(424), digest: fields.get(432))
        }
        guard blockCount <= BlockNumber.maximumCount, number <= ChunkHeader.lastGeneration,
            generation <= ChunkHeader.lastGeneration
        else { return nil }
    }

    func store(_ fields: RawFields) {
        fields.set(stored == nil ? Self.oldMagic : Self.magic, 0)
        fields.set(UInt32(cuts.cuts.count), 4)
        fields.set(number, 8)
        fields.set(blockCount, 16)
        for (position, cut) in cuts.cuts.enumerated() {
            let offset = Self.firstCut + position * Self.cutSize
            fields.set(cut.generation, offset)
            fields.set(cut.chunks, offset + 8)
            fields.set(cut.lastPages, offset + 12)
        }
        if let stored {
            fields.set(generation, 416)
            fields.set(stored.count, 424)
            fields.set(stored.digest, 432)
        }
        unsafe fields.set(
            Checksum.of(fields.bytes(0..<Self.checksumOffset)), Self.checksumOffset)
    }
}
