internal import AsyncIO
internal import FileAccess
internal import Threads

/// The segments of started writes, until the writes complete and register their segments for the
/// next sync.
///
/// Registering when a write starts would be too early: a checkpoint might sync the file and remove
/// the entry before the write reached the file. So a write carries a ticket, and its completion
/// registers the file before anyone can take its pages for clean. Safe to use from any thread; the
/// lock is held for a few instructions. Only ``add(_:)`` makes room, so completion never allocates
/// here.
final class WriteLedger: Sendable {
    private struct Entries {
        var files: [VirtualFile?] = []
        var free: [Int] = []
    }

    private let entries = Lock(Entries(), rank: .writeLedger)
    private let queue: SyncQueue

    init(_ queue: SyncQueue) { self.queue = queue }

    /// Records a write that is about to start.
    ///
    /// - Returns: its ticket, never zero.
    func add(_ file: VirtualFile) -> UInt64 {
        entries.withLock { entries in
            if let position = entries.free.popLast() {
                entries.files[position] = file
                return UInt64(position) + 1
            }
            entries.files.append(file)
            // Makes room for giving the ticket back.
            entries.free.reserveCapacity(entries.files.count)
            return UInt64(entries.files.count)
        }
    }

    /// Registers the file of a write that completed or failed to start.
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
