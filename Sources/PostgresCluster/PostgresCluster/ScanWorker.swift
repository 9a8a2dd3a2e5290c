internal import AsyncIO
internal import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes

/// Converts rows of one relation into text. Belongs to its session's thread.
struct ScanWorker {
    private let scan: TableScan
    private var reader: HeapReader
    private var writer: RowWriter
    /// Text that was not delivered yet.
    var output = TextOutput()
    /// How many rows were written, and how many more may be.
    private(set) var rows = 0
    var rowsLeft = Int.max

    /// How much text need not wait for the end of its page.
    private static let largeText = 1 << 20

    init(
        _ scan: TableScan, _ plan: RelationPlan, _ form: RowForm, session: Session
    ) throws(StorageError) {
        self.scan = scan
        let directory = scan.database.directory
        reader = try HeapReader(
            directory.storage, plan.place, log: directory.log, session: session)
        reader.includesDead = scan.options.includesDead
        writer = RowWriter(
            plan, form, scan.writer, scan.database.catalog.encoding, directory.storage,
            session: session)
    }

    func blockCount() throws(StorageError) -> UInt32 { try reader.blockCount() }

    /// Writes the rows of some blocks.
    ///
    /// - Parameter textDone: called after each page, between its rows if their text is large, and
    ///   within a row that has a large value, with no lock held. It may take the text.
    mutating func scan(_ blocks: Range<UInt32>, _ textDone: LargeText) throws(StorageError) {
        // Moved out, so that the two closures have no mutable state in common.
        var output = self.output
        var writer = self.writer
        var (rows, rowsLeft) = (self.rows, self.rowsLeft)
        self.output = TextOutput()
        defer {
            self.output = output
            self.writer = writer
            (self.rows, self.rowsLeft) = (rows, rowsLeft)
        }
        let zeroPages = reader.zeroPages
        let damage = { [reader] (block: UInt32, reason: String) in reader.damaged(block, reason) }
        try reader.forEachRow(in: blocks) { row throws(StorageError) in
            if rowsLeft == 0 { return }
            do throws(RowFault) {
                try writer.write(row, to: &output, textDone)
            } catch {
                if case .delivery(let failure) = error { throw failure }
                throw damage(row.block, error.reason)
            }
            rows += 1
            rowsLeft -= 1
            // The values of one page may be many times larger than the page.
            if output.count >= Self.largeText { try textDone(&output, false) }
        } pageDone: { () throws(StorageError) in
            try textDone(&output, false)
            return rowsLeft > 0
        }
        scan.note(zeroPages: reader.zeroPages - zeroPages)
    }
}
