/// A time that a fork was made shorter: older chunks behind its new end are no longer part of it.
struct ForkCut: Equatable, Sendable {
    /// Chunks of a lower generation are meant.
    var generation: UInt64 = 0
    /// How many chunks were left.
    var chunks: UInt32 = 0
    /// How many pages of the last of them were left; zero for all.
    var lastPages: UInt32 = 0

    /// Grows with how much was left.
    fileprivate var reach: UInt64 {
        UInt64(chunks) << 8 &- (lastPages == 0 ? 0 : 256 &- UInt64(min(lastPages, 255)))
    }

    /// How many of the first `pages` of an older chunk were left.
    fileprivate func kept(of chunk: UInt32, _ pages: Int) -> Int {
        if chunk >= chunks { return 0 }
        if lastPages == 0 || chunk + 1 < chunks { return pages }
        return min(pages, Int(lastPages))
    }
}

/// The cuts of a fork that still say something: each later one has left more than those before it,
/// as a cut that leaves less says all that they did.
struct CutHistory: Equatable, Sendable {
    /// What ``ForkTrace`` has room for. The oldest one is forgotten first; should the map be lost,
    /// the trace's digests tell of what comes back then.
    static let capacity = 12

    /// By generation.
    private(set) var cuts: [ForkCut] = []

    var last: ForkCut? { cuts.last }

    /// Takes note of a cut, whenever it was.
    mutating func add(_ cut: ForkCut) {
        let isSaid = cuts.contains {
            $0.generation >= cut.generation && $0.reach <= cut.reach
        }
        if cut.generation == 0 || isSaid { return }
        cuts.removeAll { $0.generation <= cut.generation && $0.reach >= cut.reach }
        let place = cuts.firstIndex { $0.generation > cut.generation } ?? cuts.count
        cuts.insert(cut, at: place)
        if cuts.count > Self.capacity { cuts.removeFirst() }
    }

    /// Forgets cuts later than a generation.
    mutating func removeAll(after generation: UInt64) {
        cuts.removeAll { $0.generation > generation }
    }

    /// How many of the first `pages` of a chunk are part of the fork.
    func kept(of chunk: UInt32, generation: UInt64, _ pages: Int) -> Int {
        // The first later one has left the least.
        cuts.first { $0.generation > generation }?.kept(of: chunk, pages) ?? pages
    }
}
