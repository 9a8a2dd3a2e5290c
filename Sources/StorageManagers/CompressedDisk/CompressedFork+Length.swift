internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// How long the fork is, and what it is made durable with.
extension CompressedFork {
    /// How many pages a full chunk has; a guess while the fork is not open.
    var chunkPages: Int { state.withLock { $0.map.dimensions.properties.chunkPages } }

    func blockCount() throws(StorageError) -> UInt32 {
        _ = try opened()
        return state.withLock { $0.map.dimensions.blockCount }
    }

    /// Adds blocks of zeroes, which take no space.
    func zeroExtend(from block: BlockNumber, count: Int) throws(StorageError) {
        _ = try opened()
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
            state.map.dimensions.blockCount = end
            state.map.resize()
            state.hasChangedDimensions = true
        }
        disk.noteChange(self)
    }

    /// Cuts off blocks. Their space is free once that is durable.
    func truncate(to count: UInt32) throws(StorageError) {
        _ = try opened()
        whileNobodyWrites {
            state.withLock { state in
                guard count < state.map.dimensions.blockCount else { return }
                let pages = state.map.dimensions.properties.chunkPages
                state.map.dimensions.blockCount = count
                let kept = state.map.dimensions.chunkCount
                for chunk in kept..<state.map.entries.count {
                    let entry = state.map.entries[chunk]
                    if entry.isEmpty { continue }
                    // Should it exist again by the next sync, the map file has to learn that it is
                    // not the old one.
                    state.changed.insert(UInt32(chunk))
                    state.freed.append(entry.extent)
                    state.freedUnits += Int(entry.extent.count)
                    state.usedUnits -= Int(entry.extent.count)
                }
                state.map.resize()
                // What a later extension adds to the last chunk is to be zeroes.
                let rest = UInt8(Int(count) % pages)
                if rest > 0, state.map.entries[kept - 1].pages > rest {
                    state.map.entries[kept - 1].pages = rest
                    state.changed.insert(UInt32(kept - 1))
                }
                state.map.dimensions.cut = ForkCut(
                    generation: state.map.dimensions.nextGeneration, chunks: UInt32(kept))
                state.map.dimensions.nextGeneration += 1
                state.hasChangedDimensions = true
            }
        }
        disk.noteChange(self)
    }

    /// What is to be made durable, as it was at one moment.
    private struct Frozen {
        var changes: [(chunk: UInt32, entry: ChunkEntry)]
        var dimensions: ForkDimensions
        var freed: [Extent]
        /// The whole map, where the map file begins anew.
        var all: ForkMap?
    }

    /// Makes all that was written before the call durable, and frees what it replaced. Blocks.
    ///
    /// - Throws: `syncFailed` when it is not known what is on disk; other errors leave all as it was
    ///   but for what is durable, and it may be tried again.
    func sync() throws(StorageError) {
        guard isOpen else { return }
        let files = try opened()
        try syncing.withLock { _ throws(StorageError) in
            guard let frozen = freeze(files.map) else { return }
            do throws(StorageError) {
                // The chunks first: the map must never name what is not there.
                try files.data.sync()
                if let all = frozen.all {
                    try files.map.begin(with: all)
                } else {
                    try files.map.record(frozen.changes, frozen.dimensions)
                }
            } catch {
                thaw(frozen)
                throw naming(error, as: error.code == .fileSyncFailed ? .syncFailed : nil)
            }
            state.withLock { state in
                for extent in state.readers.retire(frozen.freed) { state.space.free(extent) }
            }
            try shorten(files.data)
        }
    }

    private func freeze(_ mapFile: MapFile) -> Frozen? {
        let isLong = mapFile.isLong(with: state.withLock { $0.changed.count })
        return state.withLock { state in
            if state.changed.isEmpty && !state.hasChangedDimensions { return nil }
            var frozen = Frozen(
                changes: [], dimensions: state.map.dimensions, freed: state.freed,
                all: isLong ? state.map : nil)
            for chunk in state.changed.sorted() where Int(chunk) < state.map.entries.count {
                frozen.changes.append((chunk, state.map.entries[Int(chunk)]))
            }
            state.changed = []
            state.hasChangedDimensions = false
            state.freed = []
            state.freedUnits = 0
            return frozen
        }
    }

    /// Notes again what could not be made durable.
    private func thaw(_ frozen: Frozen) {
        state.withLock { state in
            state.changed.formUnion(frozen.changes.map(\.chunk))
            state.hasChangedDimensions = true
            state.freed += frozen.freed
            state.freedUnits = state.freed.reduce(0) { $0 + Int($1.count) }
        }
        disk.noteChange(self)
    }

    /// Gives the end of the file back, if that is worth it.
    private func shorten(_ data: VirtualFile) throws(StorageError) {
        func surplus() -> (end: UInt32, units: UInt32) {
            state.withLock { ($0.space.end, $0.fileUnits - min($0.fileUnits, $0.space.end)) }
        }
        let first = surplus()
        guard first.units > 0, first.units >= min(256, first.end / 8) else { return }
        try whileNobodyWrites { () throws(StorageError) in
            let now = surplus()
            guard now.units > 0 else { return }
            try data.truncate(to: Int64(now.end) * Int64(unitSize))
            state.withLock { $0.fileUnits = now.end }
        }
    }

    /// Before a write: has what was replaced become too much, it is made free now.
    func relieve() throws(StorageError) {
        let (freed, used) = state.withLock { ($0.freedUnits, $0.usedUnits) }
        if freed > used / 4 + Self.freedAllowance { try sync() }
    }

    /// How many replaced units a small fork may have: 8 MiB.
    private static let freedAllowance = 2048

    /// What the fork takes and holds.
    func space() throws(StorageError) -> RelationSpace {
        _ = try opened()
        return state.withLock { state in
            RelationSpace(
                logicalBytes: Int(state.map.dimensions.blockCount) * blockSize,
                usedBytes: state.usedUnits * unitSize,
                fileBytes: Int(state.fileUnits) * unitSize)
        }
    }
}
