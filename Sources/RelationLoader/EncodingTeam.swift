import DequeModule
import RowText
import Strata
import Synchronization
import Threads

/// Encodes records on several threads, in order, ahead of the thread that places their rows.
///
/// That thread takes whole records from its reader in chunks, without reading their fields, and
/// hands them out. Whatever is not a plain row ends the team's work: the bytes from that record on
/// go back to the reader, so that one thread alone rejects records, widens types and words errors.
///
/// Belongs to the thread that made it.
final class EncodingTeam {
    /// Some records, and their rows once they are encoded.
    final class Chunk: @unchecked Sendable {
        /// Owned by the team's thread while it encodes, and by the loader's before and after.
        fileprivate(set) var bytes: [UInt8] = []
        var batch = RowBatch()
        /// The line on which the records begin.
        fileprivate(set) var line = 1
        /// Guarded by the lock.
        fileprivate var isDone = false
    }

    private let shared: SharedState
    private var threads: [OSThread] = []
    /// Handed out and not taken, in order.
    private var pending: RigidDeque<Chunk>
    private var unused: [Chunk] = []
    /// Whether the reader has records that can be taken.
    private var isExhausted = false
    /// How many records of the chunks taken so far were encoded.
    private var recordCount = 0

    /// How many bytes of records a chunk has at most.
    static let chunkLength = 256 << 10

    /// Starts the threads. Returns nil if there is no room for them.
    ///
    /// - Parameter reader: reads plain records (`CSVReader.canTakeRecords`).
    init?(_ reader: borrowing CSVReader, _ schema: Schema, threadCount: Int) {
        shared = SharedState()
        pending = RigidDeque(capacity: 2 * threadCount + 2)
        for _ in 0..<threadCount {
            let shared = shared
            guard let worker = try? Worker(reader, schema),
                let thread = OSThread.start({ shared.run(worker) })
            else { break }
            threads.append(thread)
        }
        if threads.isEmpty { return nil }
    }

    deinit { stop() }

    private func stop() {
        shared.stop()
        for thread in threads { thread.join() }
        threads = []
    }

    /// Takes the next chunk with its rows; waits for them. Returns nil once the reader has to read
    /// on by itself.
    ///
    /// - Throws: what reading the source throws.
    func next(_ reader: inout CSVReader) throws(LoadError) -> Chunk? {
        while !isExhausted && !pending.isFull {
            let chunk = unused.popLast() ?? Chunk()
            chunk.line = reader.nextRecordLine
            guard try reader.takeRecords(atMost: Self.chunkLength, into: &chunk.bytes) else {
                isExhausted = true
                break
            }
            pending.append(chunk)
            shared.add(chunk)
        }
        guard let chunk = pending.popFirst() else { return nil }
        shared.wait(for: chunk)
        recordCount += chunk.batch.recordCount
        return chunk
    }

    /// Gives a chunk back whose rows have all been placed.
    func reuse(_ chunk: Chunk) { unused.append(chunk) }

    /// Ends the work, with the reader at the record behind the last encoded one.
    ///
    /// - Parameter chunk: the chunk with the record that could not be encoded; nil if the reader is
    ///   behind all.
    func end(_ reader: inout CSVReader, at chunk: Chunk?) {
        stop()
        reader.countTaken(recordCount)
        guard let chunk, let stop = chunk.batch.stop else { return }
        var pieces = [Array(chunk.bytes.dropFirst(stop.byteOffset))]
        while let later = pending.popFirst() { pieces.append(later.bytes) }
        reader.putBack(pieces, line: chunk.line + stop.line - 1)
    }
}

extension EncodingTeam {
    /// What one thread uses, from its start to its end.
    private final class Worker: @unchecked Sendable {
        private var reader: CSVReader
        private var encoder: RowEncoder

        init(_ reader: borrowing CSVReader, _ schema: Schema) throws(LoadError) {
            self.reader = try reader.makeReaderOfTaken()
            encoder = RowEncoder(schema: schema)
        }

        func encode(_ chunk: Chunk) {
            reader.begin(withTaken: chunk.bytes)
            chunk.batch.encode(&reader, with: &encoder)
        }
    }

    /// The chunks that wait for a thread.
    private final class SharedState: Sendable {
        private let state = Lock(
            (waiting: Deque<Chunk>(), isStopped: false), rank: .parallelScan)
        /// Counts changes of the state that a thread may wait for.
        private let changes = Atomic<UInt32>(0)

        func add(_ chunk: Chunk) {
            state.withLock { state in
                chunk.isDone = false
                state.waiting.append(chunk)
            }
            announce()
        }

        func stop() {
            state.withLock { $0.isStopped = true }
            announce()
        }

        func wait(for chunk: Chunk) {
            while true {
                let seen = changes.load(ordering: .acquiring)
                if state.withLock({ _ in chunk.isDone }) { return }
                park(changes, expected: seen)
            }
        }

        /// A thread's loop.
        func run(_ worker: Worker) {
            while let chunk = take() {
                worker.encode(chunk)
                state.withLock { _ in chunk.isDone = true }
                announce()
            }
        }

        /// Takes a chunk; waits for one. Returns nil once the work ends.
        private func take() -> Chunk? {
            while true {
                let seen = changes.load(ordering: .acquiring)
                let (chunk, isStopped) = state.withLock { state in
                    state.isStopped ? (nil, true) : (state.waiting.popFirst(), false)
                }
                if chunk != nil || isStopped { return chunk }
                park(changes, expected: seen)
            }
        }

        private func announce() {
            changes.add(1, ordering: .releasing)
            wake(changes, count: .max)
        }
    }
}
