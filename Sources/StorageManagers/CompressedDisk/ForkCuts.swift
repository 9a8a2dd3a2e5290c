/// A truncation of a fork: older chunks behind its new end are no longer part of the fork.
struct ForkCut: Equatable, Sendable {
    /// It concerns chunks of a lower generation.
    var generation: UInt64 = 0
    /// The number of chunks left.
    var chunks: UInt32 = 0
    /// The number of pages left of the last chunk; zero for all.
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

/// The cuts of a fork that still matter. Each later one has left more than those before it, since a
/// cut that leaves less implies all earlier ones.
struct CutHistory: Equatable, Sendable {
    /// The capacity of a ``ForkTrace``. The oldest cut is forgotten first. If the map is then lost,
    /// the trace's digests show what comes back.
    static let capacity = 12

    /// Sorted by generation.
    private(set) var cuts: [ForkCut] = []

    var last: ForkCut? { cuts.last }

    /// Adds a cut, of any time.
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

    /// Removes the cuts later than a generation.
    mutating func removeAll(after generation: UInt64) {
        cuts.removeAll { $0.generation > generation }
    }

    /// How many of the first `pages` of a chunk are part of the fork.
    func kept(of chunk: UInt32, generation: UInt64, _ pages: Int) -> Int {
        // The first later cut has left the least.
        cuts.first { $0.generation > generation }?.kept(of: chunk, pages) ?? pages
    }
}
