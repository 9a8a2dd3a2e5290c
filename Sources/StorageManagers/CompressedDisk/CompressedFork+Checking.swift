internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// Looking for damage.
extension CompressedFork {
    /// Reads the map file again, and every chunk.
    func check(_ found: (StorageError) -> Void) throws(StorageError) {
        let files = try opened()
        try checkMap(files, found)
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        if try !hasSoundHeader(files.data, slot) {
            found(
                StorageError(
                    .damagedChunk, "the header of file \"\(dataPath)\" is damaged",
                    remedy: "The next sync of a change writes it again. It does no harm until"
                        + " then.",
                    at: location()))
        }
        for range in state.withLock({ $0.map }).lostRanges { found(lost(range)) }
        let chunkPages = chunkPages
        var next = 0
        while let (chunk, entry, turn) = beginReading(from: next) {
            next = Int(chunk) + 1
            defer {
                state.withLock { state in
                    for extent in state.readers.end(turn) { state.space.units.free(extent) }
                }
            }
            if try !isSound(chunk, entry, files.data, slot) {
                found(damaged(chunk: chunk, pages: chunkPages))
            }
        }
    }

    /// The next chunk that has something to read. Reading it has begun when this returns.
    private func beginReading(from first: Int) -> (UInt32, ChunkEntry, ReaderTurns.Turn)? {
        state.withLock { state in
            for (chunk, entry) in state.map.entries(from: first) where !entry.isLost {
                return (UInt32(chunk), entry, state.readers.begin())
            }
            return nil
        }
    }

    /// Whether the header is whole, or has the trace that belongs to the map at least: a write that
    /// failed or was cut short may have left part of a later one.
    private func hasSoundHeader(_ data: VirtualFile, _ slot: FrameSlot) throws(StorageError)
        -> Bool
    {
        do throws(StorageError) {
            let count = try unsafe data.readFully(into: slot.bytes(0..<unitSize), at: 0)
            guard count == unitSize, let header = DataFileHeader(slot.fields(0), identity) else {
                return false
            }
            let generation = state.withLock { $0.mapGeneration }
            return header.isWhole || header.trace.map { $0.generation >= generation } == true
        } catch {
            throw naming(error, as: .readFailed)
        }
    }

    private func isSound(
        _ chunk: UInt32, _ entry: ChunkEntry, _ data: VirtualFile, _ slot: FrameSlot
    ) throws(StorageError) -> Bool {
        let byteCount = Int(entry.extent.count) * unitSize
        let length: Int
        do throws(StorageError) {
            length = try unsafe data.readFully(
                into: slot.bytes(0..<byteCount),
                at: Int64(entry.extent.start) * Int64(unitSize))
        } catch {
            throw naming(error, as: .readFailed)
        }
        let start = (HeapTransform.maximumPages * 2 + 1) * unitSize
        let memory = unsafe slot.bytes(start..<start + HeapTransform.maximumPages * blockSize)
        let pages = (0..<Int(entry.pages)).map { position in
            unsafe PageAddress(memory.baseAddress! + position * blockSize)
        }
        let part = FrameSlot.Part(
            chunk: chunk, entry: entry, offset: 0, wanted: 0..<Int(entry.pages), position: 0)
        return slot.decode(part, identity, length: length, by: slot.decoder, into: pages.span)
    }

    private func checkMap(_ files: Files, _ found: (StorageError) -> Void)
        throws(StorageError)
    {
        func report(_ what: String) {
            found(
                StorageError(
                    .damagedMap, "file \"\(mapPath)\" \(what)",
                    remedy: "The next sync of a change writes it again if no chunk is lost.",
                    at: location(path: mapPath)))
        }
        let reading: MapReading?
        do throws(StorageError) {
            // No record may be added meanwhile.
            reading = try syncing.withLock { _ throws(StorageError) in
                try MapFile.read(self)?.reading
            }
        } catch {
            throw naming(error, as: .readFailed)
        }
        guard let reading, reading.map.sortedExtents != nil else {
            return report("is missing, or tells nothing")
        }
        let recorded = state.withLock { $0.recordedGeneration }
        if reading.map.dimensions.nextGeneration < recorded {
            return report("has lost its last records, which were durable")
        }
        // What a crash may have left of the last record is not damage.
        for text in reading.mended { report("is damaged: \(text)") }
    }
}
