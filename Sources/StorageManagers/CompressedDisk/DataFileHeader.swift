internal import StorageManager

/// The first unit of a data file: its identity, what was cut off it, and which chunks it has.
/// Little-endian.
///
/// | offset | bytes | |
/// |---|---|---|
/// | 0 | 8 | `STRATACD` |
/// | 8 | 4 | version, 4; 3 before `SZT3` traces existed, 2 before `SZT2` ones did |
/// | 12 | 4 | database |
/// | 16 | 4 | relation |
/// | 20 | 4 | fork |
/// | 24 | 4 | pages in a full chunk |
/// | 28 | 4 | level |
/// | 32 | 28 | zero |
/// | 60 | 4 | CRC-32C of the 60 bytes before and of the zeroes up to 512 |
/// | 1024, 2048 | 512 each | the last two ``ForkTrace``s, or zeroes |
///
/// Everything else is zeroes. A trace is written to the place that the previous one does not have,
/// and sectors of 512 bytes are written completely or not at all. So a crash leaves one of the two.
struct DataFileHeader {
    private static let magic: UInt64 = 0x4443_4154_4152_5453
    private static let versions: ClosedRange<UInt32> = 2...4
    private static let sector = 512
    private static let places = [1024, 2048]

    /// How the fork is compressed.
    let properties: ChunkProperties
    /// The last traces, up to two, the newest last.
    private(set) var traces: [ForkTrace] = []
    /// The next chunk's generation according to the last record known to be durable in the map
    /// file.
    private(set) var recordedGeneration: UInt64 = 0
    /// Whether nothing in the unit is damaged.
    private(set) var isWhole = true

    /// The last trace, if there is one.
    var trace: ForkTrace? { traces.last }

    /// Reads the unit at the start of `fields`; nil if the header is damaged or belongs to another
    /// fork.
    init?(_ fields: RawFields, _ identity: ChunkIdentity) {
        guard Self.owner(of: fields) == identity else { return nil }
        properties = ChunkProperties(
            chunkBytes: Int(fields.get(24, as: UInt32.self)) * blockSize,
            level: Int(fields.get(28, as: UInt32.self)))
        guard ChunkProperties.chunkSizes.contains(properties.chunkBytes),
            ChunkProperties.levels.contains(properties.level)
        else { return nil }
        for start in stride(from: Self.sector, to: unitSize, by: Self.sector) {
            if Self.isZero(fields, start..<start + Self.sector) { continue }
            guard Self.places.contains(start),
                let found = ForkTrace(fields.dropFirst(start))
            else {
                isWhole = false
                continue
            }
            let isNewest = found.number >= trace?.number ?? 0
            traces.insert(found, at: isNewest ? traces.endIndex : 0)
            if found.isRecorded { recordedGeneration = max(recordedGeneration, found.generation) }
        }
    }

    /// The fork whose data file begins so; nil if the header is damaged.
    static func owner(of fields: RawFields) -> ChunkIdentity? {
        guard fields.count >= unitSize, fields.get(0) == Self.magic,
            Self.versions.contains(fields.get(8)), fields.get(60) == Self.checksum(fields)
        else { return nil }
        return ChunkIdentity(
            database: fields.get(12), number: fields.get(16), fork: fields.get(20))
    }

    /// Builds the unit at the start of `fields`.
    ///
    /// - Parameter traces: the last two. A trace that follows one that was read takes the other
    ///   place.
    static func store(
        _ properties: ChunkProperties, _ identity: ChunkIdentity, _ fields: RawFields,
        traces: [ForkTrace] = []
    ) {
        for offset in stride(from: 0, to: unitSize, by: 8) { fields.set(UInt64(0), offset) }
        fields.set(magic, 0)
        fields.set(versions.upperBound, 8)
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
        let head = unsafe CRC32C.checksum(fields.bytes(0..<60).bytes)
        return unsafe CRC32C.checksum(fields.bytes(64..<sector).bytes, seed: head)
    }
}
