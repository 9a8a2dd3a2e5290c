import PageFormat
import RowText
import Strata

/// A scan from its first page to its last. Belongs to one thread, which has help where that pays
/// (``ParallelScan``).
struct ScanRun: ~Copyable {
    private(set) var rowCount: UInt64 = 0
    private(set) var pageCount = 0
    /// How often something was lost.
    private(set) var lossCount = 0

    private let relation: Relation
    private let schema: Schema
    private let selection: [Int]?
    private let output: DescriptorOutput
    private let options: ScanOptions
    private let limit: UInt64
    private var rows: RowScan

    init(
        _ relation: Relation, _ schema: Schema, _ selection: [Int]?, _ output: DescriptorOutput,
        _ options: ScanOptions
    ) {
        self.relation = relation
        self.schema = schema
        self.selection = selection
        self.output = output
        self.options = options
        limit = options.limit ?? .max
        rows = RowScan(relation, schema, selection, options)
    }

    /// Reads and writes all rows, except those left for ``flush()``. If no limit omits rows,
    /// compares their number with the number that was loaded.
    mutating func run(_ session: Session) throws(LoaderError) {
        rows.writeHeader()
        let extent = relation.extent
        if let parallel = ParallelScan(relation, schema, selection, extent, options) {
            defer { parallel.end() }
            try flush()
            while let piece = parallel.next() {
                try options.cancellation.check()
                add(piece.counts)
                try Self.write(&piece.text, to: output)
                if let failure = piece.failure { throw failure }
            }
        } else {
            guard try scan(session, extent) else { return }
        }
        do throws(StorageError) {
            try relation.checkRowCount(rowCount, of: extent)
        } catch {
            try rows.lose(error, isSkippable: true)
            addCounts()
        }
    }

    /// Reads and writes rows on this thread alone.
    ///
    /// - Returns: whether all pages were read.
    private mutating func scan(_ session: Session, _ extent: RelationExtent) throws(LoaderError)
        -> Bool
    {
        var stream = relation.scan(session: session, extent: extent)
        while rowCount < limit {
            try options.cancellation.check()
            let next: PinnedPage?
            do throws(StorageError) { next = try stream.next() } catch {
                try rows.noteUnreadable(error)
                addCounts()
                continue
            }
            guard let page = next else { return true }
            defer { addCounts() }
            var from: OffsetNumber = 1
            while try !rows.scan(page, session, from: &from, limit: limit - rowCount) {
                addCounts()
                try flush()
            }
            if rows.buffer.count >= RowScan.bufferSize { try flush() }
        }
        return false
    }

    private mutating func addCounts() {
        let counts = rows.counts
        rows.counts = RowScan.Counts()
        add(counts)
    }

    private mutating func add(_ counts: RowScan.Counts) {
        rowCount &+= counts.rows
        pageCount += counts.pages
        lossCount += counts.losses.count
        for loss in counts.losses { options.onLoss?(loss) }
    }

    /// Writes what was gathered.
    mutating func flush() throws(LoaderError) { try Self.write(&rows.buffer, to: output) }

    private static func write(
        _ text: inout ByteOutput, to output: DescriptorOutput
    ) throws(LoaderError) {
        do throws(LoadError) { try output.write(&text) } catch { throw .text(error) }
    }
}
