public import AsyncIO
internal import StorageManager
internal import Synchronization

/// Writes out all pages of shared relations that are dirty when it begins, step by step, several
/// writes at a time. Of those that were changed later, it takes along only direct neighbours.
///
/// Pages are written in the order of their files and blocks, 2 MiB of a file in a row; of several
/// files all come forward alike, so that they end together and none keeps the others waiting.
/// Belongs to the thread of its session, which may use the pool between two steps; with a
/// ``PageJournal`` after ``settle()`` only, as whoever makes room there waits for all batches. One at
/// a time per manager. Mirrors PostgreSQL's `BufferSync`, which writes one page after the other.
public final class CheckpointWriter {
    /// How many pages were dirty when it began.
    public let pageCount: Int
    /// How many of them it has come past.
    public private(set) var passedCount = 0

    private let places: [BufferPool.Place]
    private let writer: PageWriter

    /// How many pages of a file are written before it is another one's turn.
    static let stretch = WritebackHint.size

    /// Takes note of what is dirty. O(pool).
    ///
    /// - Parameter session: issues the writes.
    public init(_ manager: BufferManager, session: Session) {
        let pool = manager.shared
        pool.markForCheckpoint()
        places = pool.balanced(
            pool.sorted(
                pool.places { state, _ in state.has(BufferState.checkpointNeeded) }))
        pageCount = places.count
        writer = PageWriter(pool, session, WriterState(pool, session.system))
        writer.begin(.checkpoint)
    }

    /// Starts writing what is left of the next pages. Waits only where too many writes are under
    /// way, or for who is changing a page; so the caller must hold no content lock.
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

    /// Waits for the writes under way; for a pause in which nothing shall be left in flight.
    public func settle() { writer.settle() }

    /// Waits for all writes.
    ///
    /// - Throws: the first error of a storage or the log, after all pages were tried; those that
    ///   could not be written stay dirty. `storeFailed` after a failed sync.
    public func finish() throws(StorageError) { try writer.finish() }

    deinit { writer.settle() }
}

extension BufferPool {
    /// Marks the pages that are dirty now as those that the checkpoint has to write.
    func markForCheckpoint() {
        for index in 0..<count {
            let buffer = buffer(index)
            var old = buffer.state
            while old.has(BufferState.dirty), !old.has(BufferState.checkpointNeeded) {
                let new = BufferState(old.bits | BufferState.checkpointNeeded)
                if buffer.exchange(&old, new) { break }
            }
        }
    }

    func sorted(_ places: [Place]) -> [Place] {
        places.sorted { left, right in
            (left.tag.relation, left.tag.page) < (right.tag.relation, right.tag.page)
        }
    }

    /// Pages in the order in which all files come forward alike, a stretch of each at a time.
    /// PostgreSQL balances tablespaces so, by a heap.
    ///
    /// - Parameter places: sorted by file and block.
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
        // Files come in their order where they are equally far.
        stretches.sort { ($0.progress, $0.range.lowerBound) < ($1.progress, $1.range.lowerBound) }
        var result: [Place] = []
        result.reserveCapacity(places.count)
        for stretch in stretches { result += places[stretch.range] }
        return result
    }
}
