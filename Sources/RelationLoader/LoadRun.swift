import PageFormat
import RowText
import Strata
import Threads

/// A load from its first record to its commit. Belongs to one thread.
struct LoadRun: ~Copyable {
    /// Rows placed on a page so far.
    private(set) var rowCount: UInt64 = 0
    /// Records skipped so far.
    private(set) var rejectedCount: UInt64 = 0
    /// Why the first of them was skipped.
    private(set) var firstRejection: LoadError?

    private var reader: CSVReader
    private var encoder: RowEncoder
    private var rejects: RejectsFile
    private let pending: PendingLoad
    private var clock: LoadClock
    /// Writes filled pages. Nil before the first run is filled, and if a writer does not help.
    private var writer: RunWriter?
    private var hasTriedWriter = false
    /// How many pages a run has.
    private let runLength: Int
    /// The first page of the run being filled, and how many pages it has so far.
    private var runStart: PinnedPage?
    private var runCount = 0

    init(
        _ reader: consuming CSVReader, _ rejects: consuming RejectsFile, _ pending: PendingLoad,
        _ schema: Schema, _ clock: LoadClock
    ) {
        self.reader = reader
        self.rejects = rejects
        self.pending = pending
        self.clock = clock
        encoder = RowEncoder(schema: schema)
        runLength = pending.engine.buffers.configuration.combineLimit
    }

    /// Bytes of the source consumed so far.
    var consumedByteCount: Int { reader.consumedByteCount }

    /// Loads and commits.
    mutating func run() throws(LoaderError) {
        var hasRow = try nextRow()
        while hasRow {
            try clock.options.cancellation.check()
            let page = try LoaderError.storage { () throws(StorageError) in
                try pending.nextPage()
            }
            hasRow = try fill(page)
            handOver(page)
            report(.reading)
        }
        runStart = nil
        writer?.finish(discarding: false)
        try LoaderError.text { () throws(LoadError) in try rejects.finish() }
        if rowCount == 0, var failure = firstRejection {
            failure.reason = .allRecordsSkipped(
                count: rejectedCount, first: "\(failure.reason)")
            throw .text(failure)
        }
        report(.committing)
        try clock.options.cancellation.check()
        let count = rowCount
        _ = try LoaderError.storage { () throws(StorageError) in
            try pending.commit(rowCount: count)
        }
    }

    /// Hands over a run to be written once it is filled, keeping only its first page.
    private mutating func handOver(_ page: consuming PinnedPage) {
        if runCount == 0 { runStart = consume page }
        runCount += 1
        guard runCount == runLength, let first = runStart.take() else { return }
        runCount = 0
        if !hasTriedWriter {
            hasTriedWriter = true
            writer = RunWriter(pending.engine, runLength: runLength)
        }
        writer?.offer(first)
    }

    /// Puts the encoded row and those that follow on a page.
    ///
    /// - Returns: whether an encoded row is left that did not fit.
    private mutating func fill(_ page: borrowing PinnedPage) throws(LoaderError) -> Bool {
        let block = page.block.rawValue
        return try page.withEditor { (editor) throws(LoaderError) in
            editor.initialize()
            while try place(on: &editor, block) {
                rowCount &+= 1
                guard try nextRow() else { return false }
            }
            precondition(!editor.view.isEmpty, "a row that was accepted fits an empty page")
            return true
        }
    }

    @inline(__always)
    private mutating func place(
        on page: inout PageEditor, _ block: UInt32
    ) throws(LoaderError) -> Bool {
        do throws(PageFormatError) {
            return try encoder.builder.place(on: &page, block: block) != nil
        } catch {
            throw .storage(
                StorageError(
                    .invalidPage, "a row cannot be put on block \(block): \(error)",
                    at: StorageError.Location(relation: pending.target.relation, block: block)))
        }
    }

    /// Encodes the next loadable record. Returns false at the end.
    @inline(__always)
    private mutating func nextRow() throws(LoaderError) -> Bool {
        while true {
            let failure: LoadError
            do throws(LoadError) {
                guard try reader.next() else { return false }
                try encoder.encode(&reader)
                return true
            } catch {
                failure = error
            }
            try reject(failure)
        }
    }

    @inline(never)
    private mutating func reject(_ failure: LoadError) throws(LoaderError) {
        guard clock.options.onError == .skip, failure.reason.isWithinRecord else {
            throw .text(failure)
        }
        rejectedCount += 1
        if firstRejection == nil { firstRejection = failure }
        try LoaderError.text { () throws(LoadError) in
            try rejects.add(reader.recordBytes, failure)
        }
        try clock.options.cancellation.check()
        report(.reading)
    }

    /// Reports the progress if it is due.
    private mutating func report(_ phase: LoadProgress.Phase) {
        guard let elapsed = clock.tick(phase) else { return }
        clock.progress?(
            LoadProgress(
                phase: phase, rowCount: rowCount, byteCount: reader.consumedByteCount,
                totalByteCount: reader.totalByteCount, elapsedNanoseconds: elapsed))
    }
}

/// When a load began, and when its next progress report is due.
struct LoadClock {
    let options: LoadOptions
    let start = Clock.monotonicNanoseconds
    let progress: ((LoadProgress) -> Void)?
    private var last: UInt64

    init(_ options: LoadOptions, _ progress: ((LoadProgress) -> Void)?) {
        self.options = options
        self.progress = progress
        last = start
    }

    var elapsed: UInt64 { Clock.monotonicNanoseconds &- start }

    /// Returns the time since the beginning if a report is due. A new phase is always reported.
    mutating func tick(_ phase: LoadProgress.Phase) -> UInt64? {
        guard progress != nil else { return nil }
        let now = Clock.monotonicNanoseconds
        guard phase != .reading || now &- last >= options.progressIntervalNanoseconds else {
            return nil
        }
        last = now
        return now &- start
    }
}
