import PageFormat
import RowText
import Strata
import ToastFormat

/// Turns the rows of pages into text. Belongs to one thread.
struct RowScan: ~Copyable {
    /// What was read since the counts were last set back.
    var counts = Counts()
    /// The text since it was last taken.
    var buffer: ByteOutput

    private let relation: Relation
    private let options: ScanOptions
    private let writes: Bool
    private var decoder: RowDecoder
    private var writer: RowWriter
    /// Finds values that are out of line; nil before the first row that has some.
    private var values: ToastValues<PooledToastPages>?
    private let columns: [Int]

    /// How much was read.
    struct Counts {
        var rows: UInt64 = 0
        var pages = 0
        /// What was lost and may be skipped.
        var losses: [StorageError] = []
    }

    /// How many bytes to gather before writing them.
    static let bufferSize = 256 << 10

    init(
        _ relation: Relation, _ schema: Schema, _ selection: [Int]?, _ options: ScanOptions
    ) {
        self.relation = relation
        self.options = options
        writes = options.format != .none
        buffer = ByteOutput(capacity: 2 * Self.bufferSize)
        decoder = RowDecoder(schema: schema)
        columns = Array(schema.columns.indices)
        writer = RowWriter(
            schema: schema, selection: selection,
            format: options.format == .jsonLines ? .jsonLines : .csv, options: options.csv)
    }

    mutating func writeHeader() {
        if writes { writer.writeHeader(to: &buffer) }
    }

    /// Adds the rows of a page.
    ///
    /// - Parameters:
    ///   - page: the page.
    ///   - session: the thread's session, which reads the pages of values that are out of line.
    ///   - from: the first row to add; set to the next one if there is too much text.
    ///   - limit: how many rows may be counted.
    /// - Returns: whether all of them were added; if not, take the text and call again.
    mutating func scan(
        _ page: borrowing PinnedPage, _ session: Session, from: inout OffsetNumber,
        limit: UInt64 = .max
    ) throws(LoaderError) -> Bool {
        let block = page.block
        let first = from
        while let row = try page.withView({ (view) throws(LoaderError) in
            try scan(view, block, from: from, limit)
        }) {
            // Other pages are read only while the page is not locked.
            try scan(row, block, session)
            from = row.number + 1
            // Rows with values out of line are as long as these.
            if buffer.count >= Self.bufferSize, from > first { return false }
        }
        counts.pages += 1
        return true
    }

    /// A row with values that are compressed or out of line.
    private struct StoredRow {
        let number: OffsetNumber
        let bytes: [UInt8]
    }

    /// Adds the rows of a page.
    ///
    /// - Returns: nil, or the first row that ``scan(_:_:_:)`` must read.
    private mutating func scan(
        _ page: PageView, _ block: BlockNumber, from first: OffsetNumber, _ limit: UInt64
    ) throws(LoaderError) -> StoredRow? {
        for number in page.linePointerNumbers where number >= first && counts.rows < limit {
            do throws(RowError) {
                let tuple: HeapTupleView?
                do throws(PageFormatError) {
                    tuple = try page.tuple(number)
                } catch {
                    throw RowError.tuple(error)
                }
                guard let tuple else { continue }
                do throws(RowError) {
                    if writes {
                        try writer.write(tuple, to: &buffer)
                    } else {
                        try decoder.decode(tuple)
                    }
                } catch {
                    guard error.isStoredForm else { throw error }
                    return StoredRow(
                        number: number,
                        bytes: unsafe tuple.bytes.withUnsafeBytes { unsafe Array($0) })
                }
                counts.rows &+= 1
            } catch {
                try lose(damage(error, block, number), isSkippable: true)
            }
        }
        return nil
    }

    /// Adds a row with values that are compressed or out of line.
    private mutating func scan(
        _ row: StoredRow, _ block: BlockNumber, _ session: Session
    ) throws(LoaderError) {
        var values: ToastValues<PooledToastPages>
        do throws(StorageError) {
            if let present = self.values {
                values = present
            } else {
                // A value that is wanted and not there names its row.
                let toast = try relation.toast(checkingLength: false)
                values = ToastValues(PooledToastPages(toast, session))
            }
        } catch {
            return try lose(error, isSkippable: error.concernsOneRelation)
        }
        let outcome = Result { () throws(RowError) in try read(row, &values) }
        let failure = values.failure
        self.values = values
        switch outcome {
        case .success: counts.rows &+= 1
        case .failure(let error):
            if let failure, !Self.concernsBlock(failure) { throw .storage(failure) }
            try lose(damage(error, block, row.number), isSkippable: true)
        }
    }

    private mutating func read(
        _ row: StoredRow, _ values: inout ToastValues<PooledToastPages>
    ) throws(RowError) {
        let tuple: HeapTupleView
        do throws(PageFormatError) {
            tuple = try HeapTupleView(unsafe row.bytes.span.bytes, number: row.number)
        } catch {
            throw .tuple(error)
        }
        if writes {
            try writer.write(tuple, from: &values, to: &buffer)
        } else {
            try decoder.decode(tuple, from: &values, of: columns)
        }
    }

    /// Notes a block that cannot be read, or throws that.
    mutating func noteUnreadable(_ error: StorageError) throws(LoaderError) {
        try lose(
            error.code == .invalidPage ? damage(error) : error,
            isSkippable: Self.concernsBlock(error))
    }

    /// Notes damage if it is to be skipped, and throws it otherwise.
    mutating func lose(_ error: StorageError, isSkippable: Bool) throws(LoaderError) {
        guard options.onDamage == .skip, isSkippable else { throw .storage(error) }
        counts.losses.append(error)
    }

    /// Whether an error of the stream is one of a block, so that those behind it may be sound.
    private static func concernsBlock(_ error: StorageError) -> Bool {
        let others: [StorageError.Code] = [
            .closed, .misuse, .resourcesExhausted, .storeFailed, .storeReplaced,
            .timedOut, .fenced,
        ]
        return error.location.block != nil && !others.contains(error.code)
    }

    /// Replaces a pool's error by one with the relation's name and a remedy for users of scans.
    private func damage(_ error: StorageError) -> StorageError {
        let block = error.location.block ?? 0
        let reason =
            relation.damage(in: BlockNumber(block)) ?? "the page's checksum or header is wrong"
        return StorageError(
            .invalidPage,
            "relation \"\(relation.name)\", fork main, block \(block): \(reason)",
            remedy: Self.remedy, at: relation.open.location(.main, block: BlockNumber(block)))
    }

    private static let remedy =
        "Run verify to find all damaged pages, and load the relation again."

    private func damage(
        _ error: RowError, _ block: BlockNumber, _ number: OffsetNumber
    ) -> StorageError {
        StorageError(
            .invalidPage,
            "invalid row \(number) in block \(block) of relation \"\(relation.name)\": \(error)",
            remedy: Self.remedy,
            at: relation.open.location(.main, block: block))
    }
}
