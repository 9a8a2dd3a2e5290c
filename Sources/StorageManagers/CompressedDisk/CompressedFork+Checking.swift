internal import AsyncIO
internal import FileAccess
internal import StorageManager

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
                    remedy: "It does no harm yet; copy the relation to mend it.",
                    at: location()))
        }
        let chunkPages = chunkPages
        let count = state.withLock { $0.map.entries.count }
        for chunk in 0..<UInt32(count) {
            let entry = state.withLock { state -> (entry: ChunkEntry, turn: ReaderTurns.Turn)? in
                guard Int(chunk) < state.map.entries.count else { return nil }
                let entry = state.map.entries[Int(chunk)]
                return entry.isEmpty ? nil : (entry, state.readers.begin())
            }
            guard let (entry, turn) = entry else { continue }
            defer {
                state.withLock { state in
                    for extent in state.readers.end(turn) { state.space.free(extent) }
                }
            }
            if try !isSound(chunk, entry, files.data, slot) {
                found(damaged(chunk: chunk, pages: chunkPages))
            }
        }
    }

    private func hasSoundHeader(_ data: VirtualFile, _ slot: FrameSlot) throws(StorageError)
        -> Bool
    {
        do throws(StorageError) {
            let count = try unsafe data.readFully(into: slot.bytes(0..<unitSize), at: 0)
            return count == unitSize && DataFileHeader(slot.fields(0), identity)?.isWhole == true
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
                    .damagedMap, "file \"\(mapPath)\" is damaged: \(what)",
                    remedy: "It does no harm yet; copy the relation to mend it.",
                    at: location(path: mapPath)))
        }
        let reading: MapReading?
        do throws(StorageError) {
            // While nothing is added to it.
            reading = try syncing.withLock { _ throws(StorageError) in
                let units = UInt32(clamping: try files.data.size() / Int64(unitSize))
                return try MapFile.read(self, units: units)?.1
            }
        } catch {
            throw naming(error, as: .readFailed)
        }
        guard let reading else { return report("it tells nothing") }
        for text in reading.mended { report(text) }
        if reading.tornBytes > 0 { report("\(reading.tornBytes) bytes at its end are no record") }
    }
}
