public import AsyncIO
internal import PostgresCatalogs
internal import PostgresReading
public import RowSchema

/// The rows of a table for another store: columns of types that PostgreSQL and the store have in
/// common keep their stored values, all others become the text that the server prints.
///
/// ``PostgresDatabase/rows(of:options:)`` makes it. Rows are decoded ahead, on several threads, at
/// most a few MiB for each, plus the largest value. Belongs to one thread at a time.
public final class TableRows {
    /// The columns.
    public let schema: Schema
    /// The positions of columns of other types than text whose values are nevertheless texts,
    /// since the database's encoding is not UTF-8.
    public let textColumns: Set<Int>
    /// What users should know about the result, one sentence each.
    public let notes: [String]

    private let scan: TableScan
    private var plans: ArraySlice<RelationPlan>
    private var running: RunningScan?
    private var lastPlan: RelationPlan?

    /// How many pages of zeroes were met so far, as ``TableScan/zeroPageCount`` counts them.
    public var zeroPageCount: Int { scan.zeroPageCount }

    init(_ scan: TableScan) throws(StorageError) {
        var kept = KeptColumns(scan)
        schema = try kept.schema()
        textColumns = kept.textColumns
        notes = scan.notes + kept.notes
        self.scan = scan
        plans = scan.plans[...]
    }

    /// The next rows, in heap order; nil behind the last.
    ///
    /// - Throws: what ``TableScan/write(_:to:)`` throws. There are no more rows then.
    public func next() throws(StorageError) -> DatumBatch? {
        do throws(StorageError) {
            while true {
                if let running {
                    if let piece = try running.next() { return DatumBatch(bytes: piece) }
                    end()
                    if let lastPlan { try scan.checkEnd(of: lastPlan) }
                }
                guard let plan = plans.popFirst() else { return nil }
                lastPlan = plan
                running = try ParallelScan(
                    scan, plan, .batch, threads: scan.options.threadCount
                ).start()
            }
        } catch {
            end()
            plans = []
            throw error
        }
    }

    /// Ends the threads; rows that were not taken are lost.
    public func end() {
        running?.end()
        running = nil
    }
}

extension PostgresDatabase {
    /// Makes the rows of a table for another store.
    ///
    /// - Parameters:
    ///   - table: the table.
    ///   - options: which rows and columns. A limit is not supported.
    /// - Throws: what ``scan(_:options:)`` throws; `unsupported` if the table has no columns, a
    ///   name cannot be one of a `Schema`, or there is a limit.
    public func rows(
        of table: PostgresTable, options: TableScanOptions = TableScanOptions()
    ) throws(StorageError) -> TableRows {
        guard options.limit == nil else {
            throw StorageError(
                .unsupported, "the rows of a table for another store cannot be limited",
                remedy: "Omit TableScanOptions.limit.")
        }
        var options = options
        options.keepsStoredValues = true
        return try TableRows(TableScan(self, table, options))
    }
}

/// The columns of a scan as another store has them.
private struct KeptColumns {
    private(set) var textColumns: Set<Int> = []
    private(set) var notes: [String] = []
    private let scan: TableScan
    private var catalog: DatabaseCatalog { scan.database.catalog }

    init(_ scan: TableScan) { self.scan = scan }

    mutating func schema() throws(StorageError) -> Schema {
        let names = names()
        let unvalidated = try unvalidated()
        var columns: [RowSchema.Column] = []
        var asText: [String] = []
        for (index, column) in scan.shownColumns.enumerated() {
            // What is not stored is null, whatever the catalog says.
            let isNullable =
                !column.isNotNull || column.isDropped || unvalidated.contains(column.name)
                || scan.plans.contains { $0.columns[index].isAbsent }
            guard let kept = KeptType(column, catalog) else {
                columns.append(
                    RowSchema.Column(name: names[index], type: .text, isNullable: isNullable))
                if !column.isDropped { asText.append("\(column.name) (\(typeName(column)))") }
                continue
            }
            if kept.isText { textColumns.insert(index) }
            let result = RowSchema.Column(
                name: names[index], type: kept.type, modifier: kept.modifier,
                isNullable: isNullable)
            columns.append(result)
            if kept.isSimplified {
                notes.append(
                    "column \(column.name) of type \(typeName(column)) becomes \(result.sqlType)")
            }
        }
        columns += names[columns.count...].map { RowSchema.Column(name: $0, type: .text) }
        if !asText.isEmpty {
            notes.append(
                "these columns become text, as the server prints their values:"
                    + " \(asText.joined(separator: ", "))")
        }
        do throws(SchemaError) { return try Schema(columns) } catch {
            throw StorageError(
                .unsupported, "the table's columns cannot be those of another store: \(error)",
                remedy: "Choose others of its columns.")
        }
    }

    /// The columns that are null in some rows although they must not be in new ones.
    private func unvalidated() throws(StorageError) -> Set<String> {
        // Before, every row was checked when the constraint was made.
        guard scan.database.directory.version >= 18 else { return [] }
        let session = try catalog.storage.makeSession()
        defer { session.close() }
        let numbers = try SchemaDetails.unvalidated(catalog, session: session)
        var names: Set<String> = []
        for plan in scan.plans {
            let relation = plan.relation.number
            guard let found = numbers[relation], let columns = catalog.columns[relation] else {
                continue
            }
            names.formUnion(columns.filter { found.contains($0.number) }.map(\.name))
        }
        return names
    }

    private func typeName(_ column: PostgresCatalogs.Column) -> String {
        catalog.typeName(column.type, modifier: column.modifier)
    }

    /// The columns' names. Control characters, which another store would refuse, become
    /// underscores, and names that are too long in UTF-8 are cut; a number tells those apart that
    /// become the same.
    private mutating func names() -> [String] {
        var seen = Set(scan.columnNames)
        var result: [String] = []
        for name in scan.columnNames {
            let isUsable =
                name.utf8.count <= Schema.maximumNameLength
                && !RowSchema.Column.hasControlCharacters(name)
            if isUsable {
                result.append(name)
                continue
            }
            let scalars = name.unicodeScalars.map {
                RowSchema.Column.hasControlCharacters(String($0)) ? "_" : $0
            }
            let base = String(String.UnicodeScalarView(scalars))
            var changed = Self.cut(base, to: Schema.maximumNameLength)
            var number = 2
            while !seen.insert(changed).inserted {
                let suffix = "_\(number)"
                changed = Self.cut(base, to: Schema.maximumNameLength - suffix.utf8.count) + suffix
                number += 1
            }
            notes.append("column \(name.debugDescription) is named \"\(changed)\"")
            result.append(changed)
        }
        return result
    }

    /// The longest beginning of at most `length` bytes that ends between characters.
    private static func cut(_ name: String, to length: Int) -> String {
        var result = name
        while result.utf8.count > length { result.removeLast() }
        return result
    }
}

extension PlannedColumn {
    /// Whether nothing is stored for the column.
    fileprivate var isAbsent: Bool { if case .null = source { true } else { false } }
}
