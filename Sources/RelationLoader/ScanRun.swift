import PageFormat
import RowText
import Strata
import ToastFormat

/// A scan from its first page to its last. Belongs to one thread.
struct ScanRun: ~Copyable {
    private(set) var rowCount: UInt64 = 0
    private(set) var pageCount = 0
    /// How often something was lost.
    private(set) var lossCount = 0

    private let relation: Relation
    private let output: DescriptorOutput
    private let options: ScanOptions
    private let limit: UInt64
    private let writes: Bool
    private var decoder: RowDecoder
    private var writer: RowWriter
    private var buffer = ByteOutput(capacity: 2 * Self.bufferSize)
    /// Finds values that are out of line; nil before the first row that has some.
    private var values: ToastValues<PooledToastPages>?
    private let columns: [Int]

    /// How many bytes to gather before writing them.
    private static let bufferSize = 256 << 10

    init(
        _ relation: Relation, _ schema: Schema, _ selection: [Int]?, _ output: DescriptorOutput,
        _ options: ScanOptions
    ) {
        self.relation = relation
        self.output = output
        self.options = options
        limit = options.limit ?? .max
        writes = options.format != .none
        decoder = RowDecoder(schema: schema)
        columns = Array(schema.columns.indices)
        writer = RowWriter(
            schema: schema, selection: selection,
            format: options.format == .jsonLines ? .jsonLines : .csv, options: options.csv)
    }

    /// Reads and writes all rows, except those left for ``flush()``. If no limit omits rows,
    /// compares their number with the number that was loaded.
    mutating func run(_ session: Session) throws(LoaderError) {
        if writes { writer.writeHeader(to: &buffer) }
        let extent = relation.extent
        var stream = relation.scan(session: session, extent: extent)
        while rowCount < limit {
            try options.cancellation.check()
            let next: PinnedPage?
            do throws(StorageError) { next = try stream.next() } catch {
                try lose(
                    error.code == .invalidPage ? damage(error) : error,
                    isSkippable: Self.concernsBlock(error))
                continue
            }
            guard let page = next else { return try checkRowCount(extent) }
            let block = page.block
            var from: OffsetNumber = 1
            while let row = try page.withView({ (view) throws(LoaderError) in
                try scan(view, block, from: from)
            }) {
                // Other pages are read only while the page is not locked.
                try scan(row, block, session)
                from = row.number + 1
                if buffer.count >= Self.bufferSize { try flush() }
            }
            pageCount += 1
            if buffer.count >= Self.bufferSize { try flush() }
        }
    }

    private mutating func checkRowCount(_ extent: RelationExtent) throws(LoaderError) {
        do throws(StorageError) {
            try relation.checkRowCount(rowCount, of: extent)
        } catch {
            try lose(error, isSkippable: true)
        }
    }

    /// Reports damage if it is to be skipped, and throws it otherwise.
    private mutating func lose(
        _ error: StorageError, isSkippable: Bool
    ) throws(LoaderError) {
        guard options.onDamage == .skip, isSkippable else { throw .storage(error) }
        lossCount += 1
        options.onLoss?(error)
    }

    /// Whether an error of the stream is one of a block, so that those behind it may be sound.
    private static func concernsBlock(_ error: StorageError) -> Bool {
        let others: [StorageError.Code] = [
            .closed, .misuse, .resourcesExhausted, .storeFailed, .storeReplaced,
        ]
        return error.location.block != nil && !others.contains(error.code)
    }

    /// Writes what was gathered.
    mutating func flush() throws(LoaderError) {
        do throws(LoadError) { try output.write(&buffer) } catch { throw .text(error) }
    }

    /// A row with values that are compressed or out of line.
    private struct StoredRow {
        let number: OffsetNumber
        let bytes: [UInt8]
    }

    /// Scans the rows of a page.
    ///
    /// - Returns: nil, or the first row that ``scan(_:_:_:)`` must read.
    private mutating func scan(
        _ page: PageView, _ block: BlockNumber, from first: OffsetNumber
    ) throws(LoaderError) -> StoredRow? {
        for number in page.linePointerNumbers where number >= first && rowCount < limit {
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
                rowCount &+= 1
            } catch {
                try lose(damage(error, block, number), isSkippable: true)
            }
        }
        return nil
    }

    /// Scans a row with values that are compressed or out of line.
    private mutating func scan(
        _ row: StoredRow, _ block: BlockNumber, _ session: Session
    ) throws(LoaderError) {
        var values: ToastValues<PooledToastPages>
        do throws(StorageError) {
            if let present = self.values {
                values = present
            } else {
                values = ToastValues(PooledToastPages(try relation.toast(), session))
            }
        } catch {
            return try lose(error, isSkippable: error.concernsOneRelation)
        }
        let outcome = Result { () throws(RowError) in try read(row, &values) }
        let failure = values.failure
        self.values = values
        switch outcome {
        case .success: rowCount &+= 1
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
