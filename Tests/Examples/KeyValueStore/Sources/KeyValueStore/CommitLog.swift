import Strata
import Synchronization

/// The write-ahead log: records in memory, written in the order in which they came, and made
/// durable for many at a time.
///
/// **Positions.** The log is one sequence of bytes that never begins again; a position in it is an
/// `LSN`. Pages carry the end of the last record that changed them.
///
/// **Group commit.** A thread that needs the log durable becomes the leader if there is none: it
/// takes everything that is in memory, writes and syncs it, and wakes the others. Threads that come
/// meanwhile wait; one sync serves all of them next. A leader first waits a moment if the last sync
/// served several: the others are probably about to come.
///
/// A sync that failed is final: nobody knows what the disk has. All calls throw from then on.
final class CommitLog: WriteAheadLog, @unchecked Sendable {
    private let files: LogFiles
    private let monitor = Monitor()
    private let bufferSize: Int

    // Guarded by `monitor`.
    private var active: UnsafeMutableRawPointer
    private var spare: UnsafeMutableRawPointer
    private var activeCount = 0
    private var activeStart: UInt64 = 0
    private var isWriting = false
    private var failure: StorageError?
    private(set) var life: UInt32 = 0
    /// How many threads wait for a position, and did when the last leader went.
    private var waiting = 0
    private var lastGroup = 1
    private var syncs = 0

    /// The end of the last record, and of what is durable. Read without the lock.
    private let endPosition = Atomic<UInt64>(0)
    private let durable = Atomic<UInt64>(0)

    init(_ files: LogFiles, bufferSize: Int = 8 << 20) {
        self.files = files
        self.bufferSize = bufferSize
        active = .allocate(byteCount: bufferSize, alignment: 4096)
        spare = .allocate(byteCount: bufferSize, alignment: 4096)
    }

    deinit {
        active.deallocate()
        spare.deallocate()
    }

    /// The end of the last record.
    var end: LSN { LSN(endPosition.load(ordering: .sequentiallyConsistent)) }

    /// How many times the log was synced.
    var syncCount: Int { monitor.locked { syncs } }

    /// Begins adding records at a position, once recovery has found the end. What is before it is
    /// durable.
    func start(at position: LSN, life: UInt32) {
        monitor.locked {
            activeStart = position.rawValue
            activeCount = 0
            self.life = life
        }
        endPosition.store(position.rawValue, ordering: .sequentiallyConsistent)
        durable.store(position.rawValue, ordering: .sequentiallyConsistent)
    }

    /// Adds a record. Waits only if the memory is full: callers may hold pages.
    ///
    /// - Returns: its end, which is the position for the pages that it changes.
    /// - Throws: if the log has failed; then the record is not in it.
    func append(_ record: LogRecord) throws(StorageError) -> LSN {
        let sum = record.end()
        let length = record.count
        monitor.lock()
        defer { monitor.unlock() }
        while activeCount + length > bufferSize {
            if length > bufferSize {
                throw StorageError(.misuse, "a record of \(length) bytes is longer than the log")
            }
            if let failure { throw failure }
            if isWriting { monitor.wait() } else { try writeOut(syncing: false) }
        }
        if let failure { throw failure }
        let position = activeStart + UInt64(activeCount)
        let header = LogRecord.header(length: length, life: life, at: position, sum: sum)
        record.memory.storeBytes(of: header.0.littleEndian, as: UInt64.self)
        record.memory.storeBytes(of: header.1.littleEndian, toByteOffset: 8, as: UInt64.self)
        record.memory.storeBytes(of: header.2.littleEndian, toByteOffset: 16, as: UInt64.self)
        (active + activeCount).copyMemory(from: record.memory, byteCount: length)
        activeCount += length
        let end = position + UInt64(length)
        endPosition.store(end, ordering: .sequentiallyConsistent)
        return LSN(end)
    }

    /// Makes the log durable up to a position. Strata calls this before it writes a page.
    func flush(upTo lsn: LSN) throws(StorageError) { try flush(upTo: lsn, isCommit: false) }

    /// Makes the log durable up to a position, for a change that is being acknowledged.
    func commit(_ lsn: LSN) throws(StorageError) { try flush(upTo: lsn, isCommit: true) }

    private func flush(upTo lsn: LSN, isCommit: Bool) throws(StorageError) {
        if durable.load(ordering: .acquiring) >= lsn.rawValue { return }
        monitor.lock()
        defer { monitor.unlock() }
        if isCommit {
            waiting += 1
            // A leader that waits for companions looks again.
            if waiting >= lastGroup { monitor.signal() }
        }
        defer { if isCommit { waiting -= 1 } }
        var hasWaited = false
        if lsn > end {
            throw StorageError(
                .storeFailed, "a page was changed at \(lsn), where the log does not reach",
                remedy: "Restore the store from a backup: its log and its pages do not match.")
        }
        while durable.load(ordering: .acquiring) < lsn.rawValue {
            if let failure { throw failure }
            if isWriting {
                monitor.wait()
            } else if isCommit && waiting < lastGroup && !hasWaited {
                // Another thread may become the leader meanwhile.
                monitor.wait(microseconds: Self.companionMicroseconds)
                hasWaited = true
            } else {
                try writeOut(syncing: true)
            }
        }
    }

    private static let companionMicroseconds = 150

    /// Ends the log: a change is in it, but could not be made.
    func fail(_ error: StorageError) {
        monitor.locked { if failure == nil { failure = error } }
    }

    /// Writes what is in memory, without the lock meanwhile.
    private func writeOut(syncing: Bool) throws(StorageError) {
        isWriting = true
        let (memory, count, start) = (active, activeCount, activeStart)
        swap(&active, &spare)
        activeStart += UInt64(count)
        activeCount = 0
        let end = activeStart
        let served = waiting
        monitor.unlock()
        var failed: StorageError?
        do throws(StorageError) {
            try files.write(memory, count, at: start)
            // A segment that ends here was synced when it became complete.
            if syncing && end > 0 { try files.sync(at: end - 1) }
        } catch { failed = error }
        monitor.lock()
        isWriting = false
        if let failed {
            failure = failed
        } else if syncing {
            syncs += 1
            durable.store(end, ordering: .releasing)
            // Those who came during the sync would have been companions.
            lastGroup = max(1, served, waiting)
        }
        monitor.signal()
        if let failed { throw failed }
    }
}
