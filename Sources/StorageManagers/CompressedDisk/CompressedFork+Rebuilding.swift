internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// Putting the map together from the chunks, where the map file is missing or damaged.
extension CompressedFork {
    /// Looks for chunks in all of the data file: of each the newest that is part of the fork.
    ///
    /// What truncations have cut off stays so, as the header tells of them. It tells as well which
    /// chunks take space: where other ones were found, those that were not found are lost; else
    /// they are zeroes.
    ///
    /// - Throws: `damagedMap` where the chunks do not tell either.
    /// - Complexity: reads all of the file that is no hole; takes memory for the chunks found.
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
        let found = try search.run()
        let cuts = search.cuts
        var map = ForkMap()
        map.dimensions.properties = fileHeader.properties
        map.dimensions.cut = cuts.last ?? ForkCut()
        let last = found.max { $0.header.generation < $1.header.generation }?.header
        var (blocks, generation) = (last?.blockCount ?? 0, last?.generation ?? 0)
        // The header tells of all that was written before it.
        if let trace = fileHeader.trace, trace.generation > generation {
            (blocks, generation) = (trace.blockCount, trace.generation)
        }
        map.dimensions.nextGeneration = min(
            max(generation, map.dimensions.cut.generation) + 1, ChunkHeader.lastGeneration)
        map.setLength(min(blocks, BlockNumber.maximumCount))
        for chunk in try search.apart(found) where Int(chunk.header.chunk) < map.chunkCount {
            let header = chunk.header
            let first = Int(header.chunk) * fileHeader.properties.chunkPages
            let existing = min(header.pageCount, Int(map.dimensions.blockCount) - first)
            let pages = cuts.kept(of: header.chunk, generation: header.generation, existing)
            if pages == 0 { continue }
            map[Int(header.chunk)] = ChunkEntry(
                extent: Extent(start: chunk.unit, count: header.units), pages: UInt8(pages),
                generation: header.generation)
        }
        if !Self.areZeroes(fileHeader, map) { map.absent = .lost }
        if map.lostCount == 0 { map.absent = .empty }
        return map
    }

    /// Whether the header says of all chunks that were not found that they are zeroes.
    private static func areZeroes(_ header: DataFileHeader, _ map: ForkMap) -> Bool {
        guard header.isWhole, let trace = header.trace else { return false }
        return trace.stored == map.stored && trace.blockCount >= map.dimensions.blockCount
    }
}

/// Goes through a data file and notes the newest of each chunk.
private struct ChunkSearch {
    /// A chunk that was found.
    struct Found {
        let header: ChunkHeader
        let unit: UInt32
        /// Whether all of it is as it was written.
        let isWhole: Bool
    }

    /// The cuts that file and chunks tell of.
    private(set) var cuts: CutHistory
    private let fork: CompressedFork
    private let data: VirtualFile
    private let units: UInt32
    private let slot: FrameSlot
    private let properties: ChunkProperties
    /// The units whose bytes are in the slot's memory.
    private var loaded: Range<UInt32> = 0..<0
    private var newest: [UInt32: Found] = [:]

    /// What is read at a time; no chunk is longer.
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
    }

    /// Of each chunk the newest.
    mutating func run() throws(StorageError) -> [Found] {
        var unit = CompressedFork.firstUnit
        while unit < units {
            guard let range = try data.nextData(from: Int64(unit) * Int64(unitSize)) else { break }
            let first = range.lowerBound / Int64(unitSize)
            let end = (range.upperBound + Int64(unitSize) - 1) / Int64(unitSize)
            unit = max(unit, UInt32(clamping: first))
            let limit = min(units, UInt32(clamping: end))
            while unit < limit { unit += try look(at: unit) }
        }
        return Array(newest.values)
    }

    /// Looks for a chunk at a unit; how many units to go on.
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
        cuts.add(header.cut)
        let found = Found(header: header, unit: unit, isWhole: isWhole)
        if let known = newest[header.chunk] {
            // Compaction has moved a chunk that is there twice; a crash may have cut its copy
            // short.
            let isNewer =
                known.header.generation == header.generation
                ? isWhole : known.header.generation < header.generation
            if isNewer { newest[header.chunk] = found }
        } else {
            newest[header.chunk] = found
        }
        // Within a chunk that is not whole, a newer one may begin.
        return isWhole ? header.units : step
    }

    private func offset(_ unit: UInt32) -> Int { Int(unit - loaded.lowerBound) * unitSize }

    /// Brings units of the file into the slot's memory.
    private mutating func load(_ unit: UInt32, _ count: UInt32) throws(StorageError) {
        if loaded.contains(unit), loaded.upperBound - unit >= count { return }
        let length = Int(min(Self.unitsAtATime, units - unit))
        let bytes = unsafe slot.bytes(0..<length * unitSize)
        let done = try unsafe data.readFully(into: bytes, at: Int64(unit) * Int64(unitSize))
        // The file may have become shorter.
        unsafe bytes[done...].initializeMemory(as: UInt8.self, repeating: 0)
        loaded = unit..<unit + UInt32(length)
    }

    /// Leaves out what was partly overwritten by others.
    ///
    /// - Throws: `damagedMap` for whole chunks that lie over each other.
    func apart(_ found: [Found]) throws(StorageError) -> [Found] {
        var apart: [Found] = []
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
                    "the chunks of file \"\(fork.dataPath)\" lie over each other, and file"
                        + " \"\(fork.mapPath)\" is missing or damaged",
                    remedy: "Restore the relation from a backup.", at: fork.location())
            }
        }
        return apart
    }
}
