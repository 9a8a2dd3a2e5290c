internal import AsyncIO
internal import PostgresCatalogs
internal import PostgresCluster

extension DumpScript {
    /// The statement that makes a sequence; nil for one of an identity column.
    func statement(forSequence sequence: Relation) -> String? {
        guard let entry = details.sequences[sequence.number],
            details.owners[sequence.number]?.isIdentity != true
        else { return nil }
        let type = " AS \(names.type(entry.type))"
        return "CREATE SEQUENCE \(names.relation(sequence.number))\(type)\(settings(entry));\n"
    }

    private func settings(_ entry: SequenceEntry) -> String {
        " START WITH \(entry.start) INCREMENT BY \(entry.increment) MINVALUE \(entry.minimum)"
            + " MAXVALUE \(entry.maximum) CACHE \(entry.cache)\(entry.cycles ? " CYCLE" : "")"
    }

    /// The statement that gives a sequence to its column.
    func ownership(of sequence: Relation) -> String? {
        guard let owner = details.owners[sequence.number], selection.contains(owner.relation),
            let column = names.column(owner.column, of: owner.relation)
        else { return nil }
        let table = names.relation(owner.relation)
        let name = names.relation(sequence.number)
        guard owner.isIdentity else {
            return "ALTER SEQUENCE \(name) OWNED BY \(table).\(column);\n"
        }
        guard let entry = details.sequences[sequence.number] else { return nil }
        let columns = catalog.columns[owner.relation] ?? []
        let isAlways = columns[owner.column - 1].identity == UInt8(ascii: "a")
        return "ALTER TABLE \(table) ALTER COLUMN \(column) ADD GENERATED"
            + " \(isAlways ? "ALWAYS" : "BY DEFAULT") AS IDENTITY"
            + " (SEQUENCE NAME \(name)\(settings(entry)));\n"
    }

    /// The statement that sets a sequence's value; nil if it has none.
    func value(of sequence: Relation) throws(StorageError) -> String? {
        guard let table = try database.table(numbered: sequence.number) else { return nil }
        var options = TableScanOptions()
        options.columns = ["last_value", "is_called"]
        var found: String?
        let scan = try database.scan(table, options: options)
        try scan.forEachRow { (row) throws(StorageError) in
            if case .integer(let value) = row[0], case .boolean(let isCalled) = row[1] {
                found =
                    "SELECT pg_catalog.setval("
                    + "\(DumpNames.literal(names.relation(sequence.number))), \(value),"
                    + " \(isCalled));\n"
            }
            return false
        }
        return found
    }
}
