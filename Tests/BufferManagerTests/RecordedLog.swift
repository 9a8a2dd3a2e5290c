import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import Synchronization
import Testing
import Threads

/// A log that records the positions it was flushed up to, and fails when told to.
final class RecordedLog: WriteAheadLog {
    private let calls = Lock<[LSN]>([], rank: .observer)
    private let failure = Lock<(error: StorageError?, after: Int)>((nil, 0), rank: .observer)

    /// The positions it was flushed up to, in order.
    var flushes: [LSN] { calls.withLock { $0 } }

    /// - Parameter count: how many flushes succeed first.
    func fail(with error: StorageError?, afterFlushes count: Int = 0) {
        failure.withLock { $0 = (error, count) }
    }

    func flush(upTo lsn: LSN) throws(StorageError) {
        let failure = failure.withLock { failure -> StorageError? in
            failure.after -= 1
            return failure.after < 0 ? failure.error : nil
        }
        if let failure { throw failure }
        calls.withLock { $0.append(lsn) }
    }

    /// Expects pages that are about to be written not to precede the log.
    func expectDurable(_ pages: Span<PageAddress>) {
        let durable = flushes.max() ?? .zero
        for position in pages.indices {
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(pages[position].pointer))
            #expect(view.lsn <= durable)
        }
    }
}
