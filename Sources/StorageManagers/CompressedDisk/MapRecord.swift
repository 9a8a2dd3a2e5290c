internal import StorageManager

/// The fork's properties in the map file, besides its chunks.
struct ForkDimensions: Equatable, Sendable {
    /// How the fork is compressed.
    var properties = ChunkProperties()
    /// How many blocks it has.
    var blockCount: UInt32 = 0
    /// Higher than all generations in use.
    var nextGeneration: UInt64 = 1
    /// Its last truncation.
    var cut = ForkCut()

    /// The number of chunks for the blocks.
    var chunkCount: Int { Self.chunkCount(of: blockCount, properties.chunkPages) }

    static func chunkCount(of blockCount: UInt32, _ chunkPages: Int) -> Int {
        (Int(blockCount) + chunkPages - 1) / chunkPages
    }
}

/// One record of a map file: all chunks of a fork, or those that changed since the record before.
///
/// Little-endian. The file has two copies of each record, one after the other, so that a damaged
/// copy can be replaced and told from one that a crash cut short. Padded with zeroes to a multiple
/// of 64 bytes.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 4 | `SZM1` |
/// | 4 | 1 | version, 1 |
/// | 5 | 1 | 0 for all chunks, 1 for those that changed |
/// | 6 | 1 | 0 for the first copy, 1 for the second |
/// | 7 | 1 | fork |
/// | 8 | 4 | database |
/// | 12 | 4 | relation |
/// | 16 | 8 | number of the record in the file, from 0 on |
/// | 24 | 8 | generation that the next chunk gets |
/// | 32 | 8 | generation of the last truncation |
/// | 40 | 4 | chunks left by it |
/// | 44 | 4 | blocks of the fork |
/// | 48 | 2 | pages in a full chunk |
/// | 50 | 2 | level |
/// | 52 | 4 | how many entries follow |
/// | 56 | 4 | CRC-32C of the entries and the padding |
/// | 60 | 4 | CRC-32C of the 60 bytes before |
///
/// An entry has 24 bytes: chunk (4), first unit (4), units (4), pages that count (4), generation
/// (8). No units means a chunk of zeroes.
struct MapRecord {
    static let headerSize = 64
    static let entrySize = 24
    private static let magic: UInt32 = 0x314D_5A53
    private static let version: UInt8 = 1

    var isSnapshot: Bool
    var sequence: UInt64
    var dimensions: ForkDimensions
    var entries: [(chunk: UInt32, entry: ChunkEntry)]

    /// The size of one copy.
    static func size(entries: Int) -> Int {
        (headerSize + entries * entrySize + headerSize - 1) & ~(headerSize - 1)
    }

    /// Encodes both copies.
    func encoded(_ identity: ChunkIdentity) -> [UInt8] {
        let size = Self.size(entries: entries.count)
        var bytes = [UInt8](repeating: 0, count: 2 * size)
        unsafe bytes.withUnsafeMutableBytes { bytes in
            for copy in 0..<2 {
                // There are two times `size` bytes.
                let start = unsafe bytes.baseAddress! + copy * size
                store(unsafe RawFields(start, count: size), identity, copy: UInt8(copy))
            }
        }
        return bytes
    }

    private func store(_ fields: RawFields, _ identity: ChunkIdentity, copy: UInt8) {
        var offset = Self.headerSize
        for (chunk, entry) in entries {
            fields.set(chunk, offset)
            fields.set(entry.extent.start, offset + 4)
            fields.set(entry.extent.count, offset + 8)
            fields.set(UInt32(entry.pages), offset + 12)
            fields.set(entry.generation, offset + 16)
            offset += Self.entrySize
        }
        fields.set(Self.magic, 0)
        fields.set(Self.version, 4)
        fields.set(UInt8(isSnapshot ? 0 : 1), 5)
        fields.set(copy, 6)
        fields.set(identity.fork.rawValue, 7)
        fields.set(identity.database, 8)
        fields.set(identity.number, 12)
        fields.set(sequence, 16)
        fields.set(dimensions.nextGeneration, 24)
        fields.set(dimensions.cut.generation, 32)
        fields.set(dimensions.cut.chunks, 40)
        fields.set(dimensions.blockCount, 44)
        fields.set(UInt16(dimensions.properties.chunkPages), 48)
        fields.set(UInt16(dimensions.properties.level), 50)
        fields.set(UInt32(entries.count), 52)
        unsafe fields.set(CRC32C.checksum(fields.bytes(Self.headerSize..<fields.count).bytes), 56)
        unsafe fields.set(CRC32C.checksum(fields.bytes(0..<60).bytes), 60)
    }

