/// Which chunks of a fork take space, in a few bytes: to tell later whether all of them were found.
struct StoredChunks: Equatable, Sendable {
    /// How many.
    private(set) var count: UInt32 = 0
    /// The sum of a hash of each.
    private(set) var digest: UInt64 = 0

    init() {}

    init(count: UInt32, digest: UInt64) {
        self.count = count
        self.digest = digest
    }

    mutating func add(_ chunk: Int) {
        count += 1
        digest &+= Self.hash(chunk)
    }

    mutating func remove(_ chunk: Int) {
        count -= 1
        digest &-= Self.hash(chunk)
    }

    /// The finalizer of SplitMix64.
    private static func hash(_ chunk: Int) -> UInt64 {
        var bits = (UInt64(chunk) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
        return bits ^ bits >> 31
    }
}
