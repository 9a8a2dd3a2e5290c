internal import AsyncIO
internal import Logging
internal import StorageManager
internal import Synchronization
internal import Threads

/// The thread that compacts forks in need of it, one after the other.
///
/// Any thread may add forks, even where IO completes: that takes a lock only briefly.
final class Compactor: Sendable {
    private struct Work {
        var forks: [ObjectIdentifier: CompressedFork] = [:]
        var isStopped = false
        var thread: OSThread?
    }

    private let work = Lock(Work())
    /// Changes with the work; the thread sleeps until it changes.
    private let changes = Atomic<UInt32>(0)
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    /// Schedules a fork for compaction.
    func add(_ fork: CompressedFork) {
        let isNew = work.withLock { work in
            if work.isStopped { return false }
            if work.thread == nil { work.thread = OSThread.start { [self] in run() } }
            return work.forks.updateValue(fork, forKey: ObjectIdentifier(fork)) == nil
        }
        if isNew { tell() }
    }

    /// Ends the thread, even during its work, and waits for that.
    func stop() {
        let thread = work.withLock { work -> OSThread? in
            work.isStopped = true
            work.forks = [:]
            return work.thread.take()
        }
        tell()
        thread?.join()
    }

    /// Accepts forks again.
    func resume() { work.withLock { $0.isStopped = false } }

    private func tell() {
        changes.add(1, ordering: .releasing)
        wake(changes, count: 1)
    }

    private var isStopped: Bool { work.withLock { $0.isStopped } }

    private func run() {
        while true {
            let seen = changes.load(ordering: .acquiring)
            let (fork, isStopped) = work.withLock { work in
                (work.forks.popFirst()?.value, work.isStopped)
            }
            if isStopped { return }
            guard let fork else {
                park(changes, expected: seen)
                continue
            }
            do throws(StorageError) {
                _ = try fork.compact { self.isStopped }
            } catch {
                // The fork was removed meanwhile.
                if error.code == .notFound { continue }
                // The error shows, and is reported, where the relation is used.
                logger.warning("could not compact: \(error)")
            }
        }
    }
}
