import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import Synchronization
import Testing

/// A log that remembers up to where it was asked to be durable, and fails when told to.
final class RecordedLog: WriteAheadLog {
    private let calls = Lock<[LSN]>([])
    private let failure = Lock<StorageError?>(nil)

    /// The positions it was flushed up to, in order.
    var flushes: [LSN] { calls.withLock { $0 } }

    func fail(with error: StorageError?) { failure.withLock { $0 = error } }

    func flush(upTo lsn: LSN) throws(StorageError) {
        if let failure = failure.withLock({ $0 }) { throw failure }
        calls.withLock { $0.append(lsn) }
    }

    /// Expects pages that are about to be written not to overtake the log.
    func expectDurable(_ pages: Span<PageAddress>) {
        let durable = flushes.max() ?? .zero
        for position in pages.indices {
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(pages[position].pointer))
            #expect(view.lsn <= durable)
        }
    }
}
