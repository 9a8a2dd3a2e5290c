import AsyncIO
import PageFormat
import RowText
import Strata
import Threads

/// Turns the rows of a relation into text on several threads. The calling thread takes the text in
/// the order of the pages.
///
/// The relation is divided into stretches of blocks. Each thread reads ahead in a stream of its
/// own, which takes the next stretch as it goes. A thread whose text grows large waits for its
/// stretch's turn and gives the text in pieces, so memory is bounded.
final class ParallelScan {
    /// A part of the text of a stretch.
    final class Piece: @unchecked Sendable {
        /// Owned by the thread that scans, and then by the one that takes it.
        var text = ByteOutput(capacity: 16)
        var counts = RowScan.Counts()
        /// The error that ends the scan behind this text.
        var failure: LoaderError?
    }

    private let results: OrderedResults<Piece>
    private var threads: [OSThread] = []

    /// Starts the threads. Returns nil if they would not help, or there is no room for them.
    init?(
        _ relation: Relation, _ schema: Schema, _ selection: [Int]?, _ extent: RelationExtent,
        _ options: ScanOptions
    ) {
        let wanted = min(options.threadCount ?? Processor.coreCount, Self.mostThreads)
        let blocks = SharedBlockRange(0..<extent.blockCount)
        guard wanted > 1, options.limit == nil, blocks.stretchCount >= Self.leastStretches,
            relation.engine.buffers.configuration.bufferCount >= Self.leastPool * wanted
        else { return nil }
        results = OrderedResults(count: blocks.stretchCount, window: Self.window * wanted)
        for _ in 0..<min(wanted, blocks.stretchCount) {
            guard let session = try? relation.engine.makeSession() else { break }
            let worker = Worker(relation, blocks, session, results, options)
            let thread = OSThread.start {
                worker.run(RowScan(relation, schema, selection, options))
            }
            guard let thread else {
                session.close()
                break
            }
            threads.append(thread)
        }
        if threads.isEmpty { return nil }
    }

    /// Takes the next text; waits for it. Returns nil behind the last.
    func next() -> Piece? { results.next() }

    /// Ends the threads and waits for that. Must be called.
    func end() {
        results.stop()
        for thread in threads { thread.join() }
        threads = []
    }

    private static let mostThreads = 16
    /// The least number of stretches for which threads are started.
    private static let leastStretches = 8
    /// The least number of pages in the pool for each thread.
    private static let leastPool = 512
    /// How many stretches a thread may be ahead. A stream looks ahead by fewer.
    private static let window = 32
    /// The most text that waits for its stretch's end.
    fileprivate static let mostText = 4 << 20
}

extension ParallelScan {
    /// What one thread does.
    ///
    /// The session belongs to the thread from its start to its end.
    private final class Worker: @unchecked Sendable {
        private let relation: Relation
        private let blocks: SharedBlockRange
        private let session: Session
        private let results: OrderedResults<Piece>
        private let options: ScanOptions

        init(
            _ relation: Relation, _ blocks: SharedBlockRange, _ session: Session,
            _ results: OrderedResults<Piece>, _ options: ScanOptions
        ) {
            self.relation = relation
            self.blocks = blocks
            self.session = session
            self.results = results
            self.options = options
        }

        func run(_ rows: consuming RowScan) {
            var rows = rows
            do {
                var stream = relation.stream(
                    blocks.part(), session: session,
                    options: .scan(of: blocks.blocks.count, in: relation.engine.buffers))
                var stretch: Int?
                while true {
                    var page: PinnedPage?
                    var fault: StorageError?
                    do throws(StorageError) { page = try stream.next() } catch { fault = error }
                    if stream.data != stretch {
                        if let stretch { finish(stretch, &rows, nil) }
                        stretch = stream.data
                        guard let stretch, results.begin(stretch) else { break }
                    }
                    guard let number = stretch else { break }
                    do throws(LoaderError) {
                        try options.cancellation.check()
                        if let fault { try rows.noteUnreadable(fault) }
                        if let page = page.take(), try !scan(page, number, &rows) { break }
                    } catch {
                        finish(number, &rows, error)
                        break
                    }
                    if rows.buffer.count >= mostText, !give(number, &rows) { break }
                }
            }
            session.close()
        }

        /// Scans a page, giving its text in pieces if it is long. Returns whether to go on.
        private func scan(
            _ page: borrowing PinnedPage, _ stretch: Int, _ rows: inout RowScan
        ) throws(LoaderError) -> Bool {
            var from: OffsetNumber = 1
            while try !rows.scan(page, session, from: &from) {
                if rows.buffer.count >= mostText, !give(stretch, &rows) { return false }
            }
            return true
        }

        private func piece(_ rows: inout RowScan) -> Piece {
            let piece = Piece()
            piece.counts = rows.counts
            rows.counts = RowScan.Counts()
            piece.text = ByteOutput(capacity: RowScan.bufferSize)
            swap(&piece.text, &rows.buffer)
            return piece
        }

        private func finish(_ stretch: Int, _ rows: inout RowScan, _ failure: LoaderError?) {
            let piece = piece(&rows)
            piece.failure = failure
            results.finish(stretch, with: piece)
        }

        private func give(_ stretch: Int, _ rows: inout RowScan) -> Bool {
            results.give(stretch, piece(&rows))
        }
    }
}
