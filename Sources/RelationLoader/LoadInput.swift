import RowText
import Strata

/// A source and the columns of its records, determined before anything is written.
struct LoadInput {
    let source: any ByteSource
    let schema: Schema
    let inferredFromRecordCount: Int?
    /// Whether the header must name the columns: they are the relation's, and the caller has not
    /// declared that the source's are the same.
    let matchesHeader: Bool

    init(
        _ source: any ByteSource, into name: String, of engine: Engine, _ options: LoadOptions
    ) throws(LoaderError) {
        if let schema = options.schema {
            self.init(source: source, schema: schema)
            return
        }
        if options.mode == .append {
            let relation = try LoaderError.storage { () throws(StorageError) in
                try engine.relation(named: name)
            }
            guard let schema = relation.schema else {
                throw .storage(RelationLoader.noSchema(name))
            }
            self.init(source: source, schema: schema, matchesHeader: options.csv.hasHeader)
            return
        }
        let outcome = try LoaderError.text { () throws(LoadError) in
            try SchemaInference.infer(
                from: source, options: options.csv, limits: options.inference,
                onError: options.onError)
        }
        self.init(
            source: outcome.source, schema: outcome.schema,
            inferredFromRecordCount: outcome.recordCount)
    }

    private init(
        source: any ByteSource, schema: Schema, inferredFromRecordCount: Int? = nil,
        matchesHeader: Bool = false
    ) {
        self.source = source
        self.schema = schema
        self.inferredFromRecordCount = inferredFromRecordCount
        self.matchesHeader = matchesHeader
    }

    /// Makes a reader positioned before the first record.
    func makeReader(_ options: CSVOptions) throws(LoadError) -> CSVReader {
        let names = schema.columns.map(\.name)
        var reader = try CSVReader(
            source: source, options: options, expectedFieldCount: names.count)
        reader.columnNames = names
        guard options.hasHeader else { return reader }
        let header = try reader.readHeader()
        if header.count != names.count {
            throw reader.failure(
                header.count < names.count
                    ? .missingFields(expected: names.count, found: header.count)
                    : .extraFields(expected: names.count, found: header.count),
                field: min(header.count, names.count))
        }
        if matchesHeader {
            let found = ColumnNames.valid(header, count: names.count)
            for index in names.indices where found[index] != names[index] {
                throw reader.failure(.unexpectedColumn(expected: names[index]), field: index)
            }
        }
        return reader
    }
}

extension RelationLoader {
    static func noSchema(_ name: String) -> StorageError {
        StorageError(
            .misuse, "relation \"\(name)\" has pages but no columns",
            remedy: "Load into a relation that has columns.",
            at: StorageError.Location(relation: name))
    }
}
