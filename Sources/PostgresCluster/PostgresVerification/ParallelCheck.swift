internal import AsyncIO
internal import PostgresReading
internal import Synchronization
internal import Threads

/// Checks pieces on several threads, and hands what they find to the calling thread, in the order
/// of the pieces whatever the number of threads. Small pieces are handed out together.
struct ParallelCheck {
    let share: CheckShare
    /// The calling thread's.
    let session: Session
    /// How many threads to start at most.
    let threads: Int
    /// Called on the calling thread a few times a second, with the number of a piece being checked.
    let progress: (Int) -> Void

    private static let tick: Duration = .milliseconds(200)
    /// How many batches a thread may be ahead, so that memory is bounded. A deep check keeps more
    /// of each page; the others go ahead while the catalogs are read.
    private var window: Int { (share.isDeep ? 16 : 64) * threads }

    /// The number of threads when none is asked for.
    static let usualThreads = min(Processor.coreCount, 16)

    /// Checks all pieces.
    ///
    /// - Parameters:
    ///   - first: called once, before anything is taken, while the threads begin.
    ///   - take: called in the order of the pieces, perhaps several times for one.
    /// - Throws: `resourcesExhausted`, `closed`, and what `first` and `take` throw.
    func run(
        _ pieces: [CheckPiece], first: () throws(StorageError) -> Void,
        _ take: (CheckPiece, PieceResult) throws(StorageError) -> Void
    ) throws(StorageError) {
        let team = Team(share, pieces, threads: threads, window: window)
        defer { team.end() }
        try first()
        guard team.isStarted else { return try runAlone(pieces, take) }
        var last = 0
        while let results = team.results.next(
            every: Self.tick, meanwhile: { progress(last) })
        {
            for result in results {
                last = result.piece
                if let failure = result.failure { throw failure }
                try take(pieces[last], result)
            }
            progress(last)
        }
    }

    /// Checks all pieces on the calling thread, if there is no session for another one.
    private func runAlone(
        _ pieces: [CheckPiece],
        _ take: (CheckPiece, PieceResult) throws(StorageError) -> Void
    ) throws(StorageError) {
        let check = PieceCheck(share, session: session)
        for number in pieces.indices {
            var parts: [PieceResult] = []
            let result = check.check(pieces[number], number) { part in
                parts.append(part)
                return true
            }
            if let failure = result.failure { throw failure }
            for part in parts + [result] { try take(pieces[number], part) }
            progress(number)
        }
    }

    /// The threads.
    private final class Team {
        let results: OrderedResults<[PieceResult]>
        private var threads: [OSThread] = []

        init(_ share: CheckShare, _ pieces: [CheckPiece], threads: Int, window: Int) {
            let batches = CheckPiece.batches(pieces)
            results = OrderedResults(count: batches.count, window: window)
            let work = Work(share, pieces, batches, results)
            for _ in 0..<min(threads, batches.count) {
                guard let session = try? share.directory.makeSession() else { break }
                let worker = Worker(work, session)
                guard let thread = OSThread.start({ worker.run() }) else {
                    session.close()
                    break
                }
                self.threads.append(thread)
            }
        }

        var isStarted: Bool { !threads.isEmpty }

        func end() {
            results.stop()
            for thread in threads { thread.join() }
            threads = []
        }
    }
}

/// The batches of pieces that threads take one after another. Any thread.
private final class Work: Sendable {
    let share: CheckShare
    let pieces: [CheckPiece]
    let batches: [Range<Int>]
    let results: OrderedResults<[PieceResult]>
    private let next = Atomic<Int>(0)

    init(
        _ share: CheckShare, _ pieces: [CheckPiece], _ batches: [Range<Int>],
        _ results: OrderedResults<[PieceResult]>
    ) {
        self.share = share
        self.pieces = pieces
        self.batches = batches
        self.results = results
    }

    /// The number of the next batch; nil behind the last.
    func take() -> Int? {
        let number = next.add(1, ordering: .relaxed).oldValue
        return number < batches.count ? number : nil
    }
}

/// What one thread does. The session belongs to the thread from its start to its end.
private final class Worker: @unchecked Sendable {
    private let work: Work
    private let session: Session

    init(_ work: Work, _ session: Session) {
        self.work = work
        self.session = session
    }

    func run() {
        let check = PieceCheck(work.share, session: session)
        while let batch = work.take(), work.results.begin(batch) {
            var results: [PieceResult] = []
            for number in work.batches[batch] {
                let result = check.check(work.pieces[number], number) { [work] part in
                    defer { results = [] }
                    return work.results.give(batch, results + [part])
                }
                results.append(result)
            }
            work.results.finish(batch, with: results)
        }
        session.close()
    }
}
