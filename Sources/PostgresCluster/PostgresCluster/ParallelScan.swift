internal import AsyncIO
internal import PostgresReading
internal import PostgresTypes
internal import Synchronization
internal import Threads

/// Converts the rows of a relation into text on several threads, and delivers it in order on the
/// calling thread.
///
/// The relation is divided into chunks of blocks. Each thread takes the next chunk and produces its
/// text. Text that is ready ahead of its turn waits. A thread whose text grows too large, or that
/// comes to a value of many MiB, waits for its turn and then delivers it in pieces. So memory is
/// bounded, whatever values are stored out of line.
final class ParallelScan: Sendable {
    private let scan: TableScan
    private let plan: RelationPlan
    private let form: RowForm
    private let threads: Int
    private let state = Lock(State(), rank: .parallelScan)
    /// Counts changes of the state that a thread may wait for.
    private let changes = Atomic<UInt32>(0)

    /// The number of blocks in a chunk.
    private let chunkBlocks: UInt32
    /// The most text that a thread keeps before its turn.
    private static let mostText = 4 << 20
    /// How much memory is kept for text to come: as many texts as there are at a time. The system
    /// would have to clear other memory again and again.
    private var mostSpare: Int { 2 * threads + 2 }

    private struct State {
        /// The next chunk to take, and the chunk whose text is being delivered.
        var nextChunk = 0
        var turn = 0
        /// Text waiting to be delivered, by chunk. More of a chunk may follow until it is done.
        var pieces: [Int: [[UInt8]]] = [:]
        var done: Set<Int> = []
        var rows = 0
        var failures: [Int: StorageError] = [:]
        /// The memory of delivered text, for text to come.
        var spare: [[UInt8]] = []
        var isStopped = false
    }

    init(
        _ scan: TableScan, _ plan: RelationPlan, _ form: RowForm, threads: Int
    ) {
        self.scan = scan
        self.plan = plan
        self.form = form
        self.threads = threads
        chunkBlocks = max(1, scan.options.chunkBlocks)
    }

    /// Scans the relation.
    ///
    /// - Returns: the number of rows.
    func run(_ sink: ([UInt8]) throws(StorageError) -> Void) throws(StorageError) -> Int {
        let running = try start()
        defer { running.end() }
        while var piece = try running.next() {
            try sink(piece)
            reuse(&piece)
        }
        return state.withLock { $0.rows }
    }

    /// Keeps the memory of text that was delivered, unless it is large.
    private func reuse(_ piece: inout [UInt8]) {
        guard piece.capacity <= 2 * Self.mostText else { return }
        piece.removeAll(keepingCapacity: true)
        var memory: [UInt8] = []
        swap(&memory, &piece)
        state.withLock { if $0.spare.count < mostSpare { $0.spare.append(memory) } }
    }

    /// An empty text, with memory if there is some to reuse.
    private func newText() -> TextOutput {
        var text = TextOutput()
        if let spare = state.withLock({ $0.spare.popLast() }) { text.bytes = spare }
        return text
    }

    /// Starts the threads. A scan can be started once.
    func start() throws(StorageError) -> RunningScan {
        let blocks = try scan.database.directory.storage.blockCount(plan.place)
        let chunks = chunkCount(blocks)
        var workers: [OSThread] = []
        for _ in 0..<min(threads, chunks) {
            if let thread = OSThread.start({ [self] in work(blocks) }) { workers.append(thread) }
        }
        if workers.isEmpty && chunks > 0 {
            throw StorageError(
                .resourcesExhausted, "no thread can be started",
                remedy: "Scan with one thread.")
        }
        return RunningScan(self, workers, chunks)
    }

    /// Returns the next piece of a chunk's text, or nil once all was delivered and the next chunk's
    /// turn has come.
    fileprivate func nextPiece(_ chunk: Int) throws(StorageError) -> [UInt8]? {
        while true {
            let seen = changes.load(ordering: .acquiring)
            let (piece, isDone, failure) = state.withLock { state in
                if var waiting = state.pieces[chunk], !waiting.isEmpty {
                    let first = waiting.removeFirst()
                    state.pieces[chunk] = waiting
                    return (first as [UInt8]?, false, nil as StorageError?)
                }
                if let failure = state.failures[chunk] { return (nil, false, failure) }
                if state.done.remove(chunk) != nil {
                    state.pieces[chunk] = nil
                    state.turn = chunk + 1
                    return (nil, true, nil)
                }
                return (nil, false, nil)
            }
            if let failure { throw failure }
            if piece != nil || isDone {
                announce()
                return piece
            }
            park(changes, expected: seen)
        }
    }

