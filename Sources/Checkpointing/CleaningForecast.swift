/// Estimates how many buffers will be needed until the next round of a background writer, and
/// how many ahead of the clock hand are clean already. Positions are the hand's: they are not
/// wrapped.
///
/// The estimate rises at once with demand and falls slowly. The number of buffers per reusable one
/// is a moving average. Mirrors the estimates of PostgreSQL's `BgBufferSync`.
package struct CleaningForecast {
    private let count: UInt64
    private let multiplier: Double
    /// The least number of buffers to look at per round, so that an idle pool becomes clean.
    private let leastScan: Double

    private var isPrimed = false
    private var hand: UInt64 = 0
    /// The next buffer to look at.
    private var next: UInt64 = 0
    /// How many buffers had been given out at the last round.
    package private(set) var seenAllocations: UInt64 = 0
    private var smoothedAllocations = 0.0
    /// How many buffers the hand passes for each that it gives out.
    private var smoothedDensity = 10.0

    /// The number of rounds that averages cover.
    private static let samples = 16.0
    /// The longest time in which to look at the whole pool.
    private static let wholePool = Duration.seconds(120)

    /// Makes a forecast.
    ///
    /// - Parameters:
    ///   - count: the number of buffers.
    ///   - multiplier: how many buffers to clean for each that is expected to be needed.
    ///   - delay: the time between two rounds.
    package init(count: Int, multiplier: Double, delay: Duration) {
        self.count = UInt64(count)
        self.multiplier = multiplier
        leastScan = Double(count) / max(1, Self.wholePool / delay)
    }

    /// One round: how many reusable buffers to find, and how many to look at.
    package struct Round {
        /// The next buffer to look at.
        package fileprivate(set) var next: UInt64
        fileprivate let first: UInt64
        fileprivate let end: UInt64
        fileprivate let expected: Double
        fileprivate var reusable: Double
        fileprivate let wanted: Double
        /// Whether the hand has stood still and the whole pool has been looked at.
        package let isIdle: Bool

        /// Whether to look at another buffer.
        package var wantsMore: Bool { next < end && reusable < wanted }

        /// Goes past a buffer that was looked at.
        package mutating func pass(_ isReusable: Bool) {
            next += 1
            if isReusable { reusable += 1 }
        }
    }

    /// Begins a round.
    ///
    /// - Parameters:
    ///   - hand: where the clock hand stands.
    ///   - allocations: the total number of buffers given out.
    package mutating func begin(hand: UInt64, allocations: UInt64) -> Round {
        let recent = isPrimed ? Double(allocations - seenAllocations) : 0
        let moved = isPrimed ? Double(hand - self.hand) : 0
        // A writer that fell behind the hand starts over at the hand.
        if !isPrimed || next < hand { next = hand }
        (self.hand, seenAllocations, isPrimed) = (hand, allocations, true)
        learn(passed: moved, found: recent)
        let reusable = Double(next - hand) / smoothedDensity
        if smoothedAllocations <= recent {
            smoothedAllocations = recent
        } else {
            smoothedAllocations += (recent - smoothedAllocations) / Self.samples
        }
        let upcoming = smoothedAllocations * multiplier
        // Far below one, only arithmetic would continue.
        if upcoming < 0.5 { smoothedAllocations = 0 }
        // Never a lap ahead of the hand.
        let end = max(next, hand + count)
        return Round(
            next: next, first: next, end: end, expected: reusable, reusable: reusable,
            wanted: max(upcoming, leastScan + reusable), isIdle: next == end && recent == 0)
    }

    /// Ends a round, and learns from it.
    package mutating func end(_ round: Round) {
        learn(passed: Double(round.next - round.first), found: round.reusable - round.expected)
        next = round.next
    }

    private mutating func learn(passed: Double, found: Double) {
        guard passed > 0, found > 0 else { return }
        smoothedDensity += (passed / found - smoothedDensity) / Self.samples
    }
}
