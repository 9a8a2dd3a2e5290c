internal import StorageManager

/// The places of a fork's chunks: the contents of its map file, in memory.
///
/// A plain value; its owner synchronises threads. Each call takes constant time regardless of the
/// fork's length, unless stated otherwise.
struct ForkMap: Sendable {
    /// The fork's properties besides its chunks. Change the length with ``setLength(_:)``.
    var dimensions = ForkDimensions()
    /// The state of chunks without an entry: zeroes, or lost if that is unknown.
    var absent = ChunkEntry.empty
    /// Which chunks take space.
    private(set) var stored = StoredChunks()
    /// How many units they take.
    private(set) var usedUnits = 0
    /// How many of them are lost.
    private var lostEntries = 0
    private var table = ChunkTable()

    /// How many chunks there are.
    var chunkCount: Int { dimensions.chunkCount }

    /// How many chunks are lost.
    var lostCount: Int {
        absent.isLost ? chunkCount - Int(stored.count) + lostEntries : lostEntries
    }

    /// The entry of a chunk below ``chunkCount``.
    subscript(chunk: Int) -> ChunkEntry {
        get {
            let entry = table[chunk]
            return entry == .empty ? absent : entry
        }
        set {
            let old = table[chunk]
            // The map file records only this distinction.
            let new = newValue.isEmpty ? .empty : newValue
            if !old.isEmpty { stored.remove(chunk, generation: old.generation) }
            if !new.isEmpty { stored.add(chunk, generation: new.generation) }
            usedUnits += Int(new.extent.count) - Int(old.extent.count)
            lostEntries += (new.isLost ? 1 : 0) - (old.isLost ? 1 : 0)
            table[chunk] = new
        }
    }

    /// The chunks that take space, from one on, in order.
    func entries(from first: Int = 0) -> ChunkTable.Entries { table.entries(from: first) }

    /// Sets the fork's length; chunks behind its end are forgotten. O(what is cut off).
    mutating func setLength(_ blockCount: UInt32) {
        dimensions.blockCount = blockCount
        // Backwards, since removing from a leaf's end is cheapest.
        for (chunk, _) in Array(entries(from: chunkCount)).reversed() { self[chunk] = .empty }
        if lostCount == 0 { absent = .empty }
    }

    /// The extents in the order of the file; nil if two of them share a unit.
    /// O(chunks × log chunks).
    var sortedExtents: [Extent]? {
        var extents: [Extent] = []
        extents.reserveCapacity(Int(stored.count))
        for (_, entry) in entries() { extents.append(entry.extent) }
        extents.sort { $0.start < $1.start }
        for (one, next) in zip(extents, extents.dropFirst()) where one.end > next.start {
            return nil
        }
        return extents
    }

    /// Marks chunks as lost that lie behind the end of a file of that many units. O(fork).
    mutating func markLost(behind units: UInt32) {
        for (chunk, entry) in entries() where entry.extent.end > units {
            self[chunk].isLost = true
        }
    }

    /// The lost chunks in order, with neighbours joined. O(fork), whatever its length.
    var lostRanges: [Range<UInt32>] {
        var ranges: [Range<UInt32>] = []
        func add(_ first: UInt32, _ end: UInt32) {
            if first == end { return }
            if let last = ranges.last, last.upperBound == first {
                ranges[ranges.count - 1] = last.lowerBound..<end
            } else {
                ranges.append(first..<end)
            }
        }
        var next: UInt32 = 0
        for (chunk, entry) in entries() {
            let chunk = UInt32(chunk)
            if absent.isLost { add(next, chunk) }
            next = chunk + 1
            if entry.isLost { add(chunk, next) }
        }
        if absent.isLost { add(next, UInt32(chunkCount)) }
        return ranges
    }
}
