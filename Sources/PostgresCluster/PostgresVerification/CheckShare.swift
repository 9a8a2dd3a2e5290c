internal import PostgresReading
internal import Synchronization
internal import Threads

/// What the threads of a check share. Any thread.
final class CheckShare: Sendable {
    let directory: DataDirectory
    let isDeep: Bool
    let log: TransactionLog
    let server: ServerWatch
    private let pacer: RatePacer?
    /// Bytes read so far.
    private let bytes = Atomic<UInt64>(0)

    init(_ directory: DataDirectory, _ options: ClusterVerificationOptions) {
        self.directory = directory
        isDeep = options.isDeep
        log = TransactionLog(directory)
        server = ServerWatch(directory)
        pacer = options.bytesPerSecond.map { RatePacer(bytesPerSecond: $0) }
    }

    /// Bytes are gathered before they are counted here, so that threads seldom meet.
    static let step = 128 << 10

    var readBytes: UInt64 { bytes.load(ordering: .relaxed) }

    /// Counts bytes, and sleeps if they were read too soon.
    ///
    /// - Parameter isRepeated: whether they were counted before, so that they are no progress.
    func read(_ count: Int, isRepeated: Bool) {
        if !isRepeated { bytes.add(UInt64(count), ordering: .relaxed) }
        pacer?.read(count)
    }
}

/// Knows whether a server may be changing the files. Any thread.
final class ServerWatch: Sendable {
    private let directory: DataDirectory
    private let isRunning = Atomic<Bool>(false)

    init(_ directory: DataDirectory) { self.directory = directory }

    /// Whether a server may be changing the files: it runs or has crashed. Asked when something
    /// looks wrong, since a server may also have been started during the check.
    func mayChange() -> Bool {
        if isRunning.load(ordering: .relaxed) { return true }
        let control = (try? directory.currentControl()) ?? directory.control
        let mayChange =
            control.state == .notShutDown || directory.control.state == .notShutDown
        if mayChange { isRunning.store(true, ordering: .relaxed) }
        return mayChange
    }
}

/// Keeps the bytes that all threads read per second below a limit by letting them sleep. Time that
/// was not used is not made good later, except for a moment's. Any thread.
final class RatePacer: Sendable {
    private let nanosecondsPerByte: Double
    /// The bytes read so far are due at this time of the monotonic clock.
    private let due: Atomic<UInt64>

    private static let mostCredit: UInt64 = 250_000_000
    private static let leastSleep: UInt64 = 2_000_000

    init(bytesPerSecond: Int) {
        nanosecondsPerByte = 1e9 / Double(max(1, bytesPerSecond))
        due = Atomic(Clock.monotonicNanoseconds)
    }

    /// Sleeps if the bytes were read too soon.
    func read(_ bytes: Int) {
        let cost = UInt64(Double(bytes) * nanosecondsPerByte)
        var last = due.load(ordering: .relaxed)
        while true {
            let now = Clock.monotonicNanoseconds
            let next = max(last &+ cost, now - min(now, Self.mostCredit))
            let (isDone, found) = due.compareExchange(
                expected: last, desired: next, ordering: .relaxed)
            if isDone {
                if next > now + Self.leastSleep { Clock.sleep(until: next) }
                return
            }
            last = found
        }
    }
}

/// Sleeps for that long.
func pause(_ duration: Duration) {
    Clock.sleep(
        until: Clock.monotonicNanoseconds + UInt64(max(0, duration / .nanoseconds(1))))
}
