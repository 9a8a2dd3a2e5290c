import PageFormat
import RowText
import Strata

/// A load of a ``RowSource`` from its first row to its commit. Belongs to one thread.
struct DatumRun: ~Copyable {
    /// Rows placed on a page so far.
    private(set) var rowCount: UInt64 = 0
    /// Bytes of the batches consumed so far.
    private(set) var consumedByteCount = 0

    private var source: any RowSource
    private let textColumns: Set<Int>
    private var batch = DatumBatch()
    /// Where the next row begins in the batch.
    private var offset = 0
    private var rowNumber = 0

    private var encoder: RowEncoder
    private let pending: PendingLoad
    private var movedValues: MovedValues
    private var clock: LoadClock
    private var filled: FilledPages

    init(_ source: any RowSource, _ pending: PendingLoad, _ clock: LoadClock) {
        self.source = source
        textColumns = source.textColumns
        encoder = RowEncoder(schema: source.schema, movesValues: true)
        movedValues = MovedValues(clock.options)
        self.pending = pending
        self.clock = clock
        filled = FilledPages(pending.engine)
    }

    /// Loads and commits.
    mutating func run() throws(LoaderError) -> LoadSummary {
        var next = try fillLastPage(from: try nextRow())
        while next != .end {
            try clock.options.cancellation.check()
            next = try formed(next)
            let page = try LoaderError.storage { () throws(StorageError) in
                try pending.nextPage()
            }
            page.withEditor { $0.initialize() }
            next = try fill(page)
            while next == .wideRow {
                next = try formed(next)
                next = try fill(page)
            }
            filled.add(page)
            report(.reading)
        }
        filled.finish()
        report(.committing)
        try clock.options.cancellation.check()
        movedValues.finish(pending)
        let count = rowCount
        _ = try LoaderError.storage { () throws(StorageError) in
            try pending.commit(rowCount: count)
        }
        return LoadSummary(
            schema: encoder.schema, inferredFromRecordCount: nil, rowCount: rowCount,
            rejectedCount: 0, firstRejection: nil, pageCount: pending.pageCount,
            byteCount: consumedByteCount, elapsedNanoseconds: clock.elapsed,
            methodName: pending.engine.ioMethodName)
    }

    /// Ends the load without effect.
    mutating func abandon() {
        // A load ends after its pages were given back.
        filled.discard()
        movedValues.abandon()
        pending.abort()
    }

    /// What follows the last row on a page.
    private enum Next {
        /// An encoded row that is on no page yet.
        case row
        /// A row some of whose values must be stored before it is encoded.
        case wideRow
        /// The end of the source.
        case end
    }

    /// Stores the values that were left out of a wide row. It can be placed then.
    private mutating func formed(_ next: Next) throws(LoaderError) -> Next {
        guard next == .wideRow else { return next }
        try movedValues.store(&encoder, pending)
        return .row
    }

    /// Puts the encoded row and those that follow on a page, behind those that are on it.
    ///
    /// - Returns: what follows on the next page; a wide row may follow on this page.
    private mutating func fill(_ page: borrowing PinnedPage) throws(LoaderError) -> Next {
        let block = page.block.rawValue
        return try page.withEditor { (editor) throws(LoaderError) in
            try fill(&editor, block, isNew: true)
        }
    }

    /// Fills up the last page of a relation that is appended to, as far as that is possible.
    ///
    /// - Returns: what follows on the first new page.
    private mutating func fillLastPage(from first: Next) throws(LoaderError) -> Next {
        guard first != .end,
            let page = try LoaderError.storage({ () throws(StorageError) in
                try pending.lastPage()
            })
        else { return first }
        var next = first
        repeat {
            _ = try formed(next)
            let block = page.block.rawValue
            next = try page.withEditor { (editor) throws(LoaderError) in
                try fill(&editor, block, isNew: false)
            }
        } while next == .wideRow
        return next
    }

    /// - Parameter isNew: whether the page was empty. One that others have made may have no room.
    private mutating func fill(
        _ editor: inout PageEditor, _ block: UInt32, isNew: Bool
    ) throws(LoaderError) -> Next {
        while try place(on: &editor, block) {
            rowCount &+= 1
            let next = try nextRow()
            if next != .row { return next }
        }
        precondition(
            !isNew || !editor.view.isEmpty, "a row that was accepted fits an empty page")
        return .row
    }

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

    /// Encodes the next row.
    private mutating func nextRow() throws(LoaderError) -> Next {
        while offset == batch.bytes.count {
            guard let next = try source.next() else { return .end }
            consumedByteCount += next.bytes.count
            batch = next
            offset = 0
        }
        rowNumber += 1
        do throws(LoadError) {
            try encoder.encode(batch, at: &offset, textColumns: textColumns)
            return encoder.movedCount > 0 ? .wideRow : .row
        } catch {
            throw located(error)
        }
    }

    /// The error with the row's place.
    private func located(_ error: LoadError) -> LoaderError {
        var error = error
        error.source = "\(source.name), row \(rowNumber)"
        if let column = error.column { error.source += ", column \"\(column)\"" }
        return .text(error)
    }

    /// Reports the progress if it is due.
    private mutating func report(_ phase: LoadProgress.Phase) {
        guard let elapsed = clock.tick(phase) else { return }
        clock.progress?(
            LoadProgress(
                phase: phase, rowCount: rowCount, byteCount: consumedByteCount,
                totalByteCount: nil, elapsedNanoseconds: elapsed))
    }
}
