internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// How long the fork is.
extension CompressedFork {
    /// How many pages a full chunk has; a default while the fork is not open.
    var chunkPages: Int { state.withLock { $0.map.dimensions.properties.chunkPages } }

    func properties() throws(StorageError) -> ChunkProperties {
        _ = try opened()
        return state.withLock { $0.map.dimensions.properties }
    }

    func blockCount() throws(StorageError) -> UInt32 {
        do throws(StorageError) {
            _ = try opened()
        } catch {
            // A fork whose making failed has no blocks yet.
            guard (try? isUnfinished()) == true else { throw error }
            return 0
        }
        return state.withLock { $0.map.dimensions.blockCount }
    }

    /// Adds blocks of zeroes, which take no space.
    func zeroExtend(from block: BlockNumber, count: Int) throws(StorageError) {
        _ = try opened()
        try checkChangeable()
        guard count >= 0, Int(block.rawValue) + count <= Int(BlockNumber.maximumCount) else {
            throw StorageError(
                .extendFailed,
                "could not extend relation \(locator)\(fork.suffix): it can have at most"
                    + " \(BlockNumber.maximumCount) blocks",
                remedy: "Spread the data over several relations.",
                at: location(block: block.rawValue))
        }
        state.withLock { state in
            let end = block.rawValue + UInt32(count)
            guard end > state.map.dimensions.blockCount else { return }
            // A chunk may contain a page that a failed extension wrote along with it.
            if state.reachesBehindEnd { state.cut(to: state.map.dimensions.blockCount) }
            state.map.setLength(end)
            state.unrecorded.hasDimensions = true
        }
        disk.noteChange(self)
    }

    /// Cuts off blocks. Their space is free once that is durable.
    ///
    /// - Throws: `lostChunk` if chunks would remain that cannot be told from zeroes.
    func truncate(to count: UInt32) throws(StorageError) {
        try checkMapCanBeWritten()
        try whileNobodyWrites { () throws(StorageError) in
            let isDone = state.withLock { state in
                guard count < state.map.dimensions.blockCount else { return true }
                guard state.canNumber, state.canCut(to: count) else { return false }
                state.cut(to: count)
                return true
            }
            if !isDone { try checkChangeable() }
        }
        disk.noteChange(self)
    }

    /// The space that the fork takes and uses.
    func space() throws(StorageError) -> RelationSpace {
        _ = try opened()
        return state.withLock { state in
            RelationSpace(
                logicalBytes: Int(state.map.dimensions.blockCount) * blockSize,
                usedBytes: state.map.usedUnits * unitSize,
                fileBytes: Int(state.space.fileUnits) * unitSize,
                lostBytes: state.map.lostCount
                    * state.map.dimensions.properties.chunkPages * blockSize)
        }
    }

    /// Throws if a fork has lost chunks: changes would prevent putting its files back.
    ///
    /// - Throws: `lostChunk`; `damagedMap` if the fork's generations have run out, or its map
    ///   cannot be written.
    func checkChangeable() throws(StorageError) {
        try checkMapCanBeWritten()
        let (lost, canNumber) = state.withLock { state in
            (state.map.lostCount > 0 ? state.map.lostRanges.first : nil, state.canNumber)
        }
        if let lost { throw self.lost(lost, isRefusal: true) }
        guard canNumber else {
            throw StorageError(
                .damagedMap,
                "relation \(locator)\(fork.suffix) cannot be changed: the generations in its files"
                    + " have run out, which only damage can cause",
                remedy: "Copy the relation.", at: location())
        }
    }

    /// Throws if changes could not be recorded: the next sync would fail, and each one after it.
    private func checkMapCanBeWritten() throws(StorageError) {
        guard try opened().map.beginsAnew, let kind = try disk.files.kind(of: mapPath) else {
            return
        }
        let what: String
        switch kind {
        case .file:
            guard let owner = try MapFile.owner(of: mapPath, disk.files), owner != identity else {
                return
            }
            what = "the map of \(owner)"
        case .directory: what = "a directory"
        default: what = "something else than a file"
        }
        throw StorageError(
            .damagedMap,
            "relation \(locator)\(fork.suffix) cannot be changed: \(what) is in the place of"
                + " file \"\(mapPath)\"",
            remedy: "Move it to where it belongs; the file is written again.",
            at: location(path: mapPath))
    }
}
