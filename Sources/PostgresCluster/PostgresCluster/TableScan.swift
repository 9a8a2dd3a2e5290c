public import AsyncIO
internal import PostgresCatalogs
internal import PostgresReading
internal import PostgresTypes
internal import Synchronization

/// A scan of a table, including its partitions and inheriting tables.
/// ``PostgresDatabase/scan(_:options:)`` makes it. It can run any number of times, on any thread.
public final class TableScan: Sendable {
    /// What users should know about the result, one sentence each.
    public let notes: [String]
    /// The names of the columns.
    public let columnNames: [String]

    let database: PostgresDatabase
    let options: TableScanOptions
    let plans: [RelationPlan]
    /// The columns of the table that are shown.
    let shownColumns: [Column]
    let writer: ValueWriter
    let zeroPages = Atomic(0)

    init(
        _ database: PostgresDatabase, _ table: PostgresTable, _ options: TableScanOptions
    ) throws(StorageError) {
        self.database = database
        self.options = options
        let catalog = database.catalog
        guard let root = catalog.relations[table.number],
            table.kind.isStored || table.kind == .partitionedTable
        else {
            throw StorageError(
                .unsupported,
                "\(table.schema).\(table.name) is a \(table.kind.rawValue): it has no rows"
                    + " on disk", remedy: "Scan the tables that it takes its rows from.")
        }
        if table.kind == .materializedView, !root.isPopulated {
            throw StorageError(
                .unsupported, "materialized view \(table.schema).\(table.name) was never filled",
                remedy: "Refresh it with the server.")
        }
        var planner = Planner(database, options)
        let shown = try planner.shown(table)
        shownColumns = shown
        var plans: [RelationPlan] = []
        let members =
            options.onlyOwnRows ? [root] : Descendants(catalog).all(of: root)
        for relation in members {
            let plan = try planner.plan(relation, shown, isRoot: relation.number == root.number)
            if let plan { plans.append(plan) }
        }
        self.plans = plans
        columnNames =
            shown.map(\.name) + (options.includesDead ? ["xmin", "xmax", "state"] : [])
        let session = try database.directory.storage.makeSession()
        defer { session.close() }
        var names: any ObjectNames = NoObjectNames()
        var notes = planner.notes
        if planner.needsNames {
            let table = try NameTable(catalog, session: session)
            notes += table.warnings
            names = table
        }
        if options.includesDead, plans.contains(where: { $0.toast != nil }) {
            notes.append(
                "values that rows no longer visible stored out of line are shown as null where the"
                    + " server has removed them")
        }
        self.notes = notes
        writer = ValueWriter(version: database.directory.version, names: names)
    }

    /// Writes the rows as text, in heap order, and passes it to `sink` in pieces: of whole rows,
    /// except that a row with a text or `bytea` of 1 MiB or more may come in several.
    /// With more than one thread, text is produced ahead of `sink`: at most a few MiB per thread,
    /// plus the largest value.
    ///
    /// - Returns: how many rows were written.
    /// - Throws: what `sink` throws; `damagedRow` if a row or value does not fit its type;
    ///   `invalidPage` and what else reading pages throws; `clusterDamaged` if blocks are missing
    ///   at a relation's end. The pieces before the error were delivered.
    @discardableResult
    public func write(
        _ format: RowTextFormat, to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) -> Int {
        if case .csv(let null, true) = format { try sink(header(null)) }
        return try write(RowForm(format), sink)
    }

    /// Writes the rows as `COPY … FROM stdin` reads them, like ``write(_:to:)``.
    package func writeCopy(
        to sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) -> Int {
        try write(.copy, sink)
    }

    private func write(
        _ form: RowForm, _ sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) -> Int {
        let threads = options.threadCount
        var rows = 0
        for plan in plans {
            let limit = options.limit.map { $0 - rows }
            if let limit, limit <= 0 { break }
            if threads == 1 || limit != nil {
                rows += try writeSerially(plan, form, limit: limit, sink)
            } else {
                rows += try ParallelScan(self, plan, form, threads: threads).run(sink)
            }
            if limit == nil { try checkEnd(of: plan) }
        }
        return rows
    }

    private func header(_ null: String) -> [UInt8] {
        let csv = CSVText(null: null, isSingleColumn: columnNames.count == 1)
        var output = TextOutput()
        for (index, name) in columnNames.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            unsafe csv.write(Array(name.utf8).span.bytes, to: &output)
        }
        output.append(UInt8(ascii: "\n"))
        return output.bytes
    }

    /// Text is delivered once it has this many bytes.
    static let pieceSize = 1 << 20

    private func writeSerially(
        _ plan: RelationPlan, _ form: RowForm, limit: Int?,
        _ sink: ([UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) -> Int {
        let session = try database.directory.storage.makeSession()
        defer { session.close() }
        var worker = try ScanWorker(self, plan, form, session: session)
        worker.rowsLeft = limit ?? .max
        let blocks = try worker.blockCount()
        try worker.scan(0..<blocks) { output, _ throws(StorageError) in
            if output.count < Self.pieceSize { return }
            try sink(output.bytes)
            // The memory of a large value is given back.
            if output.bytes.capacity > 8 * Self.pieceSize { output = TextOutput() }
            output.clear()
        }
        if worker.output.count > 0 { try sink(worker.output.bytes) }
        return worker.rows
    }
}

extension PostgresDatabase {
    /// Makes a scan of a table.
    ///
    /// - Throws: `unsupported` if the table has no rows on disk or a column's type has no text
    ///   form; `noSuchObject` if the table lacks a requested column.
    public func scan(
        _ table: PostgresTable, options: TableScanOptions = TableScanOptions()
    ) throws(StorageError) -> TableScan {
        try TableScan(self, table, options)
    }
}
