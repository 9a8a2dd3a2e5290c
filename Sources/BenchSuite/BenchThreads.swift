internal import AsyncIO
internal import RelationLoader
internal import Strata
internal import Synchronization
internal import Threads

/// Operating system threads that begin their work at the same moment.
enum BenchThreads {
    /// The thread counts to compare with one thread: two, and the number of cores if that is more.
    static var counts: [Int] {
        let cores = sysconf(CInt(_SC_NPROCESSORS_ONLN))
        return cores > 2 ? [2, cores] : [2]
    }

    /// Runs the work on `count` threads. Returns the time from the common beginning to the end of
    /// the last, and the sum of the results.
    ///
    /// - Parameters:
    ///   - prepare: makes what a thread needs, on that thread, before all begin.
    ///   - work: the work to time.
    static func time<Context>(
        _ count: Int,
        prepare: @escaping @Sendable (Int) throws(BenchFailure) -> Context,
        _ work: @escaping @Sendable (Int, Context) throws(BenchFailure) -> UInt64
    ) throws(BenchFailure) -> (time: BenchTime, sum: UInt64) {
        let start = StartLine()
        var threads: [OSThread] = []
        for index in 0..<count {
            let thread = OSThread.start {
                start.run { () throws(BenchFailure) in
                    try prepare(index)
                } work: { (context) throws(BenchFailure) in
                    try work(index, context)
                }
            }
            guard let thread else { break }
            threads.append(thread)
        }
        start.waitForThreads(threads.count)
        let begin = BenchClock.reading
        start.open(to: threads.count == count)
        for thread in threads { thread.join() }
        guard threads.count == count else {
            throw .storage(
                StorageError(
                    .resourcesExhausted, "a thread could not be started",
                    remedy: "Raise the limit on the process's threads."))
        }
        if let failure = start.failure { throw failure }
        return (BenchClock.time(from: begin, to: start.end), start.sum)
    }
}

/// Where threads wait until all are ready, and the results of their work.
private final class StartLine: Sendable {
    private enum State: UInt8 { case closed, open, cancelled }

    private let ready = Atomic<Int>(0)
    private let state = Atomic<UInt8>(0)
    private let result = Lock(Result(), rank: .client)

    private struct Result {
        var sum: UInt64 = 0
        /// The latest reading of the clocks at the end of a thread's work.
        var end = BenchTime()
        var failure: BenchFailure?
    }

    var failure: BenchFailure? { result.withLock { $0.failure } }
    var sum: UInt64 { result.withLock { $0.sum } }
    var end: BenchTime { result.withLock { $0.end } }

    func waitForThreads(_ count: Int) {
        while ready.load(ordering: .acquiring) < count { sched_yield() }
    }

    func open(to all: Bool) {
        let state = all ? State.open : .cancelled
        self.state.store(state.rawValue, ordering: .releasing)
    }

    /// Runs a thread. It waits without sleeping, so that all begin together.
    func run<Context>(
        _ prepare: () throws(BenchFailure) -> Context,
        work: (Context) throws(BenchFailure) -> UInt64
    ) {
        do throws(BenchFailure) {
            let context: Context
            do throws(BenchFailure) { context = try prepare() } catch {
                ready.add(1, ordering: .releasing)
                throw error
            }
            ready.add(1, ordering: .releasing)
            while state.load(ordering: .acquiring) == State.closed.rawValue { sched_yield() }
            if state.load(ordering: .relaxed) == State.cancelled.rawValue { return }
            // Destroying the context, such as closing a session, is not timed.
            let (sum, end) = try withExtendedLifetime(context) { () throws(BenchFailure) in
                (try work(context), BenchClock.reading)
            }
            result.withLock { result in
                result.sum &+= sum
                if end.elapsed > result.end.elapsed { result.end = end }
            }
        } catch {
            result.withLock { $0.failure = $0.failure ?? error }
        }
    }
}
