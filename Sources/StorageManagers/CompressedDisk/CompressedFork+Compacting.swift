internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Synchronization
internal import Threads

/// Moves chunks from the end of the data file into holes before them, so that the file can end
/// earlier.
///
/// Readers continue: a moved chunk also stays at its old place until the move is durable and
/// nothing reads it there. Writers wait at most for the move of one chunk.
extension CompressedFork {
    /// Whether the file is so much longer than its contents that compacting is worthwhile.
    var wantsCompacting: Bool {
        state.withLock { state in
            let used = UInt32(clamping: state.map.usedUnits)
            return state.map.lostCount == 0
                && state.space.units.end - Self.firstUnit > used + used / 4 + Self.smallFile
                && state.space.units.freeCount >= state.space.freeOnceCompacted + used / 16
        }
    }

    /// Files that are at most one MiB too long are not compacted.
    private static let smallFile: UInt32 = 256
    /// How much of the file may be moved before the moves are made durable.
    private static let shareMoved = 8

    /// Compacts until no chunk finds a hole, or as much was moved as the file holds: writers could
    /// make new holes for ever.
    ///
    /// - Parameter isCancelled: called sometimes; returns true to stop.
    /// - Returns: how many bytes were moved.
    /// - Throws: `damagedChunk`, once all others were moved.
    func compact(isCancelled: () -> Bool = { false }) throws(StorageError) -> Int {
        func isOver() -> Bool { isCancelled() || isForgotten.load(ordering: .relaxed) }
        return try compacting.withLock { _ throws(StorageError) in
            if isOver() { return 0 }
            _ = try opened()
            try checkChangeable()
            try sync()
            var moved = 0
            var damage: StorageError?
            let limit = state.withLock { $0.map.usedUnits } * unitSize
            while !isOver(), moved <= limit {
                let round = try compactOnce(isOver, &damage)
                try sync()
                if round == 0 { break }
                moved += round
            }
            state.withLock { $0.space.freeOnceCompacted = $0.space.units.freeCount }
            if let damage { throw damage }
            return moved
        }
    }

    /// Moves the last chunks into the first holes, up to a share of the file. Returns the number of
    /// bytes.
    private func compactOnce(_ isCancelled: () -> Bool, _ damage: inout StorageError?)
        throws(StorageError) -> Int
    {
        var (chunks, holes, budget) = state.withLock { state in
            (
                state.map.entries().map { (chunk: UInt32($0.chunk), start: $0.entry.extent.start) },
                HolesByLength(state.space.units.sortedHoles),
                max(Int(Self.smallFile), state.map.usedUnits / Self.shareMoved)
            )
        }
        var sorted = Array(chunks)
        sorted.sort { $0.start > $1.start }
        let slot = try disk.frames.take()
        defer { disk.frames.giveBack(slot) }
        var moved = 0
        for (chunk, _) in sorted {
            if budget <= 0 || isCancelled() { break }
            let units: Int?
            do throws(StorageError) {
                units = try whileWriting(chunk...chunk) { () throws(StorageError) in
                    try move(chunk, &holes, slot)
                }
            } catch {
                // It is left in place for inspection.
                guard error.code == .damagedChunk else { throw error }
                damage = damage ?? error
                continue
            }
            guard let units else { break }
            budget -= units
            moved += units * unitSize
        }
        return moved
    }

    /// Moves a chunk into the first hole before it. Returns its units, or nil if there is no hole.
    private func move(_ chunk: UInt32, _ holes: inout HolesByLength, _ slot: FrameSlot)
        throws(StorageError) -> Int?
    {
        let found = state.withLock { state -> (ChunkEntry, Extent)? in
            guard Int(chunk) < state.map.chunkCount else { return nil }
            let entry = state.map[Int(chunk)]
            guard !entry.isEmpty else { return nil }
            // A chunk that is being written will move anyway.
            if state.inFlight.newest(chunk) != nil { return (entry, Extent(start: 0, count: 0)) }
            while let hole = holes.first(of: entry.extent.count, before: entry.extent.start) {
                if let extent = state.space.units.allocate(entry.extent.count, at: hole.start) {
                    holes.use(hole, entry.extent.count)
                    return (entry, extent)
                }
                // Another thread has taken it.
                holes.remove(hole)
            }
            return nil
        }
        guard let (entry, target) = found else { return nil }
        if target.count == 0 { return 0 }
        do throws(StorageError) {
            try copy(chunk, entry, to: target, slot)
        } catch {
            state.withLock { $0.space.units.free(target) }
            throw error
        }
        state.withLock { state in
            // No other thread writes the chunk, but it may have been cut off.
            guard Int(chunk) < state.map.chunkCount,
                state.map[Int(chunk)].extent == entry.extent
            else { return state.space.units.free(target) }
            state.map[Int(chunk)].extent = target
            state.space.replace(entry.extent)
            state.unrecorded.chunks.insert(chunk)
            state.space.didWrite(upTo: target.end)
        }
        disk.noteChange(self)
        return Int(target.count)
    }

    /// - Throws: `damagedChunk`; a damaged chunk is left in place for inspection.
    private func copy(
        _ chunk: UInt32, _ entry: ChunkEntry, to target: Extent, _ slot: FrameSlot
    ) throws(StorageError) {
        let data = try opened().data
        let byteCount = Int(entry.extent.count) * unitSize
        let bytes = unsafe slot.bytes(0..<byteCount)
        do throws(StorageError) {
            let count = try unsafe data.readFully(
                into: bytes, at: Int64(entry.extent.start) * Int64(unitSize))
            guard count == byteCount, let header = ChunkHeader(slot.fields(0)),
                header.chunk == chunk, header.generation == entry.generation,
                header.units == entry.extent.count,
                slot.checksum(0, header) == header.payloadChecksum
            else {
                throw damaged(
                    chunk: chunk,
                    pages: state.withLock { $0.map.dimensions.properties.chunkPages })
            }
            try data.writeFully(
                unsafe UnsafeRawBufferPointer(bytes).bytes,
                at: Int64(target.start) * Int64(unitSize))
        } catch {
            throw naming(error)
        }
    }
}

/// The holes of a data file at one moment, to find the first that is long enough.
private struct HolesByLength {
    /// By length up to the longest chunk; longer holes are in the last list. The first hole is at
    /// the end of each list.
    private var lists: [[Extent]]

    private static let longest = HeapTransform.maximumPages * 2 + 1

    /// - Parameter holes: in the order of the file.
    init(_ holes: [Extent]) {
        lists = Array(repeating: [], count: Self.longest + 1)
        for hole in holes.reversed() {
            lists[min(Int(hole.count), Self.longest)].append(hole)
        }
    }

    /// The first hole of at least that many units before `limit`.
    func first(of count: UInt32, before limit: UInt32) -> Extent? {
        var best: Extent?
        for length in Int(count)..<lists.count {
            if let hole = lists[length].last, hole.start < best?.start ?? limit { best = hole }
        }
        return best
    }

    mutating func remove(_ hole: Extent) {
        _ = lists[min(Int(hole.count), Self.longest)].popLast()
    }

    /// Takes the first units of the first hole of its length.
    mutating func use(_ hole: Extent, _ count: UInt32) {
        remove(hole)
        guard hole.count > count else { return }
        let rest = Extent(start: hole.start + count, count: hole.count - count)
        let length = min(Int(rest.count), Self.longest)
        // Keeps the order. The remainder is short, and lists of short holes are short.
        let place = lists[length].lastIndex { $0.start > rest.start }.map { $0 + 1 } ?? 0
        lists[length].insert(rest, at: place)
    }
}
