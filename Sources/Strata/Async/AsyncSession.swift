internal import AsyncIO
internal import Synchronization
internal import Threads

/// A session with which any number of tasks read and change pages.
///
/// ```swift
/// let session = try engine.makeAsyncSession(.engineThread)
/// let page = try await relation.page(block, session: session)
/// let text = try await page.withView { view in … }
/// await session.close()
/// ```
///
/// A page in the pool is pinned without suspending. For any other page the task waits without
/// blocking a thread. IO requested at about the same time is started as one batch by the session's
/// `AsyncService`. Tasks that need a buffer or an IO handle when none is free queue in order of
/// arrival, within the limits of `AsyncSessionOptions`.
///
/// Any thread may use it. A session without references closes by itself; ``close()`` waits for
/// that.
public final class AsyncSession: Sendable {
    /// The store.
    public let engine: Engine
    let core: AsyncCore
    /// The state of a session that the caller serves.
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
                // If completions are found by polling, the descriptor reports them too.
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
            // The serving loop is gone. This waits for IO that no task waits for.
            core.end()
        } else {
            CloseWork(core).post()
        }
    }

    /// Refuses new requests, waits for those in progress, and gives back the session.
    ///
    /// Pages stay pinned; streams in use throw `closed`. A caller that serves the session must
    /// continue until this returns. Calling it again does nothing.
    public func close() async {
        if core.isClosing.load(ordering: .acquiring) { return }
        let work = CloseWork(core)
        await work.task.waitUncancelled { work.post() }
    }

    /// How many tasks wait in the session now. Any thread.
    public var waitingCount: Int { core.waiting.load(ordering: .relaxed) }
}

extension AsyncSession {
    /// A descriptor that is readable when ``process()`` has something to do, for loops that watch
    /// many descriptors. Only for sessions served by `AsyncService.polling`. Other code must not
    /// read, write or close it.
    ///
    /// Under io_uring the kernel signals completions to it; under the other methods the thread that
    /// has executed the IO does.
    ///
    /// - Throws: `misuse` if the session is served otherwise.
    public var descriptor: CInt {
        get throws(StorageError) { try polling().bell.descriptor }
    }

    /// Starts what tasks have asked for, takes completions, and resumes the tasks. Never waits for
    /// IO, except under a method that executes it in its submitter (`sync`).
    ///
    /// Call it when ``descriptor`` is readable, and after the returned time. One thread at a time
    /// may call it. Extra calls are harmless.
    ///
    /// - Returns: the longest time until the next call, even if the descriptor is not readable; nil
    ///   if only the descriptor matters.
    /// - Throws: `misuse` if the session is served otherwise.
    @discardableResult
    public func process() throws(StorageError) -> Duration? {
        let polled = try polling()
        // The thread that is busy sees the new work.
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
    /// The first session of an engine also starts one thread for work without an asynchronous form.
    /// It ends with ``close()``.
    ///
    /// - Parameters:
    ///   - service: what serves the session.
    ///   - options: its limits.
    /// - Throws: `resourcesExhausted` if `EngineOptions/maximumSessions` are open or no thread
    ///   can be started, `invalidConfiguration`, `closed`.
    public func makeAsyncSession(
        _ service: AsyncService, options: AsyncSessionOptions = AsyncSessionOptions()
    ) throws(StorageError) -> AsyncSession {
        try AsyncSession(self, service, options)
    }

    /// Opens a session for tasks, served by an executor's thread, like
    /// ``makeAsyncSession(_:options:)``.
    public func makeAsyncSession(
        on executor: RingExecutor, options: AsyncSessionOptions = AsyncSessionOptions()
    ) throws(StorageError) -> AsyncSession {
        try makeAsyncSession(.executor(executor), options: options)
    }
}
