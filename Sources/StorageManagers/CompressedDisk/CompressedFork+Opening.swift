internal import AsyncIO
internal import FileAccess
internal import Logging
internal import StorageManager

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// How a fork begins, and how it is found again.
extension CompressedFork {
    /// Makes the files of a new, empty fork.
    ///
    /// - Throws: `alreadyExists`, or what making files throws.
    func create(_ properties: ChunkProperties) throws(StorageError) {
        if let slash = dataPath.lastIndex(of: "/") {
            try disk.files.createDirectories(String(dataPath[..<slash]))
        }
        let data: VirtualFile
        do throws(StorageError) {
            data = try disk.files.open(dataPath, .exclusive)
        } catch {
            guard error.errorNumber == EEXIST else { throw naming(error) }
            throw StorageError(
                .alreadyExists, "file \"\(dataPath)\" exists already",
                remedy: "Unlink the relation first, or give the new one another number.",
                at: location(), errorNumber: EEXIST)
        }
        do throws(StorageError) {
            let slot = try disk.frames.take()
            defer { disk.frames.giveBack(slot) }
            DataFileHeader.store(properties, identity, slot.fields(0))
            try writeHeader(slot, data)
            var map = ForkMap()
            map.dimensions.properties = properties
            let mapFile = try MapFile.create(self, map)
            let start = map
            state.withLock { state in
                state.begin(start, fileUnits: Self.firstUnit)
                // What was recorded is not durable yet.
                state.hasChangedDimensions = true
            }
            adopt(Files(data: data, map: mapFile))
        } catch {
            _ = try? disk.files.remove(mapPath, ifExists: true)
            _ = try? disk.files.remove(dataPath, ifExists: true)
            throw naming(error)
        }
        disk.noteChange(self)
        disk.syncQueue.registerDirectory(of: dataPath)
    }

    /// Opens the files and reads the map, or puts it together from the chunks. Called while nobody
    /// else opens the fork.
    func open() throws(StorageError) -> Files {
        do throws(StorageError) {
            let data = try disk.files.open(dataPath)
            let units = UInt32(clamping: try data.size() / Int64(unitSize))
            let header = try readHeader(data)
            var found = try MapFile.open(self, units: units)
            if let reading = found?.reading {
                for text in reading.mended {
                    disk.logger.warning(
                        "file \"\(mapPath)\" is damaged, which did no harm: \(text)")
                }
                if reading.map.sortedExtents == nil || !Self.isWithin(reading.map, units) {
                    found = nil
                }
            }
            let map: ForkMap
            let mapFile: MapFile
            if let found {
                (mapFile, map) = (found.file, found.reading.map)
            } else {
                map = try rebuild(data, units, header)
                let blocks = map.dimensions.blockCount
                disk.logger.warning(
                    """
                    file "\(mapPath)" is missing or damaged; it was put together from the chunks, \
                    which make \(blocks) blocks
                    """)
                mapFile = try MapFile.create(self, map)
            }
            take(map, units, header)
            return Files(data: data, map: mapFile)
        } catch {
            guard error.errorNumber == ENOENT else { throw naming(error) }
            throw StorageError(
                .notFound, "could not open file \"\(dataPath)\"",
                remedy: "The fork does not exist, or its file was lost: restore it.",
                at: location(), errorNumber: ENOENT)
        }
    }

    private static func isWithin(_ map: ForkMap, _ units: UInt32) -> Bool {
        map.entries.allSatisfy { $0.isEmpty || $0.extent.end <= units }
    }

    /// The first unit of the data file; nil for a damaged one.
    private func readHeader(_ data: VirtualFile) throws(StorageError) -> DataFileHeader? {
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        let count = try unsafe data.readFully(into: slot.bytes(0..<unitSize), at: 0)
        return count == unitSize ? DataFileHeader(slot.fields(0), identity) : nil
    }

    private func take(_ found: ForkMap, _ units: UInt32, _ header: DataFileHeader?) {
        var map = found
        // What was written before a crash and is not in the map is of generations that no chunk shall
        // have again: should the map be lost, the newest of each chunk is looked for.
        map.dimensions.nextGeneration += Self.generationsLost
        let space = FreeSpace(origin: Self.firstUnit, used: map.sortedExtents ?? [])
        let used = map.usedUnits
        var cuts = header?.trace?.cuts ?? CutHistory()
        cuts.add(map.dimensions.cut)
        // One that a crash has cut off from its record in the map has not come about.
        let isUndone = (cuts.last?.generation ?? 0) > map.dimensions.cut.generation
        cuts.removeAll(after: map.dimensions.cut.generation)
        let isHeaderWhole = header?.isWhole == true
        if !isHeaderWhole {
            disk.logger.warning(
                """
                the header of file "\(dataPath)" is damaged, which did no harm; the next sync writes \
                it anew
                """)
        }
        let needsTrace = isUndone || !isHeaderWhole
        state.withLock { state in
            state.begin(map, fileUnits: units)
            state.space = space
            state.usedUnits = used
            state.cuts = cuts
            state.trace = header?.trace
            (state.hasNewCuts, state.hasChangedDimensions) = (needsTrace, needsTrace)
        }
        if needsTrace { disk.noteChange(self) }
    }

