internal import Synchronization
internal import Threads

/// Threads that execute some large buffered IO beside a ring, so that data the kernel has cached is
/// copied and verified on several cores.
///
/// The kernel's own threads would only copy, and leave verifying pages that are in another core's
/// cache to the session. The helpers are used while IO does not wait for a device: a ring waits for
/// a device better than any number of threads. None are started before there is such IO.
final class UringHelpers: Sendable {
    /// Smaller IO is not worth handing over, unless its completion is heavy.
    private static let leastBytes = 64 * 1024
    /// While IO waits for a device, one IO in this many is handed over, to see whether it still
    /// waits.
    private static let probeInterval = 64

    private let context: IOMethodContext
    /// All cores but the submitter's can help.
    private let limit = Processor.coreCount - 1
    private let workers: Lock<State>
    private let refused = Atomic<Int>(0)

    private enum State {
        case unneeded
        case running(WorkerMethod)
        /// The workers could not be started, or have ended.
        case none
    }

    init(_ context: IOMethodContext) {
        self.context = context
        workers = Lock(limit > 0 ? .unneeded : .none, rank: .ringHelpers)
    }

    /// Takes over an IO from its submitter if that helps. Returns whether it did; the IO is then
    /// submitted.
    func take(_ io: StagedIO, session: Int) -> Bool {
        let isWork = io.length >= Self.leastBytes || io.flags.contains(.heavyCompletion)
        guard isWork, io.flags.contains(.buffered), io.canReopen,
            io.operation == .read || io.operation == .write, let workers = start()
        else { return false }
        // Queued IO waits for a core; more of it would only wait longer.
        guard workers.queuedCount < limit else { return false }
        if !workers.isQuick, refused.add(1, ordering: .relaxed).oldValue % Self.probeInterval != 0 {
            return false
        }
        io.leaveMethod()
        let one = InlineArray<1, StagedIO>(repeating: io)
        workers.submit(one.span, session: session)
        return true
    }

    func assist(_ io: StagedIO, generation: UInt64) -> Bool {
        running?.assist(io, generation: generation) ?? false
    }

    func shutdown() {
        let running = running
        workers.withLock { $0 = .none }
        running?.shutdown()
    }

    func addStatistics(to statistics: inout IOStatistics) {
        running?.addStatistics(to: &statistics)
    }

    private var running: WorkerMethod? {
        workers.withLock { if case .running(let method) = $0 { method } else { nil } }
    }

    private func start() -> WorkerMethod? {
        workers.withLock { state in
            switch state {
            case .running(let method): return method
            case .none: return nil
            case .unneeded: break
            }
            var configuration = WorkerConfiguration()
            configuration.minimumWorkers = limit
            configuration.maximumWorkers = limit
            guard let method = try? WorkerMethod(configuration, context) else {
                state = .none
                return nil
            }
            state = .running(method)
            return method
        }
    }
}
