internal import AsyncIO
internal import PostgresReading
internal import PostgresTypes

/// A table as a row version of `pg_class` describes it that no new transaction sees: it was
/// dropped, was never committed, or had another file.
package struct PastRelation: Sendable {
    package let relation: Relation
    /// Its columns at that time, as far as row versions of `pg_attribute` are left.
    package let columns: [Column]
    /// The transaction that made the row version.
    package let insertedBy: UInt32

    /// A column's row version.
    private struct Candidate {
        let column: Column
        let version: CatalogRow.Version
    }

    /// Reads all that is left.
    static func all(
        _ reader: CatalogReader, _ encoding: TextEncoding
    ) throws(StorageError) -> [PastRelation] {
        var reader = reader
        reader.includesDead = true
        let source = reader
        var found: [(Relation, CatalogRow.Version)] = []
        try source.forEachRow(of: .relations, CatalogLoading.relationColumns) {
            row, _ throws(StorageError) in
            if row.version.isVisible { return }
            let relation = CatalogLoading.relation(row, nil, source, encoding)
            if relation.place != nil { found.append((relation, row.version)) }
        }
        let wanted = Set(found.map(\.0.number))
        var candidates: [UInt32: [Candidate]] = [:]
        try source.forEachRow(of: .attributes, CatalogLoading.columnColumns) {
            row, toast throws(StorageError) in
            guard wanted.contains(row.number(0)),
                let column = CatalogLoading.column(row, &toast, encoding)
            else { return }
            candidates[row.number(0), default: []].append(
                Candidate(column: column, version: row.version))
        }
        return found.map { relation, version in
            PastRelation(
                relation: relation, columns: columns(candidates[relation.number] ?? [], version),
                insertedBy: version.xmin)
        }
    }

    /// The columns that belong to a version of the table, without gaps.
    private static func columns(
        _ candidates: [Candidate], _ version: CatalogRow.Version
    ) -> [Column] {
        var best: [Int: (score: Int, column: Column)] = [:]
        for candidate in candidates {
            let number = candidate.column.number
            let score = score(candidate.version, version)
            if score >= best[number]?.score ?? 0 { best[number] = (score, candidate.column) }
        }
        var columns: [Column] = []
        while let next = best[columns.count + 1] { columns.append(next.column) }
        return columns
    }

    /// How likely both row versions were seen at the same time: what one transaction made or
    /// removed belongs together.
    private static func score(_ column: CatalogRow.Version, _ table: CatalogRow.Version) -> Int {
        (column.xmax != 0 && column.xmax == table.xmax ? 4 : 0)
            + (column.xmin == table.xmin ? 2 : 0) + (column.isVisible ? 1 : 0)
    }
}
