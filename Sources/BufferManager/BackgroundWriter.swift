public import AsyncIO
public import Checkpointing
internal import StorageManager
internal import Synchronization
internal import Threads

/// Writes dirty pages before the clock hand reaches them, so that a session that needs a buffer
/// finds a clean one.
///
/// It estimates how many to write from how many buffers were given out recently. It has no thread:
/// its owner calls ``step()`` repeatedly, on a thread of its own (as `Strata`'s engine does) or
/// between other work. Belongs to its session's thread. Mirrors PostgreSQL's `BgBufferSync`.
public final class BackgroundWriter {
    private let manager: BufferManager
    private let pool: BufferPool
    private let options: BackgroundWriterOptions
    private let writer: PageWriter
    private var forecast: CleaningForecast

    /// Makes a writer for a manager's shared pool.
    public init(
        _ manager: BufferManager, session: Session,
        options: BackgroundWriterOptions = BackgroundWriterOptions()
    ) {
        self.manager = manager
        self.options = options
        pool = manager.shared
        writer = PageWriter(pool, session)
        forecast = CleaningForecast(
            count: pool.count, multiplier: options.multiplier, delay: options.delay)
        manager.backgroundSessions.add(1, ordering: .relaxed)
    }

    deinit { manager.backgroundSessions.subtract(1, ordering: .relaxed) }

    /// When to run the next round.
    public enum Outcome: Sendable, Hashable {
        /// After the delay.
        case done
        /// At once: this round stopped at its limit of pages.
        case behind
        /// Not before a buffer is given out again.
        case idle
    }

    /// Runs one round: writes as many pages as will be needed soon, and waits for the writes.
    ///
    /// - Throws: the first error of a storage or the log, after which the pages stay dirty and the
    ///   next round tries again; `storeFailed` after a failed sync.
    @discardableResult
    public func step() throws(StorageError) -> Outcome {
        try pool.gate.check()
        var round = forecast.begin(
            hand: pool.hand.load(ordering: .relaxed),
            allocations: pool.allocations.load(ordering: .relaxed))
        writer.begin(.background)
        var written = 0
        var isBehind = false
        while round.wantsMore {
            let index = Int(round.next % UInt64(pool.count))
            let buffer = pool.buffer(index)
            let state = buffer.state
            // Neither pinned nor used recently: the hand will take it.
            let isReusable = state.pins == 0 && state.usage == 0
            if isReusable, state.has(BufferState.dirty) {
                written += write(index, buffer.tag)
            }
            round.pass(isReusable)
            if written >= options.maximumPages {
                unsafe BufferCounters.count(
                    pool.tally(writer.session).pointee.backgroundStops)
                isBehind = true
                break
            }
        }
        forecast.end(round)
        do throws(StorageError) { try writer.finish() } catch {
            // The checkpoint tells of refused pages.
            if error.code != .pageRefused { throw error }
        }
        return isBehind ? .behind : round.isIdle ? .idle : .done
    }

    private func write(_ index: Int, _ tag: PageTag) -> Int {
        guard writer.prepare(index, tag, hurried: true), let write = writer.prepared.writes.last
        else { return 0 }
        if writer.isBatchFull { writer.launch(alone: false) }
        return write.count
    }

    /// Sleeps until buffers are given out again, ``BufferManager/wakeBackgroundWriter()`` is
    /// called, or `duration` is over.
    ///
    /// - Parameters:
    ///   - duration: the longest sleep.
    ///   - isEnding: asked before sleeping; returns at once if it returns true. Code that makes it
    ///     true must wake the writer afterwards.
    public func sleepWhileIdle(atMost duration: Duration, unless isEnding: () -> Bool) {
        let seen = pool.cleanerSignal.load(ordering: .acquiring)
        pool.cleanerSleeps.store(true, ordering: .sequentiallyConsistent)
        if pool.allocations.load(ordering: .sequentiallyConsistent) == forecast.seenAllocations,
            !isEnding()
        {
            park(pool.cleanerSignal, expected: seen, atMost: duration)
        }
        pool.cleanerSleeps.store(false, ordering: .relaxed)
    }
}

extension BufferPool {
    @inline(never)
    func wakeCleaner() {
        cleanerSleeps.store(false, ordering: .relaxed)
        cleanerSignal.wrappingAdd(1, ordering: .releasing)
        wake(cleanerSignal, count: 1)
    }
}

extension BufferManager {
    /// Ends a ``BackgroundWriter/sleepWhileIdle(atMost:unless:)``. Safe to call from any thread.
    public func wakeBackgroundWriter() { shared.wakeCleaner() }
}
