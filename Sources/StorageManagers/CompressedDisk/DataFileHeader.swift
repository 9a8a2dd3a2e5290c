internal import StorageManager

/// The first unit of a data file: whose it is, and what was cut off it. Little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 8 | `STRATACD` |
/// | 8 | 4 | version, 2 |
/// | 12 | 4 | database |
/// | 16 | 4 | relation |
/// | 20 | 4 | fork |
/// | 24 | 4 | pages in a full chunk |
/// | 28 | 4 | level |
/// | 32 | 28 | zero |
/// | 60 | 4 | CRC-32C of the 60 bytes before and of the zeroes up to 512 |
/// | 1024, 2048 | 512 each | the last two ``TruncationTrace``s, or zeroes |
///
/// All else is zeroes. A trace is written to the place that the one before it does not have, and
/// sectors of 512 bytes are written whole or not at all: a crash leaves one of the two.
struct DataFileHeader {
    private static let magic: UInt64 = 0x4443_4154_4152_5453
    private static let version: UInt32 = 2
    private static let sector = 512
    private static let places = [1024, 2048]

    /// How the fork is compressed.
    let properties: ChunkProperties
    /// The last trace of a truncation, if there was one.
    private(set) var trace: TruncationTrace?
    /// Nothing in the unit is damaged.
    private(set) var isWhole = true

    /// Reads the unit at the start of `fields`; nil for a damaged header or another's.
    init?(_ fields: RawFields, _ identity: ChunkIdentity) {
        guard fields.count >= unitSize, fields.get(0) == Self.magic,
            fields.get(8) == Self.version, fields.get(60) == Self.checksum(fields),
            fields.get(12) == identity.database, fields.get(16) == identity.number,
            fields.get(20) == UInt32(identity.fork.rawValue)
        else { return nil }
        properties = ChunkProperties(
            chunkBytes: Int(fields.get(24, as: UInt32.self)) * blockSize,
            level: Int(fields.get(28, as: UInt32.self)))
        guard ChunkProperties.chunkSizes.contains(properties.chunkBytes),
            ChunkProperties.levels.contains(properties.level)
        else { return nil }
        for start in stride(from: Self.sector, to: unitSize, by: Self.sector) {
            if Self.isZero(fields, start..<start + Self.sector) { continue }
            guard Self.places.contains(start),
                let found = TruncationTrace(fields.dropFirst(start))
            else {
                isWhole = false
                continue
            }
            if found.number >= trace?.number ?? 0 { trace = found }
        }
    }

    /// Makes the unit at the start of `fields`.
    ///
    /// - Parameter traces: the last two; what follows one that was read takes the other's place.
    static func store(
        _ properties: ChunkProperties, _ identity: ChunkIdentity, _ fields: RawFields,
        traces: [TruncationTrace] = []
    ) {
        for offset in stride(from: 0, to: unitSize, by: 8) { fields.set(UInt64(0), offset) }
        fields.set(magic, 0)
        fields.set(version, 8)
        fields.set(identity.database, 12)
        fields.set(identity.number, 16)
        fields.set(UInt32(identity.fork.rawValue), 20)
        fields.set(UInt32(properties.chunkPages), 24)
        fields.set(UInt32(properties.level), 28)
        fields.set(checksum(fields), 60)
        for trace in traces { trace.store(fields.dropFirst(places[Int(trace.number & 1)])) }
    }

    private static func isZero(_ fields: RawFields, _ range: Range<Int>) -> Bool {
        stride(from: range.lowerBound, to: range.upperBound, by: 8).allSatisfy {
            fields.get($0, as: UInt64.self) == 0
        }
    }

    private static func checksum(_ fields: RawFields) -> UInt32 {
        unsafe Checksum.of(fields.bytes(64..<sector), after: Checksum.of(fields.bytes(0..<60)))
    }
}

/// What a fork's truncations have left, should its map be lost: 512 bytes, little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 4 | `SZT1` |
/// | 4 | 4 | how many cuts follow, at most 24 |
/// | 8 | 8 | number of the trace, from 1 on |
/// | 16 | 4 | blocks of the fork |
/// | 32 | 16 each | generation (8), chunks left (4), pages left of the last of them (4), zero for all |
/// | 508 | 4 | CRC-32C of all before |
struct TruncationTrace: Equatable, Sendable {
    private static let magic: UInt32 = 0x3154_5A53
    private static let firstCut = 32
    private static let cutSize = 16
    private static let checksumOffset = 508

    var number: UInt64
    var cuts: CutHistory
    var blockCount: UInt32

    init(number: UInt64, cuts: CutHistory, blockCount: UInt32) {
        self.number = number
        self.cuts = cuts
        self.blockCount = blockCount
    }

    /// Nil for anything else than a sound one.
    init?(_ fields: RawFields) {
        let count: UInt32 = fields.get(4)
        guard fields.get(0) == Self.magic, count <= CutHistory.capacity,
            unsafe fields.get(Self.checksumOffset)
                == Checksum.of(fields.bytes(0..<Self.checksumOffset))
        else { return nil }
        number = fields.get(8)
        blockCount = fields.get(16)
        cuts = CutHistory()
        guard blockCount <= BlockNumber.maximumCount, number <= ChunkHeader.lastGeneration else {
            return nil
        }
        for position in 0..<Int(count) {
            let offset = Self.firstCut + position * Self.cutSize
            let cut = ForkCut(
                generation: fields.get(offset), chunks: fields.get(offset + 8),
                lastPages: fields.get(offset + 12))
            guard cut.generation <= ChunkHeader.lastGeneration else { return nil }
            cuts.add(cut)
        }
    }

    func store(_ fields: RawFields) {
        fields.set(Self.magic, 0)
        fields.set(UInt32(cuts.cuts.count), 4)
        fields.set(number, 8)
        fields.set(blockCount, 16)
        for (position, cut) in cuts.cuts.enumerated() {
            let offset = Self.firstCut + position * Self.cutSize
            fields.set(cut.generation, offset)
            fields.set(cut.chunks, offset + 8)
            fields.set(cut.lastPages, offset + 12)
        }
        unsafe fields.set(
            Checksum.of(fields.bytes(0..<Self.checksumOffset)), Self.checksumOffset)
    }
}
