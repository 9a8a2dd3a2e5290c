/// A small summary of which chunks of a fork take space, and in which generation. It shows later
/// whether the found chunks are all of them, and whether one is older.
///
/// Chunks are in groups of neighbours, whose size lets ``groupCount`` groups cover all. So a lost
/// chunk makes only its own group doubtful, and in a fork of so few chunks only itself. Each call
/// takes constant time.
struct StoredChunks: Equatable, Sendable {
    static let groupCount = 32
    /// Enough for the longest possible fork.
    static let maximumShift: UInt32 = 26

    /// The number of chunks.
    private(set) var count: UInt32 = 0
    /// A group has two to the power of this many chunks.
    private(set) var shift: UInt32 = 0
    /// For each group, the sum of a hash of its chunks.
    private(set) var groups = [UInt64](repeating: 0, count: groupCount)

    init() {}

    /// Decodes stored values; nil if they are impossible.
    init?(count: UInt32, shift: UInt32, groups: [UInt64]) {
        guard groups.count == Self.groupCount, shift <= Self.maximumShift else { return nil }
        (self.count, self.shift, self.groups) = (count, shift, groups)
    }

    mutating func add(_ chunk: Int, generation: UInt64) {
        while chunk >> Int(shift) >= Self.groupCount { widen() }
        count += 1
        groups[group(of: chunk)] &+= Self.hash(chunk, generation: generation)
    }

    /// Removes a chunk that was added.
    mutating func remove(_ chunk: Int, generation: UInt64) {
        count -= 1
        groups[group(of: chunk)] &-= Self.hash(chunk, generation: generation)
    }

    /// The group of a chunk; ``groupCount`` or more if it lies behind all added chunks.
    func group(of chunk: Int) -> Int { chunk >> Int(shift) }

    /// Merges groups in pairs.
    private mutating func widen() {
        for group in 0..<Self.groupCount {
            let first = 2 * group
            groups[group] =
                first + 1 < Self.groupCount ? groups[first] &+ groups[first + 1] : 0
        }
        shift += 1
    }

    /// What a chunk adds to its group.
    static func hash(_ chunk: Int, generation: UInt64) -> UInt64 {
        mix(mix(UInt64(chunk) &+ 1) ^ generation)
    }

    /// The output of SplitMix64 for a state.
    fileprivate static func mix(_ state: UInt64) -> UInt64 {
        var bits = state &* 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}

/// What files of version 3 record of the chunks that take space: only their numbers.
struct StoredNumbers: Equatable, Sendable {
    let count: UInt32
    let digest: UInt64

    init(count: UInt32, digest: UInt64) {
        (self.count, self.digest) = (count, digest)
    }

    /// Summarises a map. O(fork).
    init(_ map: ForkMap) {
        count = map.stored.count
        digest = map.entries().reduce(0) { $0 &+ StoredChunks.mix(UInt64($1.chunk) &+ 1) }
    }
}
