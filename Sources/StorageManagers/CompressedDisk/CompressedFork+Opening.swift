internal import AsyncIO
internal import FileAccess
internal import Logging
internal import StorageManager
internal import Threads

/// Creating a fork, and opening it again.
extension CompressedFork {
    /// Creates the files of a new, empty fork.
    ///
    /// - Throws: `alreadyExists`, or what creating files throws.
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
            try begin(properties, data)
        } catch {
            _ = try? disk.files.remove(dataPath, ifExists: true)
            throw naming(error)
        }
        disk.noteChange(self)
        disk.syncQueue.registerDirectory(of: dataPath)
    }

    /// Whether the fork was never created as a whole: its data file is empty, and it has no map.
    func isUnfinished() throws(StorageError) -> Bool {
        guard let status = try disk.files.status(of: dataPath), status.kind == .file,
            status.size == 0
        else { return false }
        return try !disk.files.exists(mapPath)
    }

    /// Removes the data file of a fork that was never created as a whole. Returns whether it was
    /// one.
    func removeUnfinished() throws(StorageError) -> Bool {
        do throws(StorageError) {
            guard try isUnfinished() else { return false }
            return try disk.files.remove(dataPath, ifExists: true)
        } catch {
            throw naming(error)
        }
    }

    /// Writes the first contents of a new fork's files. An existing map file is left alone: it may
    /// be all that is left of another fork.
    private func begin(_ properties: ChunkProperties, _ data: VirtualFile) throws(StorageError) {
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
            // The record is not durable yet.
            state.unrecorded.hasDimensions = true
        }
        adopt(Files(data: data, map: mapFile))
    }

    /// Opens the files and reads the map, or rebuilds it from the chunks, in memory. Nothing on
    /// disk changes before the user changes something. No other thread may open the fork meanwhile.
    func open() throws(StorageError) -> Files {
        let data: VirtualFile
        do throws(StorageError) {
            data = try disk.files.open(dataPath)
        } catch {
            throw error.errorNumber == ENOENT ? missing() : naming(error)
        }
        do throws(StorageError) {
            let units = try unitCount(data)
            let header = try readHeader(data)
            let found = try readMap(header)
            var map: ForkMap
            if let found {
                map = found.reading.map
                map.markLost(behind: units)
                if map.lostCount > 0, let lost = map.lostRanges.first {
                    disk.logger.error("\(self.lost(lost, of: map, units))")
                }
            } else {
                map = try rebuild(data, units, header)
                tellRebuilt(map)
            }
            take(map, units, header)
            return Files(data: data, map: MapFile(self, found))
        } catch {
            throw naming(error)
        }
    }

    /// The error for a fork that does not exist.
    func missing() -> StorageError {
        StorageError(
            .notFound, "could not open file \"\(dataPath)\"",
            remedy: "The fork does not exist, or its file was lost: restore it.",
            at: location(), errorNumber: ENOENT)
    }

    /// The length of the data file in units, without a partial unit at the end.
    ///
    /// - Throws: `damagedChunk` if the file is longer than is possible.
    private func unitCount(_ data: VirtualFile) throws(StorageError) -> UInt32 {
        let size = try data.size()
        guard let units = UInt32(exactly: size / Int64(unitSize)) else {
            throw StorageError(
                .damagedChunk,
                "file \"\(dataPath)\" has \(size) bytes, more than the 16 TiB that a"
                    + " compressed fork can have",
                remedy: "Restore the relation from a backup.", at: location())
        }
        return units
    }

    /// Reads the map file, if possible.
    private func readMap(_ header: DataFileHeader?) throws(StorageError) -> (
        file: VirtualFile, reading: MapReading
    )? {
        guard let found = try MapFile.read(self) else { return nil }
        let reading = found.reading
        // Chunks must not overlap, however valid the checksums are.
        if reading.map.sortedExtents == nil { return nil }
        let generation = reading.map.dimensions.nextGeneration
        // Its missing part was durable, so it is damaged.
        if generation < header?.recordedGeneration ?? 0 { return nil }
        if reading.tornBytes > 0 || generation < header?.trace?.generation ?? 0 {
            disk.logger.notice(
                """
                file "\(mapPath)" has no record of what was written last, which a crash leaves; \
                \(dataPath) is taken to be as of the record before
                """)
        }
        for text in reading.mended {
            disk.logger.warning("file \"\(mapPath)\" is damaged, which did no harm: \(text)")
        }
        if reading.isUnpaired {
            disk.logger.warning(
                """
                file "\(mapPath)" has one sound copy of its last record, which a crash or damage \
                leaves; the next sync of a change writes the file anew
                """)
        }
        return found
    }

    private func tellRebuilt(_ map: ForkMap) {
        let blocks = map.dimensions.blockCount
        let rest =
            map.lostCount == 0
            ? "; the next sync of a change writes the file anew"
            : ", of which \(map.lostCount) chunks were not found: they cannot be read, and nothing"
                + " can be written"
        disk.logger.warning(
            """
            file "\(mapPath)" is missing or damaged; it was put together from the chunks, which \
            make \(blocks) blocks\(rest)
            """)
    }

    /// Reads the first unit of the data file; nil if it is damaged.
    ///
    /// - Throws: `damagedChunk` if it is another fork's.
    private func readHeader(_ data: VirtualFile) throws(StorageError) -> DataFileHeader? {
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        let count = try unsafe data.readFully(into: slot.bytes(0..<unitSize), at: 0)
        guard count == unitSize else { return nil }
        // A change would overwrite what the other fork has.
        if let owner = DataFileHeader.owner(of: slot.fields(0)), owner != identity {
            throw foreign(dataPath, owner, .damagedChunk)
        }
        return DataFileHeader(slot.fields(0), identity)
    }

    private func foreign(_ path: String, _ owner: ChunkIdentity, _ code: StorageError.Code)
        -> StorageError
    {
        StorageError(
            code, "file \"\(path)\" is one of \(owner), and not of this one",
            remedy: "Put the files back in their places; nothing in them was changed.",
            at: location(path: path))
    }

    /// Throws if a file in the place of one of the fork's tells that it is another fork's. Files
    /// that tell nothing, also because they cannot be read, pass.
    ///
    /// - Throws: `damagedChunk`, `damagedMap`; exhausted descriptors or memory.
    func checkFilesAreOwn() throws(StorageError) {
        do throws(StorageError) {
            if try disk.files.kind(of: dataPath) == .file {
                _ = try readHeader(try disk.files.open(dataPath, .readOnly))
            }
            if try disk.files.kind(of: mapPath) == .file,
                let owner = try MapFile.owner(of: mapPath, disk.files), owner != identity
            {
                throw foreign(mapPath, owner, .damagedMap)
            }
        } catch {
            switch error.code {
            case .damagedChunk, .damagedMap, .resourcesExhausted: throw error
            default: break
            }
        }
    }

    private func take(_ found: ForkMap, _ units: UInt32, _ header: DataFileHeader?) {
        var map = found
        // Chunks that a crash has cut off from the map keep their generations. No later chunk may
        // have one of those, since without the map the newest copy of each chunk counts.
        map.dimensions.nextGeneration = min(
            map.dimensions.nextGeneration + Self.generationsLost, ChunkHeader.lastGeneration)
        let space = FreeSpace(origin: Self.firstUnit, used: map.sortedExtents ?? [])
        var cuts = header?.trace?.cuts ?? CutHistory()
        cuts.add(map.dimensions.cut)
        // A cut that a crash has removed from the map's record did not happen.
        cuts.removeAll(after: map.dimensions.cut.generation)
        if header?.isWhole != true {
            disk.logger.warning(
                """
                the header of file "\(dataPath)" is damaged, which did no harm; the next sync of a \
                change writes it anew
                """)
        }
        let taken = map
        state.withLock { state in
            state.begin(taken, fileUnits: units)
            state.space.units = space
            state.cuts = cuts
            state.traces = header?.traces ?? []
            state.recordedGeneration = header?.recordedGeneration ?? 0
            state.mapGeneration = found.dimensions.nextGeneration
        }
    }

    /// More chunks than are written between two syncs.
    private static let generationsLost: UInt64 = 1 << 32
}
