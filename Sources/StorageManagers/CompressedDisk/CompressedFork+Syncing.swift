internal import AsyncIO
internal import FileAccess
internal import Logging
internal import StorageManager
internal import Threads

/// Making the fork durable: first its chunks, then a record of their places. Only then is the space
/// free that changed chunks had before.
///
/// Callers must hold ``syncing`` through all steps. The manager takes many forks through the steps
/// together, so that the kernel gets the syncs of all at once.
extension CompressedFork {
    /// What must become durable, as of one moment.
    struct Frozen {
        let files: Files
        fileprivate var changes: [(chunk: UInt32, entry: ChunkEntry)] = []
        /// All unrecorded chunks, also those that have been cut off: the map still names these, and
        /// they may be part of the fork again before it is written.
        fileprivate var chunks: Set<UInt32> = []
        fileprivate var dimensions: ForkDimensions
        fileprivate var freed: [Extent]
        /// The whole map, if the map file begins anew.
        fileprivate var all: ForkMap?
        /// The trace for the data file's header.
        fileprivate var trace: ForkTrace?
    }

    /// Makes everything durable that was written before the call, and frees what it replaced.
    /// Blocks.
    ///
    /// - Throws: `syncFailed` if the state on disk is unknown. Other errors leave everything as it
    ///   was, apart from what is durable already, and it may be tried again.
    func sync() throws(StorageError) {
        try syncing.withLock { _ throws(StorageError) in
            guard let frozen = try freeze() else { return }
            do throws(StorageError) {
                // The chunks come first: the map must never name what is not there.
                try frozen.files.data.sync()
                try record(frozen)?.sync()
            } catch {
                throw thaw(frozen, error)
            }
            try finish(frozen)
        }
    }

    /// The first step: collects what has changed, and writes all of it to the data file.
    ///
    /// - Returns: nil if nothing has changed; otherwise the data file must be synced next.
    /// - Throws: what writing throws; nothing has happened then.
    func freeze() throws(StorageError) -> Frozen? {
        guard isOpen else { return nil }
        let files = try opened()
        let isLong = files.map.isLong(with: state.withLock { $0.unrecorded.chunks.count })
        let frozen = state.withLock { state -> Frozen? in
            if state.unrecorded.isEmpty { return nil }
            // Each sync has its own generation, so that a trace and a record of the map can be
            // compared.
            if state.canNumber { state.map.dimensions.nextGeneration += 1 }
            var frozen = Frozen(
                files: files, dimensions: state.map.dimensions, freed: state.space.takeReplaced(),
                all: isLong ? state.map : nil)
            frozen.chunks = state.unrecorded.chunks
            for chunk in frozen.chunks.sorted() where Int(chunk) < state.map.chunkCount {
                frozen.changes.append((chunk, state.map[Int(chunk)]))
            }
            frozen.trace = ForkTrace(state.map, state.cuts, after: state.traces.last)
            state.unrecorded = UnrecordedChanges()
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

    /// Records in the data file's header that the map file has a durable record of the last trace.
    /// Nothing waits for that: without it, a map that lacks the record looks like what a crash
    /// leaves.
    private func confirm(_ frozen: Frozen) {
        guard let unconfirmed = frozen.trace else { return }
        // In the place of the one before, so that a torn write leaves the trace that is there.
        let trace = unconfirmed.confirmed
        let traces = [unconfirmed, trace]
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
        state.withLock { state in
            state.traces = traces
            state.recordedGeneration = trace.generation
        }
    }

    /// Writes the unit in the slot's memory to the start of the data file.
    func writeHeader(_ slot: FrameSlot, _ data: VirtualFile) throws(StorageError) {
        try data.writeFully(
            unsafe UnsafeRawBufferPointer(slot.bytes(0..<unitSize)).bytes, at: 0)
    }

    /// The second step, once the data file is durable: records the chunks' places.
    ///
    /// - Returns: the file to sync next; nil if that is done.
    func record(_ frozen: Frozen) throws(StorageError) -> VirtualFile? {
        if let all = frozen.all {
            try frozen.files.map.begin(with: all)
            return nil
        }
        return try frozen.files.map.add(frozen.changes, frozen.dimensions)
    }

    /// The last step, once everything is durable: frees the old places of changed chunks.
    ///
    /// - Throws: what shortening the file throws; everything is durable nevertheless.
    func finish(_ frozen: Frozen) throws(StorageError) {
        if frozen.all == nil { frozen.files.map.settle() }
        state.withLock { state in
            for extent in state.readers.retire(frozen.freed) { state.space.units.free(extent) }
            state.mapGeneration = frozen.dimensions.nextGeneration
        }
        confirm(frozen)
        try shorten(frozen.files.data)
    }

    /// Handles a failed step: collects again what could not be made durable.
    ///
    /// - Returns: the error in the fork's words.
    func thaw(_ frozen: Frozen, _ error: StorageError) -> StorageError {
        state.withLock { state in
            state.unrecorded.chunks.formUnion(frozen.chunks)
            state.unrecorded.hasDimensions = true
            for extent in frozen.freed { state.space.replace(extent) }
        }
        disk.noteChange(self)
        return naming(error, as: error.code == .fileSyncFailed ? .syncFailed : nil)
    }

    /// Shortens the file if that is worthwhile.
    private func shorten(_ data: VirtualFile) throws(StorageError) {
        func surplus() -> (end: UInt32, units: UInt32) {
            state.withLock { $0.space.surplus }
        }
        let first = surplus()
        guard first.units > 0, first.units >= min(256, first.end / 8) else { return }
        try whileNobodyWrites { () throws(StorageError) in
            let now = surplus()
            guard now.units > 0 else { return }
            try data.truncate(to: Int64(now.end) * Int64(unitSize))
            state.withLock { $0.space.fileUnits = now.end }
        }
    }

    /// Called before a write: if too much space is held by replaced chunks, frees it now.
    func relieve() throws(StorageError) {
        let (freed, used) = state.withLock { ($0.space.replacedUnits, $0.map.usedUnits) }
        if freed > used / 4 + Self.freedAllowance { try sync() }
    }

    /// How many replaced units a small fork may have: 8 MiB.
    private static let freedAllowance = 2048
}