    /// More chunks than are written between two syncs.
    private static let generationsLost: UInt64 = 1 << 32

    /// Looks for chunks in all of the data file: of each the newest that is part of the fork.
    ///
    /// What a truncation has cut off stays so, as the header tells of it. Chunks of zeroes at the end,
    /// which take no space, are lost.
    ///
    /// - Complexity: reads the whole file's headers.
    private func rebuild(_ data: VirtualFile, _ units: UInt32, _ fileHeader: DataFileHeader?)
        throws(StorageError) -> ForkMap
    {
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        func read(_ unit: UInt32) throws(StorageError) -> RawFields {
            let bytes = unsafe slot.bytes(0..<unitSize)
            _ = try unsafe data.readFully(into: bytes, at: Int64(unit) * Int64(unitSize))
            return slot.fields(0)
        }
        guard let fileHeader else {
            throw StorageError(
                .damagedMap,
                "the header of file \"\(dataPath)\" is damaged, and file \"\(mapPath)\" is missing"
                    + " or damaged",
                remedy: "Restore the relation from a backup.", at: location())
        }
        func isWhole(_ header: ChunkHeader, _ unit: UInt32) throws(StorageError) -> Bool {
            let bytes = unsafe slot.bytes(0..<Int(header.units) * unitSize)
            let count = try unsafe data.readFully(into: bytes, at: Int64(unit) * Int64(unitSize))
            return count == bytes.count && slot.checksum(0, header) == header.payloadChecksum
        }
        let properties = fileHeader.properties
        var newest: [UInt32: (header: ChunkHeader, unit: UInt32)] = [:]
        var cuts = fileHeader.trace?.cuts ?? CutHistory()
        var unit = Self.firstUnit
        while unit < units {
            guard let header = ChunkHeader(try read(unit)), header.identity == identity,
                header.pageCount <= properties.chunkPages,
                Int(header.chunk) < Int(BlockNumber.maximumCount) / properties.chunkPages + 1,
                header.units <= units - unit
            else {
                unit += 1
                continue
            }
            let found = newest[header.chunk]?.header.generation ?? 0
            // Compaction has moved a chunk that is there twice; a crash may have cut its copy short.
            var isNewest = found < header.generation
            if found == header.generation { isNewest = try isWhole(header, unit) }
            if isNewest {
                newest[header.chunk] = (header, unit)
            }
            cuts.add(header.cut)
            // An older chunk may have begun within one that lies over it, never the other way.
            unit += header.units
        }
        var map = ForkMap()
        map.dimensions.properties = properties
        map.dimensions.cut = cuts.last ?? ForkCut()
        let last = newest.values.max { $0.header.generation < $1.header.generation }?.header
        var (blocks, generation) = (last?.blockCount ?? 0, last?.generation ?? 0)
        // The trace was written with the last cut that it has.
        if let trace = fileHeader.trace, let cut = trace.cuts.last, cut.generation > generation {
            (blocks, generation) = (trace.blockCount, cut.generation)
        }
        map.dimensions.blockCount = min(blocks, BlockNumber.maximumCount)
        map.dimensions.nextGeneration = max(generation, map.dimensions.cut.generation) + 1
        map.resize()
        for (chunk, found) in newest where Int(chunk) < map.entries.count {
            let first = Int(chunk) * properties.chunkPages
            let existing = min(found.header.pageCount, Int(map.dimensions.blockCount) - first)
            let pages = cuts.kept(of: chunk, generation: found.header.generation, existing)
            if pages == 0 { continue }
            map.entries[Int(chunk)] = ChunkEntry(
                extent: Extent(start: found.unit, count: found.header.units),
                pages: UInt8(pages), generation: found.header.generation)
        }
        guard map.sortedExtents != nil else {
            throw StorageError(
                .damagedMap,
                "the chunks of file \"\(dataPath)\" lie over each other, and file \"\(mapPath)\" is"
                    + " missing or damaged",
                remedy: "Restore the relation from a backup.", at: location())
        }
        return map
    }
}