    /// Whether a file of that fork's map can begin so; `head` may have less than a whole header.
    static func mayBegin(_ head: RawFields, _ identity: ChunkIdentity) -> Bool {
        let isOwn = (0..<min(4, head.count)).allSatisfy {
            head.get($0) == UInt8(truncatingIfNeeded: magic >> (8 * UInt32($0)))
        }
        if head.count < 16 { return isOwn }
        return isOwn && head.get(7) == identity.fork.rawValue
            && head.get(8) == identity.database && head.get(12) == identity.number
    }

    /// The fork whose map has a record that begins so; nil if the header is damaged.
    static func owner(of fields: RawFields) -> ChunkIdentity? {
        guard fields.count >= headerSize, fields.get(0) == magic, fields.get(4) == version,
            unsafe fields.get(60) == CRC32C.checksum(fields.bytes(0..<60).bytes)
        else { return nil }
        let fork: UInt8 = fields.get(7)
        return ChunkIdentity(
            database: fields.get(8), number: fields.get(12), fork: UInt32(fork))
    }

    /// The fixed part of a record.
    struct Header {
        let isSnapshot: Bool
        let copy: UInt8
        let sequence: UInt64
        let dimensions: ForkDimensions
        let entryCount: Int
        let payloadChecksum: UInt32

        /// Returns nil unless the header is intact and belongs to that fork.
        init?(_ fields: RawFields, _ identity: ChunkIdentity) {
            guard owner(of: fields) == identity else { return nil }
            let kind: UInt8 = fields.get(5)
            guard kind <= 1 else { return nil }
            isSnapshot = kind == 0
            copy = fields.get(6)
            sequence = fields.get(16)
            var dimensions = ForkDimensions()
            dimensions.nextGeneration = fields.get(24)
            dimensions.cut = ForkCut(generation: fields.get(32), chunks: fields.get(40))
            dimensions.blockCount = fields.get(44)
            dimensions.properties = ChunkProperties(
                chunkBytes: Int(fields.get(48, as: UInt16.self)) * blockSize,
                level: Int(fields.get(50, as: UInt16.self)))
            guard ChunkProperties.chunkSizes.contains(dimensions.properties.chunkBytes),
                ChunkProperties.levels.contains(dimensions.properties.level),
                dimensions.blockCount <= BlockNumber.maximumCount,
                dimensions.nextGeneration <= ChunkHeader.lastGeneration,
                dimensions.cut.generation <= ChunkHeader.lastGeneration
            else { return nil }
            self.dimensions = dimensions
            entryCount = Int(fields.get(52, as: UInt32.self))
            payloadChecksum = fields.get(56)
            // Each chunk occurs in a record once.
            guard entryCount <= dimensions.chunkCount else { return nil }
        }

        /// The size of one copy.
        var size: Int { MapRecord.size(entries: entryCount) }

        /// Whether that is the other copy of the same record, provided its entries are intact.
        func isCopy(of other: Header) -> Bool {
            isSnapshot == other.isSnapshot && sequence == other.sequence
                && dimensions == other.dimensions && entryCount == other.entryCount
                && payloadChecksum == other.payloadChecksum
        }
    }
}

extension MapRecord {
    /// The entry at the start of `fields`; nil if it makes no sense in a fork of those dimensions.
    static func entry(_ fields: RawFields, _ dimensions: ForkDimensions)
        -> (chunk: UInt32, entry: ChunkEntry)?
    {
        let chunkPages = dimensions.properties.chunkPages
        let chunk: UInt32 = fields.get(0)
        let extent = Extent(start: fields.get(4), count: fields.get(8))
        let pages: UInt32 = fields.get(12)
        let generation: UInt64 = fields.get(16)
        guard Int(chunk) < dimensions.chunkCount, pages <= chunkPages,
            extent.count <= UInt32(chunkPages * 2 + 1),
            !extent.start.addingReportingOverflow(extent.count).overflow,
            extent.count == 0 || extent.start >= CompressedFork.firstUnit,
            generation <= ChunkHeader.lastGeneration
        else { return nil }
        return (
            chunk, ChunkEntry(extent: extent, pages: UInt8(pages), generation: generation)
        )
    }
}
