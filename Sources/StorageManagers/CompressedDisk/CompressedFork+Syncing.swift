internal import AsyncIO
internal import FileAccess
internal import Logging
internal import StorageManager
internal import Threads

/// Making the fork durable: its chunks first, then a record of where they are, and only then is the
/// space free that changed chunks had before.
///
/// Callers hold ``syncing`` through all steps; the manager takes many forks from step to step
/// together, so that the kernel has the syncs of all to do at once.
extension CompressedFork {
    /// What is to be made durable, as it was at one moment.
    struct Frozen {
        let files: Files
        fileprivate var changes: [(chunk: UInt32, entry: ChunkEntry)] = []
        fileprivate var dimensions: ForkDimensions
        fileprivate var freed: [Extent]
        /// The whole map, where the map file begins anew.
        fileprivate var all: ForkMap?
        /// What the data file's header is to tell.
        fileprivate var trace: ForkTrace?
    }

    /// Makes all that was written before the call durable, and frees what it replaced. Blocks.
    ///
    /// - Throws: `syncFailed` when it is not known what is on disk; other errors leave all as it
    ///   was but for what is durable, and it may be tried again.
    func sync() throws(StorageError) {
        try syncing.withLock { _ throws(StorageError) in
            guard let frozen = try freeze() else { return }
            do throws(StorageError) {
                // The chunks first: the map must never name what is not there.
                try frozen.files.data.sync()
                try record(frozen)?.sync()
            } catch {
                throw thaw(frozen, error)
            }
            try finish(frozen)
        }
    }

    /// The first step: notes what has changed, and puts all of it into the data file.
    ///
    /// - Returns: nil where nothing has changed; else the data file is to be synced next.
    /// - Throws: what writing throws; nothing has happened then.
    func freeze() throws(StorageError) -> Frozen? {
        guard isOpen else { return nil }
        let files = try opened()
        let isLong = files.map.isLong(with: state.withLock { $0.changed.count })
        let frozen = state.withLock { state -> Frozen? in
            if state.changed.isEmpty && !state.hasChangedDimensions { return nil }
            // Each sync has its own, so that a trace and a record of the map can be compared.
            if state.canNumber { state.map.dimensions.nextGeneration += 1 }
            var frozen = Frozen(
                files: files, dimensions: state.map.dimensions, freed: state.freed,
                all: isLong ? state.map : nil)
            for chunk in state.changed.sorted() where Int(chunk) < state.map.chunkCount {
                frozen.changes.append((chunk, state.map[Int(chunk)]))
            }
            frozen.trace = ForkTrace(state.map, state.cuts, after: state.traces.last)
            state.changed = []
            state.hasChangedDimensions = false
            state.freed = []
            state.freedUnits = 0
            return frozen
        }
        if let frozen, let trace = frozen.trace {
            do throws(StorageError) { try write(trace, frozen) } catch {
                throw thaw(frozen, error)
            }
        }
        return frozen
    }

    private func write(_ trace: ForkTrace, _ frozen: Frozen) throws(StorageError) {
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        let earlier = Array(
            state.withLock { $0.traces }.filter { $0.number < trace.number }.suffix(1))
        DataFileHeader.store(
            frozen.dimensions.properties, identity, slot.fields(0), traces: earlier + [trace])
        try writeHeader(slot, frozen.files.data)
        state.withLock { $0.traces = earlier + [trace] }
    }

    /// Has the data file's header say that the map file has a record of the last trace, which is
    /// durable. Nothing waits for that: where it is missing, a map without that record looks like
    /// what a crash leaves.
    private func confirm(_ frozen: Frozen) {
        guard var trace = frozen.trace else { return }
        trace.isRecorded = true
        let traces = Array(state.withLock { $0.traces }.dropLast()) + [trace]
        do throws(StorageError) {
            let slot = try disk.frames.take()
            defer { disk.frames.giveBack(slot) }
            DataFileHeader.store(
                frozen.dimensions.properties, identity, slot.fields(0), traces: traces)
            try writeHeader(slot, frozen.files.data)
        } catch {
            disk.logger.debug("could not note that a map was written: \(error)")
            return
        }
        let confirmed = trace
        state.withLock { state in
            state.traces = traces
            state.recordedGeneration = confirmed.generation
        }
    }

    /// Writes the unit that was made in the slot's memory to the start of the data file.
    func writeHeader(_ slot: FrameSlot, _ data: VirtualFile) throws(StorageError) {
        try data.writeFully(
            unsafe UnsafeRawBufferPointer(slot.bytes(0..<unitSize)).bytes, at: 0)
    }

    /// The second step, once the data file is durable: writes down where the chunks are.
    ///
    /// - Returns: the file to be synced next; nil where that is done.
    func record(_ frozen: Frozen) throws(StorageError) -> VirtualFile? {
        if let all = frozen.all {
            try frozen.files.map.begin(with: all)
            return nil
        }
        return try frozen.files.map.add(frozen.changes, frozen.dimensions)
    }

    /// The last step, once all is durable: what changed chunks had before is free.
    ///
    /// - Throws: what making the file shorter throws; all is durable nevertheless.
    func finish(_ frozen: Frozen) throws(StorageError) {
        if frozen.all == nil { frozen.files.map.settle() }
        state.withLock { state in
            for extent in state.readers.retire(frozen.freed) { state.space.free(extent) }
        }
        confirm(frozen)
        try shorten(frozen.files.data)
    }

    /// In the place of a step that failed: notes again what could not be made durable.
    ///
    /// - Returns: the error in the fork's words.
    func thaw(_ frozen: Frozen, _ error: StorageError) -> StorageError {
        state.withLock { state in
            state.changed.formUnion(frozen.changes.map(\.chunk))
            state.hasChangedDimensions = true
            state.freed += frozen.freed
            state.freedUnits = state.freed.reduce(0) { $0 + Int($1.count) }
        }
        disk.noteChange(self)
        return naming(error, as: error.code == .fileSyncFailed ? .syncFailed : nil)
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
        let (freed, used) = state.withLock { ($0.freedUnits, $0.map.usedUnits) }
        if freed > used / 4 + Self.freedAllowance { try sync() }
    }

    /// How many replaced units a small fork may have: 8 MiB.
    private static let freedAllowance = 2048
}
