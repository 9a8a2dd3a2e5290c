import Foundation
import Strata
import Synchronization

/// The thread that makes a checkpoint whenever the log has become long.
final class Checkpointer: @unchecked Sendable {
    private let monitor = Monitor()
    private var isWanted = false
    private var isEnding = false
    private var hasThread = false
    private var hasEnded = false
    /// So that those who ask often do not take the lock.
    private let isRequested = Atomic<Bool>(false)

    func start(_ store: KeyValueStore) {
        hasThread = true
        let thread = Thread { [weak store] in
            while self.waitForRequest() {
                guard let store else { break }
                // An error shows again when the store is closed; the log only gets longer.
                try? store.checkpoint()
                self.isRequested.store(false, ordering: .relaxed)
            }
            self.monitor.locked {
                self.hasEnded = true
                self.monitor.signal()
            }
        }
        thread.start()
    }

    /// Asks for a checkpoint soon.
    func request() {
        if isRequested.exchange(true, ordering: .relaxed) { return }
        monitor.locked {
            isWanted = true
            monitor.signal()
        }
    }

    private func waitForRequest() -> Bool {
        monitor.locked {
            while !isWanted && !isEnding { monitor.wait() }
            isWanted = false
            return !isEnding
        }
    }

    /// Ends the thread, after the checkpoint that it makes.
    func stop() {
        monitor.locked {
            isEnding = true
            monitor.signal()
            while hasThread && !hasEnded { monitor.wait() }
        }
    }
}
