import PageFormat
import RowText
import Strata

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
        writer = RowWriter(
            schema: schema, selection: selection,
            format: options.format == .jsonLines ? .jsonLines : .csv, options: options.csv)
    }

    mutating func writeHeader() {
        if writes { writer.writeHeader(to: &buffer) }
    }

    /// Adds the rows of a page.
    ///
    /// - Parameter limit: how many rows may be counted.
    mutating func scan(_ page: borrowing PinnedPage, limit: UInt64 = .max) throws(LoaderError) {
        let block = page.block
        try page.withView { (view) throws(LoaderError) in try scan(view, block, limit) }
        counts.pages += 1
    }

    private mutating func scan(
        _ page: PageView, _ block: BlockNumber, _ limit: UInt64
    ) throws(LoaderError) {
        for number in page.linePointerNumbers where counts.rows < limit {
            do throws(RowError) {
                let tuple: HeapTupleView?
                do throws(PageFormatError) {
                    tuple = try page.tuple(number)
                } catch {
                    throw RowError.tuple(error)
                }
                guard let tuple else { continue }
                if writes {
                    try writer.write(tuple, to: &buffer)
                } else {
                    try decoder.decode(tuple)
                }
                counts.rows &+= 1
            } catch {
                try lose(damage(error, block, number), isSkippable: true)
            }
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
