internal import Synchronization
internal import Threads

/// Keeps the bytes read per second below a limit by sleeping. Time that was not used is not made
/// good later, except for a moment's.
struct RatePacer {
    private let bytesPerSecond: Double
    private let clock = ContinuousClock()
    /// The bytes read so far are due at this time.
    private var due: ContinuousClock.Instant
    private var gathered = 0

    /// Bytes are gathered before the clock is read.
    private static let step = 128 << 10
    private static let mostCredit: Duration = .milliseconds(250)
    private static let leastSleep: Duration = .milliseconds(2)

    init(bytesPerSecond: Int) {
        self.bytesPerSecond = Double(max(1, bytesPerSecond))
        due = clock.now
    }

    /// Sleeps if bytes were read too soon.
    mutating func read(_ bytes: Int) {
        gathered += bytes
        if gathered < Self.step { return }
        due += .seconds(Double(gathered) / bytesPerSecond)
        gathered = 0
        due = max(due, clock.now - Self.mostCredit)
        while due - clock.now > Self.leastSleep {
            park(Atomic<UInt32>(0), expected: 0, atMost: due - clock.now)
        }
    }
}

/// Sleeps for that long.
func pause(_ duration: Duration) {
    let clock = ContinuousClock()
    let end = clock.now + duration
    while clock.now < end { park(Atomic<UInt32>(0), expected: 0, atMost: end - clock.now) }
}
