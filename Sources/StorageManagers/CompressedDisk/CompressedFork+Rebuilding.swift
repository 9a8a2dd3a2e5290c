internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// Rebuilding the map from the chunks, if the map file is missing or damaged.
extension CompressedFork {
    /// Searches all of the data file for chunks, and keeps the copy of each that is part of the
    /// fork.
    ///
    /// What truncations have cut off stays cut off, since the header records them. The header also
    /// records which chunks take space, and in which generation (``ChunkChoice``). If other ones
    /// were found, those not found are lost, and so are those that may be older; otherwise they are
    /// zeroes.
    ///
    /// - Throws: `damagedMap` if the chunks do not tell either.
    /// - Complexity: reads all of the file except holes; takes memory for the chunks found.
    func rebuild(_ data: VirtualFile, _ units: UInt32, _ fileHeader: DataFileHeader?)
        throws(StorageError) -> ForkMap
    {
        guard let fileHeader else {
            throw StorageError(
                .damagedMap,
                "the header of file \"\(dataPath)\" is damaged, and file \"\(mapPath)\" is missing"
                    + " or damaged",
                remedy: "Put the relation's files back as they were, or restore it from a backup.",
                at: location())
        }
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        var search = ChunkSearch(self, data, units, slot, fileHeader)
        try search.run()
        let cuts = search.cuts
        let choice = Self.choose(search.copies, fileHeader)
        var map = ForkMap()
        map.dimensions.properties = fileHeader.properties
        map.dimensions.cut = cuts.last ?? ForkCut()
        let newest = search.copies.values.compactMap(\.first)
        let last = newest.max { $0.header.generation < $1.header.generation }?.header
        var (blocks, generation) = (last?.blockCount ?? 0, last?.generation ?? 0)
        // The header records everything that was written before it.
        if let trace = fileHeader.trace, trace.generation > generation {
            (blocks, generation) = (trace.blockCount, trace.generation)
        }
        map.dimensions.nextGeneration = min(
            max(generation, map.dimensions.cut.generation) + 1, ChunkHeader.lastGeneration)
        map.setLength(min(blocks, BlockNumber.maximumCount))
        let found = try search.apart(Array(choice.chosen.values))
        for copy in found where Int(copy.header.chunk) < map.chunkCount {
            let header = copy.header
            let first = Int(header.chunk) * fileHeader.properties.chunkPages
            let existing = min(header.pageCount, Int(map.dimensions.blockCount) - first)
            let pages = cuts.kept(of: header.chunk, generation: header.generation, existing)
            if pages == 0 { continue }
            map[Int(header.chunk)] = ChunkEntry(
                extent: Extent(start: copy.unit, count: header.units), pages: UInt8(pages),
                isLost: choice.doubtful.contains(header.chunk), generation: header.generation)
        }
        let areAll = choice.isComplete && found.count == choice.chosen.count
        if !Self.areZeroes(fileHeader, map, areAll) { map.absent = .lost }
        if map.lostCount == 0 { map.absent = .empty }
        return map
    }

    private static func choose(_ copies: [UInt32: [ChunkCopy]], _ header: DataFileHeader)
        -> ChunkChoice
    {
        guard let trace = header.trace, let stored = trace.stored else {
            return ChunkChoice(newestOf: copies)
        }
        return ChunkChoice(
            of: copies, trace, stored, chunkPages: header.properties.chunkPages)
    }

    /// Whether the header shows that all chunks not found are zeroes.
    ///
    /// - Parameter areAll: whether the found chunks are all that its trace records.
    private static func areZeroes(_ header: DataFileHeader, _ map: ForkMap, _ areAll: Bool)
        -> Bool
    {
        guard header.isWhole, let trace = header.trace,
            trace.blockCount >= map.dimensions.blockCount
        else { return false }
        return areAll || (trace.stored == nil && trace.storedNumbers == StoredNumbers(map))
    }
}

/// Searches a data file and collects the copies of each chunk.
private struct ChunkSearch {
    /// The cuts that the file and the chunks record.
    private(set) var cuts: CutHistory
    /// The copies of each chunk, one for each generation, the newest first.
    private(set) var copies: [UInt32: [ChunkCopy]] = [:]
    /// Chunks record cuts that a crash has undone. The trace records those before this.
    private let firstCut: UInt64
    private let fork: CompressedFork
    private let data: VirtualFile
    private let units: UInt32
    private let slot: FrameSlot
    private let properties: ChunkProperties
    /// The units whose bytes are in the slot's memory.
    private var loaded: Range<UInt32> = 0..<0

