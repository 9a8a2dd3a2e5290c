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
            unsafe slot.bytes(0..<unitSize).initializeMemory(as: UInt8.self, repeating: 0)
            DataFileHeader.store(properties, identity, slot.fields(0))
            let unit = unsafe UnsafeRawBufferPointer(slot.bytes(0..<unitSize))
            guard try unsafe data.write(unit, at: 0) == unitSize else {
                throw StorageError(
                    .fileWriteFailed, "could not write the header of file \"\(dataPath)\"",
                    remedy: "Free space on the file system, and try again.", at: location())
            }
            var map = ForkMap()
            map.dimensions.properties = properties
            let mapFile = try MapFile.create(self, map)
            let start = map
            state.withLock { state in
                state = State()
                state.map = start
                state.fileUnits = Self.firstUnit
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
            var found = try MapFile.open(self)
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
                map = try rebuild(data, units)
                let blocks = map.dimensions.blockCount
                disk.logger.warning(
                    """
                    file "\(mapPath)" is missing or damaged; it was put together from the chunks, \
                    which make \(blocks) blocks
                    """)
                mapFile = try MapFile.create(self, map)
            }
            take(map, units)
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

    private func take(_ map: ForkMap, _ units: UInt32) {
        let space = FreeSpace(origin: Self.firstUnit, used: map.sortedExtents ?? [])
        let used = map.usedUnits
        state.withLock { state in
            state = State()
            state.map = map
            state.space = space
            state.usedUnits = used
            state.fileUnits = units
        }
    }

    /// Looks for chunks in all of the data file: of each the newest that is part of the fork.
    ///
    /// What a truncation has cut off and no later chunk tells of comes back; chunks of zeroes at the
    /// end, which take no space, do not.
    ///
    /// - Complexity: reads the whole file's headers.
    private func rebuild(_ data: VirtualFile, _ units: UInt32) throws(StorageError) -> ForkMap {
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        func read(_ unit: UInt32) throws(StorageError) -> RawFields {
            let bytes = unsafe slot.bytes(0..<unitSize)
            _ = try unsafe data.read(into: bytes, at: Int64(unit) * Int64(unitSize))
            return slot.fields(0)
        }
        guard units > 0, let properties = DataFileHeader.read(try read(0), identity) else {
            throw StorageError(
                .damagedMap,
                "the header of file \"\(dataPath)\" is damaged, and file \"\(mapPath)\" is missing"
                    + " or damaged",
                remedy: "Restore the relation from a backup.", at: location())
        }
        var newest: [UInt32: (header: ChunkHeader, unit: UInt32)] = [:]
        var cut = ForkCut()
        var unit = Self.firstUnit
        while unit < units {
            guard let header = ChunkHeader(try read(unit)), header.identity == identity,
                header.pageCount <= properties.chunkPages,
                Int(header.chunk) < Int(BlockNumber.maximumCount) / properties.chunkPages + 1,
                unit + header.units <= units
            else {
                unit += 1
                continue
            }
            if (newest[header.chunk]?.header.generation ?? 0) <= header.generation {
                newest[header.chunk] = (header, unit)
            }
            if header.cut.generation > cut.generation { cut = header.cut }
            // An older chunk may have begun within one that lies over it, never the other way.
            unit += header.units
        }
        newest = newest.filter {
            $0.key < cut.chunks || $0.value.header.generation >= cut.generation
        }
        var map = ForkMap()
        map.dimensions.properties = properties
        map.dimensions.cut = cut
        let last = newest.values.max { $0.header.generation < $1.header.generation }?.header
        map.dimensions.blockCount = min(last?.blockCount ?? 0, BlockNumber.maximumCount)
        map.dimensions.nextGeneration = max(last?.generation ?? 0, cut.generation) + 1
        map.resize()
        for (chunk, found) in newest where Int(chunk) < map.entries.count {
            let first = Int(chunk) * properties.chunkPages
            let pages = min(found.header.pageCount, Int(map.dimensions.blockCount) - first)
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