    private func chunkCount(_ blocks: UInt32) -> Int {
        (Int(blocks) + Int(chunkBlocks) - 1) / Int(chunkBlocks)
    }

    private func announce() {
        changes.add(1, ordering: .releasing)
        wake(changes, count: .max)
    }

    fileprivate func stop() {
        state.withLock { $0.isStopped = true }
        announce()
    }
}

/// A parallel scan whose threads were started. Belongs to one thread, which takes the pieces.
final class RunningScan {
    private let scan: ParallelScan
    private var workers: [OSThread]
    private let chunks: Int
    private var chunk = 0

    fileprivate init(_ scan: ParallelScan, _ workers: [OSThread], _ chunks: Int) {
        self.scan = scan
        self.workers = workers
        self.chunks = chunks
    }

    deinit { end() }

    /// The next piece; nil behind the last. Batches of stored values are of whole rows.
    func next() throws(StorageError) -> [UInt8]? {
        while chunk < chunks {
            if let piece = try scan.nextPiece(chunk) { return piece }
            chunk += 1
        }
        return nil
    }

    /// Ends the threads. Calling it again does nothing.
    func end() {
        scan.stop()
        for worker in workers { worker.join() }
        workers = []
    }
}

extension ParallelScan {
    /// A thread's loop: takes chunks until there are no more.
    private func work(_ blocks: UInt32) {
        var chunk = takeChunk(blocks)
        guard chunk != nil else { return }
        do throws(StorageError) {
            let session = try scan.database.directory.storage.makeSession()
            defer { session.close() }
            var worker = try ScanWorker(scan, plan, form, session: session)
            var rows = 0
            while let current = chunk {
                let start = UInt32(current) * chunkBlocks
                let end = start + min(blocks - start, chunkBlocks)
                try worker.scan(start..<end) { output, isBeforeLarge throws(StorageError) in
                    if isBeforeLarge || output.count >= Self.mostText {
                        try self.give(&output, current)
                    }
                }
                let added = worker.rows - rows
                rows = worker.rows
                finish(&worker.output, current, rows: added)
                chunk = takeChunk(blocks)
            }
        } catch {
            let failed = chunk ?? 0
            state.withLock { $0.failures[failed] = error }
            announce()
        }
    }

    /// Returns the next chunk, or nil if there are no more. Waits while too many are ahead of their
    /// turn.
    private func takeChunk(_ blocks: UInt32) -> Int? {
        let count = chunkCount(blocks)
        while true {
            let seen = changes.load(ordering: .acquiring)
            let (chunk, isOver) = state.withLock { state in
                if state.isStopped || state.nextChunk >= count { return (nil as Int?, true) }
                if state.nextChunk >= state.turn + 2 * threads { return (nil, false) }
                state.nextChunk += 1
                return (state.nextChunk - 1, false)
            }
            if chunk != nil || isOver { return chunk }
            park(changes, expected: seen)
        }
    }

    /// Delivers what a chunk has so far, once its turn has come and little is waiting.
    private func give(_ output: inout TextOutput, _ chunk: Int) throws(StorageError) {
        while true {
            let seen = changes.load(ordering: .acquiring)
            let bytes = output.bytes
            let (given, isStopped) = state.withLock { state in
                if state.isStopped { return (false, true) }
                guard state.turn == chunk, (state.pieces[chunk]?.count ?? 0) < 2 else {
                    return (false, false)
                }
                state.pieces[chunk, default: []].append(bytes)
                return (true, false)
            }
            if isStopped { throw StorageError(.closed, "the scan was stopped") }
            if given {
                output = newText()
                return announce()
            }
            park(changes, expected: seen)
        }
    }

    /// Delivers the last of a chunk's text.
    private func finish(_ output: inout TextOutput, _ chunk: Int, rows: Int) {
        let bytes = output.bytes
        output = newText()
        state.withLock { state in
            if !bytes.isEmpty { state.pieces[chunk, default: []].append(bytes) }
            state.done.insert(chunk)
            state.rows += rows
        }
        announce()
    }
}
