internal import AsyncIO
internal import Logging
internal import StorageManager
internal import Threads

/// The thread that compacts forks in need of it, one after the other.
///
/// Any thread may add forks, even where IO completes: that takes a lock only briefly.
final class Compactor: Sendable {
    private struct Work {
        var forks: [ObjectIdentifier: CompressedFork] = [:]
        var isStopped = false
        var thread: ServiceThread?
    }

    private let work = Lock(Work(), rank: .compactorWork)
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    /// Schedules a fork for compaction.
    func add(_ fork: CompressedFork) {
        let thread = work.withLock { work -> ServiceThread? in
            if work.isStopped { return nil }
            if work.thread == nil { work.thread = ServiceThread.start { [self] in run($0) } }
            let isNew = work.forks.updateValue(fork, forKey: ObjectIdentifier(fork)) == nil
            return isNew ? work.thread : nil
        }
        thread?.ring()
    }

    /// Ends the thread, even during its work, and waits for that.
    func stop() {
        let thread = work.withLock { work -> ServiceThread? in
            work.isStopped = true
            work.forks = [:]
            return work.thread.take()
        }
        thread?.end()
    }

    /// Accepts forks again.
    func resume() { work.withLock { $0.isStopped = false } }

    private func run(_ thread: ServiceThread) {
        while true {
            let seen = thread.rings
            if thread.isEnding { return }
            guard let fork = work.withLock({ $0.forks.popFirst()?.value }) else {
                thread.sleep(since: seen)
                continue
            }
            do throws(StorageError) {
                _ = try fork.compact { thread.isEnding }
            } catch {
                // The fork was removed meanwhile.
                if error.code == .notFound { continue }
                // The error shows, and is reported, where the relation is used.
                logger.warning("could not compact: \(error)")
            }
        }
    }
}
