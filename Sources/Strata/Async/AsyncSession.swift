internal import AsyncIO
internal import Synchronization
internal import Threads

/// What tasks read and change pages with, any number of them at a time.
///
/// ```swift
/// let session = try engine.makeAsyncSession(.engineThread)
/// let page = try await relation.page(block, session: session)
/// let text = try await page.withView { view in … }
/// await session.close()
/// ```
///
/// A page that is in the pool is pinned without suspending. For one that is not the task waits, and
/// no thread does. IO that was asked for at about the same time is started as one batch by who
/// serves the session (``AsyncService``). Tasks that need a buffer or an IO handle when there is
/// none queue, first come, first served, within the limits of ``AsyncSessionOptions``.
///
/// Any thread. One that goes out of use closes by itself, ``close()`` waits for that.
public final class AsyncSession: Sendable {
    /// The store.
    public let engine: Engine
    let core: AsyncCore
    /// For sessions that the caller serves.
    private let polled: Polled?

    private final class Polled: Sendable {
        let bell: Doorbell
        let isBusy = Atomic<Bool>(false)
        init() throws(StorageError) { bell = try Doorbell.open() }
    }

    init(_ engine: Engine, _ service: AsyncService, _ options: AsyncSessionOptions)
        throws(StorageError)
    {
        try options.validate()
        self.engine = engine
        let parts = engine.asyncParts
        let needsThread = if case .engineThread = service { true } else { false }
        let own = try parts.begin(engine.system, needsThread: needsThread)
        var serving: RingExecutor?
        do throws(StorageError) {
            let session = try engine.makeSession()
            if case .polling = service {
                let polled = try Polled()
                self.polled = polled
                // The descriptor tells of completions, too, where they are found by asking.
                _ = engine.system.method.signalCompletions(
                    of: session.index, to: polled.bell.descriptor)
                core = AsyncCore(
                    engine, session, options, wakeLoop: { polled.bell.ring() },
                    ended: { _ in parts.sessionEnded() })
            } else {
                polled = nil
                let executor: RingExecutor
                if case .executor(let chosen) = service {
                    executor = chosen
                } else if let own {
                    executor = own
                } else {
                    preconditionFailure("the engine has its own executor by now")
                }
                core = AsyncCore(
                    engine, session, options, wakeLoop: { executor.ring() },
                    ended: { core in
                        executor.detach(core)
                        parts.sessionEnded()
                    })
                serving = executor
            }
        } catch {
            parts.sessionEnded()
            throw error
        }
        do throws(StorageError) { try serving?.attach(core) } catch {
            core.end()
            throw error
        }
    }

    deinit {
        if polled != nil {
            // Whoever served it cannot do so any more. Waits for IO that nobody waits for.
            core.end()
        } else {
            CloseWork(core).post()
        }
    }

    /// Takes nothing more, waits for what is under way, and gives the session back.
    ///
    /// Pages stay pinned; streams that are still used throw `closed`. Where the caller serves the
    /// session, it goes on doing so until this returns. Calling it again does nothing.
    public func close() async {
        if core.isClosing.load(ordering: .acquiring) { return }
        let work = CloseWork(core)
        await work.task.waitUncancelled { work.post() }
    }

    /// How many tasks wait in the session now. Any thread.
    public var waitingCount: Int { core.waiting.load(ordering: .relaxed) }
}

extension AsyncSession {
    /// A descriptor that is readable when ``process()`` has something to do; for loops that watch
    /// many. Only of sessions served by ``AsyncService/polling``; it is not read, written or closed
    /// by others.
    ///
    /// Under io_uring the kernel signals completions to it, under the other methods whoever has
    /// executed the IO.
    ///
    /// - Throws: `misuse` for a session that is served otherwise.
    public var descriptor: CInt {
        get throws(StorageError) { try polling().bell.descriptor }
    }

    /// Starts what tasks have asked for, takes what has completed, and resumes them; never waits
    /// for IO, but for that of a method which executes it in its submitter (`sync`).
    ///
    /// To be called when ``descriptor`` is readable, and after the time that is returned; by one
    /// thread at a time, and more often does no harm.
    ///
    /// - Returns: after how long it wants to be called at the latest, even if the descriptor is not
    ///   readable; nil if only then.
    /// - Throws: `misuse` for a session that is served otherwise.
    @discardableResult
    public func process() throws(StorageError) -> Duration? {
        let polled = try polling()
        // Whoever is at it sees what there is to do.
        if polled.isBusy.exchange(true, ordering: .acquiringAndReleasing) { return nil }
        defer { polled.isBusy.store(false, ordering: .releasing) }
        polled.bell.clear()
        var next: UInt64?
        for _ in 0..<Self.turns {
            polled.bell.wakeUp()
            next = core.turn()
            if next != 0, polled.bell.fallAsleep() {
                if core.retriesWatched {
                    let retry = Clock.monotonicNanoseconds &+ AsyncCore.retryDelay
                    next = min(next ?? retry, retry)
                }
                return next.map { end in
                    let now = Clock.monotonicNanoseconds
                    return .nanoseconds(end > now ? Int64(clamping: end - now) : 0)
                }
            }
        }
        return .zero
    }

    /// How many turns one call takes while there is more to do.
    private static let turns = 4

    private func polling() throws(StorageError) -> Polled {
        guard let polled else {
            throw StorageError(
                .misuse, "the asynchronous session is served by a thread already",
                remedy: "Make it with AsyncService.polling to serve it by a loop of your own.")
        }
        return polled
    }
}

extension Engine {
    /// Opens a session for tasks.
    ///
    /// The first one of an engine also starts one thread that does what has no asynchronous form;
    /// it ends with ``close()``.
    ///
    /// - Parameters:
    ///   - service: who does the session's work.
    ///   - options: its limits.
    /// - Throws: `resourcesExhausted` when ``EngineOptions/maximumSessions`` are open or no thread
    ///   can be started, `invalidConfiguration`, `closed`.
    public func makeAsyncSession(
        _ service: AsyncService, options: AsyncSessionOptions = AsyncSessionOptions()
    ) throws(StorageError) -> AsyncSession {
        try AsyncSession(self, service, options)
    }

    /// Opens a session for tasks that an executor's thread serves; as
    /// ``makeAsyncSession(_:options:)``.
    public func makeAsyncSession(
        on executor: RingExecutor, options: AsyncSessionOptions = AsyncSessionOptions()
    ) throws(StorageError) -> AsyncSession {
        try makeAsyncSession(.executor(executor), options: options)
    }
}
