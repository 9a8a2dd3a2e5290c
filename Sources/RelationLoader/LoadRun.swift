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

    var reader: CSVReader
    var encoder: RowEncoder
    private var rejects: RejectsFile
    /// The load. Another one once an inferred type had to be widened.
    var pending: PendingLoad
    var clock: LoadClock
    var movedValues: MovedValues
    /// The error of a record with a value that an inferred type does not keep.
    private var breach: LoadError?
    /// For each column, whether its type may be widened.
    private let isWidenable: [Bool]
    private var filled: FilledPages
    /// Encodes records on other threads. Nil while this thread encodes alone.
    private var team: EncodingTeam?
    /// The team's rows that are being placed.
    private var chunk: EncodingTeam.Chunk?
    /// How many pages this thread fills alone before it has help again. It grows with each record
    /// that the team leaves to it.
    private var pagesAlone = 1
    private var patience = 16
    private let threadCount: Int

    init(
        _ reader: consuming CSVReader, _ rejects: consuming RejectsFile, _ pending: PendingLoad,
        _ schema: Schema, _ clock: LoadClock
    ) {
        self.reader = reader
        self.rejects = rejects
        self.pending = pending
        self.clock = clock
        encoder = RowEncoder(schema: schema, movesValues: true)
        movedValues = MovedValues(clock.options)
        let widens = clock.options.widens && clock.options.mode != .append
        isWidenable = schema.columns.map { widens && $0.spelling != nil }
        filled = FilledPages(pending.engine)
        threadCount = min(clock.options.threadCount ?? Processor.coreCount, Self.mostThreads)
    }

    private static let mostThreads = 16
    /// The least bytes of a source for which threads are started.
    private static let leastLength = 1 << 20
    /// The bytes of a record from which on copying costs more than several threads gain.
    private static let longestRow = 400

    /// The columns of the rows.
    var schema: Schema { encoder.schema }

    /// Bytes of the source consumed so far.
    var consumedByteCount: Int { reader.consumedByteCount }

    /// Loads and commits.
    mutating func run() throws(LoaderError) {
        var next = try fillLastPage(from: try nextRow())
        while next != .end {
            try clock.options.cancellation.check()
            if let failure = breach.take() {
                next = try widen(because: failure)
                continue
            }
            if next == .wideRow {
                try movedValues.store(&encoder, pending)
                next = .row
            }
            let page = try LoaderError.storage { () throws(StorageError) in
                try pending.nextPage()
            }
            page.withEditor { $0.initialize() }
            next = try fill(page, from: next)
            while next == .wideRow {
                try movedValues.store(&encoder, pending)
                next = try fill(page, from: .row)
            }
            filled.add(page)
            report(.reading)
            if next == .row { callTeam() }
        }
        filled.finish()
        try LoaderError.text { () throws(LoadError) in try rejects.finish() }
        if rowCount == 0, var failure = firstRejection {
            failure.reason = .allRecordsSkipped(
                count: rejectedCount, first: "\(failure.reason)")
            throw .text(failure)
        }
        report(.committing)
        try clock.options.cancellation.check()
        movedValues.finish(pending)
        let count = rowCount
        _ = try LoaderError.storage { () throws(StorageError) in
            try pending.commit(rowCount: count)
        }
    }

    /// Ends what writes filled pages, without writing the rest.
    mutating func stopWriting() {
        filled.discard()
    }

    /// Lets other threads encode what follows, if that helps.
    private mutating func callTeam() {
        if team != nil { return }
        pagesAlone -= 1
        guard pagesAlone <= 0, threadCount > 1, reader.canTakeRecords,
            (reader.totalByteCount ?? .max) - reader.consumedByteCount >= Self.leastLength,
            clock.options.threadCount != nil || hasShortRows
        else { return }
        team = EncodingTeam(reader, schema, threadCount: threadCount)
    }

    /// Whether the rows so far are so short that parsing them takes longer than handing them over.
    private var hasShortRows: Bool {
        reader.consumedByteCount / Int(clamping: max(rowCount, 1)) < Self.longestRow
    }

    /// Lets this thread encode what follows.
    private mutating func dismissTeam() {
        team?.end(&reader, at: chunk)
        team = nil
        chunk = nil
        pagesAlone = patience
        patience = min(patience * 4, 4096)
    }

    /// Ends the load without effect.
    mutating func abandon() {
        team = nil
        // A load ends after its pages were given back.
        stopWriting()
        movedValues.abandon()
        pending.abort()
    }

    /// What follows the last row on a page.
    enum Next {
        /// An encoded row that is on no page yet.
        case row
        /// A row some of whose values must be stored before it is encoded.
        case wideRow
        /// A row of ``chunk``.
        case chunk
        /// A record that ``breach`` describes.
        case breach
        /// The end of the source.
        case end
    }

    /// Puts the next row and those that follow on a page, behind those that are on it.
    ///
    /// - Returns: what follows on the next page, or instead of it; a wide row may follow on this
    ///   page.
    private mutating func fill(
        _ page: borrowing PinnedPage, from first: Next
    ) throws(LoaderError) -> Next {
        let block = page.block.rawValue
        return try page.withEditor { (editor) throws(LoaderError) in
            try fill(&editor, block, from: first, isNew: true)
        }
    }

    /// Fills up the last page of a relation that is appended to, as far as that is possible.
    ///
    /// - Returns: what follows on the first new page.
    private mutating func fillLastPage(from first: Next) throws(LoaderError) -> Next {
        guard first == .row || first == .wideRow,
            let page = try LoaderError.storage({ () throws(StorageError) in
                try pending.lastPage()
            })
        else { return first }
        var next = first
        repeat {
            if next == .wideRow { try movedValues.store(&encoder, pending) }
            let block = page.block.rawValue
            next = try page.withEditor { (editor) throws(LoaderError) in
                try fill(&editor, block, from: .row, isNew: false)
            }
        } while next == .wideRow
        return next
    }

    /// - Parameter isNew: whether the page was empty. One that others have made may have no room.
    private mutating func fill(
        _ editor: inout PageEditor, _ block: UInt32, from first: Next, isNew: Bool
    ) throws(LoaderError) -> Next {
        if first == .row {
            guard try place(on: &editor, block) else {
                precondition(
                    !isNew || !editor.view.isEmpty, "a row that was accepted fits an empty page")
                return .row
            }
            rowCount &+= 1
        }
        if team != nil, try placeChunks(on: &editor, block) { return .chunk }
        while true {
            let next = try nextRow()
            if next != .row { return next }
            guard try place(on: &editor, block) else { return .row }
            rowCount &+= 1
        }
    }

    /// Puts the team's rows on a page.
    ///
    /// - Returns: whether the page is full, with more rows waiting; otherwise the team has ended.
    private mutating func placeChunks(
        on page: inout PageEditor, _ block: UInt32
    ) throws(LoaderError) -> Bool {
        while let team {
            if chunk == nil {
                chunk = try LoaderError.text { () throws(LoadError) in try team.next(&reader) }
            }
            guard let chunk else { break }
            do throws(PageFormatError) {
                rowCount &+= try chunk.batch.place(on: &page, block: block)
            } catch { throw misplaced(error, block) }
            if !chunk.batch.isEmpty { return true }
            if chunk.batch.stop != nil { break }
            team.reuse(chunk)
            self.chunk = nil
        }
        dismissTeam()
        return false
    }

    @inline(__always)
    private mutating func place(
        on page: inout PageEditor, _ block: UInt32
    ) throws(LoaderError) -> Bool {
        do throws(PageFormatError) {
            return try encoder.builder.place(on: &page, block: block) != nil
        } catch { throw misplaced(error, block) }
    }

    private func misplaced(_ error: PageFormatError, _ block: UInt32) -> LoaderError {
        .storage(
            StorageError(
                .invalidPage, "a row cannot be put on block \(block): \(error)",
                at: StorageError.Location(relation: pending.target.relation, block: block)))
    }

    /// Encodes the next loadable record.
    @inline(__always)
    private mutating func nextRow() throws(LoaderError) -> Next {
        while true {
            let failure: LoadError
            do throws(LoadError) {
                guard try reader.next() else { return .end }
                try encoder.encode(&reader)
                return encoder.movedCount > 0 ? .wideRow : .row
            } catch {
                failure = error
            }
            if breaks(failure) { return .breach }
            try reject(failure)
        }
    }

    /// Encodes the present record again, after types were widened for it, or the next one that can
    /// be loaded.
    mutating func sameRow() throws(LoaderError) -> Next {
        let failure: LoadError
        do throws(LoadError) {
            try encoder.encode(&reader)
            return encoder.movedCount > 0 ? .wideRow : .row
        } catch {
            failure = error
        }
        try reject(failure)
        return try nextRow()
    }

    /// Whether a record fails for a value of an inferred type that can be widened. Keeps the error.
    @inline(never)
    private mutating func breaks(_ failure: LoadError) -> Bool {
        guard case .value = failure.reason, let name = failure.column,
            let column = schema.index(of: name), isWidenable[column]
        else { return false }
        breach = failure
        return true
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
    let onWidening: ((LoadWidening) -> Void)?
    private var last: UInt64

    init(
        _ options: LoadOptions, _ onWidening: ((LoadWidening) -> Void)?,
        _ progress: ((LoadProgress) -> Void)?
    ) {
        self.options = options
        self.onWidening = onWidening
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
