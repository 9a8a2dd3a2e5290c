internal import AsyncIO
internal import FileAccess

/// The segments of started writes, until the writes are done and the segments are registered for
/// the next sync.
///
/// Registering when a write starts would be too early: a checkpoint might sync the file and strike
/// it off before the write has reached it. So a write carries a ticket, and whoever completes it
/// registers its file before anyone can take its pages for clean. Any thread; the lock is held for
/// a few instructions. Room is made by ``add(_:)`` alone, so completion never allocates here.
final class WriteLedger: Sendable {
    private struct Entries {
        var files: [VirtualFile?] = []
        var free: [Int] = []
    }

    private let entries = Lock(Entries())
    private let queue: SyncQueue

    init(_ queue: SyncQueue) { self.queue = queue }

    /// Notes a write that is about to start.
    ///
    /// - Returns: its ticket, never zero.
    func add(_ file: VirtualFile) -> UInt64 {
        entries.withLock { entries in
            if let position = entries.free.popLast() {
                entries.files[position] = file
                return UInt64(position) + 1
            }
            entries.files.append(file)
            // So that giving the ticket back finds room.
            entries.free.reserveCapacity(entries.files.count)
            return UInt64(entries.files.count)
        }
    }

    /// Registers the file of a write that is over, or was not started after all.
    func finish(_ ticket: UInt64) {
        let file = entries.withLock { entries -> VirtualFile? in
            guard ticket > 0, ticket <= entries.files.count else { return nil }
            let position = Int(ticket - 1)
            guard let file = entries.files[position].take() else { return nil }
            entries.free.append(position)
            return file
        }
        if let file { queue.register(file) }
    }
}
