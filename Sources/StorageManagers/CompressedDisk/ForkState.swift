/// What a fork's space is used for: the units of its data file. Under the fork's state.
///
/// A changed chunk's earlier place is *replaced*: it may be given out again only once the change is
/// durable and all reads that may have begun before are over.
struct ForkSpace {
    /// What is used and what is free.
    var units = FreeSpace(origin: CompressedFork.firstUnit)
    /// What changed chunks took before, since the last sync.
    private(set) var replaced: [Extent] = []
    /// How many units that is.
    private(set) var replacedUnits = 0
    /// How many units were free when the fork was compacted last: no more could be done then.
    var freeOnceCompacted: UInt32 = 0
    /// How long the data file is, in units, as far as is known.
    var fileUnits: UInt32 = 0

    /// Takes note of a place that a changed chunk had.
    mutating func replace(_ extent: Extent) {
        replaced.append(extent)
        replacedUnits += Int(extent.count)
    }

    /// Places that were replaced, for a sync that makes the changes durable.
    mutating func takeReplaced() -> [Extent] {
        defer { (replaced, replacedUnits) = ([], 0) }
        return replaced
    }

    /// The data file has been written up to that unit.
    mutating func didWrite(upTo end: UInt32) { fileUnits = max(fileUnits, end) }

    /// Where the used units end, and how many the file has behind them.
    var surplus: (end: UInt32, units: UInt32) {
        (units.end, fileUnits - min(fileUnits, units.end))
    }
}

/// What of a fork its map file lacks. Under the fork's state.
struct UnrecordedChanges {
    /// Chunks whose entries it lacks.
    var chunks: Set<UInt32> = []
    /// Whether the dimensions are among them.
    var hasDimensions = false

    var isEmpty: Bool { chunks.isEmpty && !hasDimensions }
}

/// A chunk in the memory of a slot from which it is about to be written.
struct FrameInFlight {
    let slot: FrameSlot
    let part: FrameSlot.Part
}

/// The chunks of a fork that are being written. Under the fork's state.
struct ChunksInFlight {
    /// By chunk; no entry for one that is not being written.
    private var frames: [UInt32: [FrameInFlight]] = [:]

    var isEmpty: Bool { frames.isEmpty }

    /// The forms of a chunk that are being written, the newest last.
    func forms(of chunk: UInt32) -> [FrameInFlight] { frames[chunk, default: []] }

    /// The newest of them.
    func newest(_ chunk: UInt32) -> FrameInFlight? { frames[chunk]?.last }

    mutating func begin(_ part: FrameSlot.Part, of slot: FrameSlot) {
        frames[part.chunk, default: []].append(FrameInFlight(slot: slot, part: part))
    }

    mutating func end(_ chunk: UInt32, of slot: FrameSlot) {
        frames[chunk]?.removeAll { $0.slot === slot }
        if frames[chunk]?.isEmpty == true { frames[chunk] = nil }
    }
}
