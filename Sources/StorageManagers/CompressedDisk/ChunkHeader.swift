internal import StorageManager

/// The 64 bytes before each chunk, little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 4 | `SZC1` |
/// | 4 | 1 | version, 1 |
/// | 5 | 1 | encoding: 0 raw, 1 zstd, 2 rearranged and zstd |
/// | 6 | 1 | how many pages it has, 1 to 16 |
/// | 7 | 1 | fork |
/// | 8 | 4 | database |
/// | 12 | 4 | relation |
/// | 16 | 4 | the chunk's number in the fork |
/// | 20 | 4 | bytes after this header |
/// | 24 | 4 | size of these bytes after decompression |
/// | 28 | 4 | CRC-32C of the rest of its units |
/// | 32 | 8 | generation: higher than that of all chunks written to this fork earlier |
/// | 40 | 8 | generation of the fork's last truncation |
/// | 48 | 4 | number of chunks that this truncation left |
/// | 52 | 4 | how many blocks the fork had |
/// | 56 | 4 | number of pages it left of the last chunk; zero for all |
/// | 60 | 4 | CRC-32C of the 60 bytes before |
///
/// The rest of its last 4096-byte unit is zeroes.
struct ChunkHeader: Equatable {
    static let size = 64
    /// The highest generation. That many chunks are never written, and the next number cannot
    /// overflow.
    static let lastGeneration: UInt64 = 1 << 62
    private static let magic: UInt32 = 0x3143_5A53
    private static let version: UInt8 = 1

    let identity: ChunkIdentity
    let chunk: UInt32
    let pageCount: Int
    let content: EncodedChunk
    var payloadChecksum: UInt32
    let generation: UInt64
    let cut: ForkCut
    let blockCount: UInt32

    init(
        _ identity: ChunkIdentity, chunk: UInt32, pageCount: Int, content: EncodedChunk,
        payloadChecksum: UInt32, generation: UInt64, cut: ForkCut, blockCount: UInt32
    ) {
        self.identity = identity
        self.chunk = chunk
        self.pageCount = pageCount
        self.content = content
        self.payloadChecksum = payloadChecksum
        self.generation = generation
        self.cut = cut
        self.blockCount = blockCount
    }

    /// How many units the chunk takes.
    var units: UInt32 {
        UInt32((Self.size + content.storedBytes + unitSize - 1) / unitSize)
    }

    /// Returns nil if the bytes are not a header, are damaged, or contain impossible numbers.
    init?(_ fields: RawFields) {
        guard fields.count >= Self.size, fields.get(0) == Self.magic,
            fields.get(4) == Self.version,
            unsafe fields.get(60) == CRC32C.checksum(fields.bytes(0..<60).bytes),
            let encoding = ChunkEncoding(rawValue: fields.get(5)),
            let fork = Fork(rawValue: fields.get(7))
        else { return nil }
        pageCount = Int(fields.get(6, as: UInt8.self))
        identity = ChunkIdentity(
            RelationLocator(database: fields.get(8), number: fields.get(12)), fork)
        chunk = fields.get(16)
        content = EncodedChunk(
            encoding: encoding, plainBytes: Int(fields.get(24, as: UInt32.self)),
            storedBytes: Int(fields.get(20, as: UInt32.self)))
        payloadChecksum = fields.get(28)
        generation = fields.get(32)
        cut = ForkCut(
            generation: fields.get(40), chunks: fields.get(48), lastPages: fields.get(56))
        blockCount = fields.get(52)
        guard (1...HeapTransform.maximumPages).contains(pageCount),
            content.storedBytes > 0, content.storedBytes <= pageCount * blockSize,
            content.plainBytes <= HeapTransform.maximumSize(pages: pageCount),
            generation <= Self.lastGeneration, cut.generation <= Self.lastGeneration
        else { return nil }
    }

    func store(_ fields: RawFields) {
        fields.set(Self.magic, 0)
        fields.set(Self.version, 4)
        fields.set(content.encoding.rawValue, 5)
        fields.set(UInt8(pageCount), 6)
        fields.set(identity.fork.rawValue, 7)
        fields.set(identity.database, 8)
        fields.set(identity.number, 12)
        fields.set(chunk, 16)
        fields.set(UInt32(content.storedBytes), 20)
        fields.set(UInt32(content.plainBytes), 24)
        fields.set(payloadChecksum, 28)
        fields.set(generation, 32)
        fields.set(cut.generation, 40)
        fields.set(cut.chunks, 48)
        fields.set(blockCount, 52)
        fields.set(cut.lastPages, 56)
        unsafe fields.set(CRC32C.checksum(fields.bytes(0..<60).bytes), 60)
    }
}
