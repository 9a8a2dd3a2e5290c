public import AsyncIO
internal import StorageManager
internal import Synchronization

/// Writes all pages of shared relations that are dirty when it begins, step by step, several writes
/// at a time. Of pages that became dirty later, it writes only direct neighbours.
///
/// It writes pages in the order of files and blocks, 2 MiB of a file in a row. Several files
/// advance in proportion, so that they end together and none delays the others. Belongs to the
/// thread of its session, which may use the pool between two steps; with a `PageJournal` only
/// after ``settle()``, because making room there waits for all batches. One at a time per manager.
/// Mirrors PostgreSQL's `BufferSync`, which writes one page after the other.
public final class CheckpointWriter {
    /// The number of pages that were dirty when it began.
    public let pageCount: Int
    /// The number of them it has passed.
    public private(set) var passedCount = 0

    private let places: [BufferPool.Place]
    private let pool: BufferPool
    private let writer: PageWriter

    /// How many pages of a file are written before another file's turn.
    static let stretch = WritebackHint.size

    /// Marks the pages that are dirty now. O(pool), or constant if no page was changed since the
    /// last one.
    ///
    /// - Parameters:
    ///   - manager: the pool whose pages are written.
    ///   - session: issues the writes.
    /// - Throws: `misuse` if the session is another engine's.
    public init(_ manager: BufferManager, session: Session) throws(StorageError) {
        try manager.check(session)
        pool = manager.shared
        places = pool.balanced(pool.sorted(pool.markForCheckpoint(manager.table.changes)))
        pageCount = places.count
        writer = PageWriter(pool, session)
        writer.begin(.checkpoint)
    }

    /// Starts writing the next pages that are still to be written. Waits only if too many writes
    /// are in progress, or for a thread that is changing a page; so callers must hold no content
    /// lock.
    ///
    /// Errors are kept for ``finish()``.
    ///
    /// - Returns: whether there are pages left.
    public func step(pages count: Int) -> Bool {
        let end = min(places.count, passedCount + max(1, count))
        while passedCount < end {
            writer.write(places[passedCount], if: BufferState.checkpointNeeded)
            passedCount += 1
        }
        writer.session.submitStaged()
        return passedCount < places.count
    }

    /// Waits for the writes in progress, for a pause with nothing in flight.
    public func settle() { writer.settle() }

    /// Waits for all writes.
    ///
    /// - Throws: the first error of a storage or the log, after trying all pages; those that could
    ///   not be written stay dirty. `storeFailed` after a failed sync. `pageRefused` if nothing
    ///   failed but that pages' contents were refused.
    public func finish() throws(StorageError) { try writer.finish() }

    deinit { writer.settle() }
}

extension BufferPool {
    /// Marks the pages that are dirty now for the checkpoint to write. Returns those, and any that
    /// a checkpoint before has left. O(pool), as far as the pool was ever used.
    func markForCheckpoint(_ changes: ChangeMark) -> [Place] {
        guard changes.take() else { return [] }
        var places: [Place] = []
        for index in 0..<reachedCount {
            let buffer = buffer(index)
            var old = buffer.state
            while old.has(BufferState.dirty), !old.has(BufferState.checkpointNeeded) {
                let new = BufferState(old.bits | BufferState.checkpointNeeded)
                if buffer.exchange(&old, new) { old = new }
            }
            if old.has(BufferState.checkpointNeeded) {
                places.append(Place(tag: buffer.tag, index: index))
            }
        }
        // Until they are written, which may fail.
        if !places.isEmpty { changes.set() }
        return places
    }

    /// The order in which all files advance in proportion, a stretch of each at a time. PostgreSQL
    /// balances tablespaces this way, by a heap.
    ///
    /// - Parameter places: the pages, sorted by file and block.
    func balanced(_ places: [Place]) -> [Place] {
        var stretches: [(progress: Double, range: Range<Int>)] = []
        var begin = 0
        while begin < places.count {
            let tag = places[begin].tag
            let file = places[begin...].prefix {
                $0.tag.relation == tag.relation && $0.tag.forkWord == tag.forkWord
            }
            for first in stride(from: 0, to: file.count, by: CheckpointWriter.stretch) {
                let end = min(first + CheckpointWriter.stretch, file.count)
                stretches.append(
                    (Double(first) / Double(file.count), begin + first..<begin + end))
            }
            begin += file.count
        }
        // Files that are equally far advance in their own order.
        stretches.sort { ($0.progress, $0.range.lowerBound) < ($1.progress, $1.range.lowerBound) }
        var result: [Place] = []
        result.reserveCapacity(places.count)
        for stretch in stretches { result += places[stretch.range] }
        return result
    }
}