    /// How much is read at a time; no chunk is longer.
    private static let unitsAtATime: UInt32 = 128

    init(
        _ fork: CompressedFork, _ data: VirtualFile, _ units: UInt32, _ slot: FrameSlot,
        _ fileHeader: DataFileHeader
    ) {
        self.fork = fork
        self.data = data
        self.units = units
        self.slot = slot
        properties = fileHeader.properties
        cuts = fileHeader.trace?.cuts ?? CutHistory()
        firstCut = fileHeader.trace?.stored == nil ? 0 : fileHeader.trace?.generation ?? 0
    }

    /// Searches the whole file.
    mutating func run() throws(StorageError) {
        var unit = CompressedFork.firstUnit
        while unit < units {
            guard let range = try data.nextData(from: Int64(unit) * Int64(unitSize)) else { break }
            let first = range.lowerBound / Int64(unitSize)
            let end = (range.upperBound + Int64(unitSize) - 1) / Int64(unitSize)
            unit = max(unit, UInt32(clamping: first))
            let limit = min(units, UInt32(clamping: end))
            while unit < limit { unit += try look(at: unit) }
        }
    }

    /// Looks for a chunk at a unit. Returns how many units to advance.
    private mutating func look(at unit: UInt32) throws(StorageError) -> UInt32 {
        let step: UInt32 = 1
        try load(unit, 1)
        guard let header = ChunkHeader(slot.fields(offset(unit))),
            header.identity == fork.identity, header.pageCount <= properties.chunkPages,
            Int(header.chunk) < Int(BlockNumber.maximumCount) / properties.chunkPages + 1,
            header.units <= units - unit
        else { return step }
        try load(unit, header.units)
        let isWhole = slot.checksum(offset(unit), header) == header.payloadChecksum
        if header.cut.generation >= firstCut { cuts.add(header.cut) }
        note(ChunkCopy(header: header, unit: unit, isWhole: isWhole))
        // Within an incomplete chunk, a newer one may begin.
        return isWhole ? header.units : step
    }

    private mutating func note(_ copy: ChunkCopy) {
        let generation = copy.header.generation
        let known = copies[copy.header.chunk, default: []]
        let place = known.firstIndex { $0.header.generation <= generation } ?? known.count
        if place < known.count, known[place].header.generation == generation {
            // Compaction has moved a chunk that occurs twice; a crash may have cut its copy short.
            if copy.isWhole { copies[copy.header.chunk]?[place] = copy }
        } else {
            copies[copy.header.chunk, default: []].insert(copy, at: place)
        }
    }

    private func offset(_ unit: UInt32) -> Int { Int(unit - loaded.lowerBound) * unitSize }

    /// Reads units of the file into the slot's memory.
    private mutating func load(_ unit: UInt32, _ count: UInt32) throws(StorageError) {
        if loaded.contains(unit), loaded.upperBound - unit >= count { return }
        let length = Int(min(Self.unitsAtATime, units - unit))
        let bytes = unsafe slot.bytes(0..<length * unitSize)
        let done = try unsafe data.readFully(into: bytes, at: Int64(unit) * Int64(unitSize))
        // The file may have become shorter.
        unsafe bytes[done...].initializeMemory(as: UInt8.self, repeating: 0)
        loaded = unit..<unit + UInt32(length)
    }

    /// Drops chunks that others have partly overwritten.
    ///
    /// - Throws: `damagedMap` if complete chunks overlap.
    func apart(_ found: [ChunkCopy]) throws(StorageError) -> [ChunkCopy] {
        var apart: [ChunkCopy] = []
        for next in found.sorted(by: { $0.unit < $1.unit }) {
            guard let last = apart.last, last.unit + last.header.units > next.unit else {
                apart.append(next)
                continue
            }
            if !last.isWhole {
                apart[apart.count - 1] = next
            } else if next.isWhole {
                throw StorageError(
                    .damagedMap,
                    "chunks of file \"\(fork.dataPath)\" overlap, and file"
                        + " \"\(fork.mapPath)\" is missing or damaged",
                    remedy: "Restore the relation from a backup.", at: fork.location())
            }
        }
        return apart
    }
}
