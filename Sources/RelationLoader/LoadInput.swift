import RowText
import Strata

/// A source and the columns of its records, determined before anything is written.
struct LoadInput {
    let source: any ByteSource
    let schema: Schema
    let inferredFromRecordCount: Int?
    /// Whether the columns are those of the relation, and the caller has not declared that the
    /// source's are the same.
    let isOfRelation: Bool

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
            self.init(source: source, schema: schema, isOfRelation: true)
            return
        }
        let outcome = try LoaderError.text { () throws(LoadError) in
            try SchemaInference.infer(
                from: source, options: options.csv, limits: options.inference,
                onError: options.onError)
        }
        let schema = try LoaderError.text { () throws(LoadError) in
            try options.retyped(outcome.schema, source: source.name)
        }
        self.init(
            source: outcome.source, schema: schema,
            inferredFromRecordCount: outcome.recordCount)
    }

    private init(
        source: any ByteSource, schema: Schema, inferredFromRecordCount: Int? = nil,
        isOfRelation: Bool = false
    ) {
        self.source = source
        self.schema = schema
        self.inferredFromRecordCount = inferredFromRecordCount
        self.isOfRelation = isOfRelation
    }

    /// Makes a reader positioned before the first record.
    func makeReader(_ options: LoadOptions) throws(LoadError) -> CSVReader {
        let names = schema.columns.map(\.name)
        var reader = try CSVReader(
            source: source, options: options.csv, expectedFieldCount: names.count)
        reader.columnNames = names
        guard options.csv.hasHeader else {
            if options.match == .name {
                throw LoadError(
                    .option("columns can only be matched by name if there is a header"),
                    source: source.name)
            }
            return reader
        }
        let header = try reader.readHeader()
        // This may explain why it does not match.
        if HeaderCheck.looksLikeData(header, schema) {
            options.onWarning?(
                "the header looks like data (\(header.prefix(4).joined(separator: ", "))); if the"
                    + " first line is a record, load without a header")
        }
        let match = HeaderMatch(
            header: ColumnNames.valid(header, count: header.count), schema: schema)
        // Names of other columns than the header's say nothing about it.
        if names.starts(with: match.header) { warnOfRenaming(header, options) }
        if options.match == .name {
            try match.arrange(&reader, options.onWarning)
        } else {
            let mustName = isOfRelation && options.match == nil
            try match.checkPositions(&reader, mustName: mustName, options.onWarning)
        }
        return reader
    }

    private func warnOfRenaming(_ header: [String], _ options: LoadOptions) {
        let renamed = ColumnNames.renamed(header)
        guard !renamed.isEmpty else { return }
        // Names can be long, and have line breaks.
        var list = renamed.prefix(4).map { name in
            let old = String(name.old.prefix(80)) + (name.old.count > 80 ? "…" : "")
            return "\(old.debugDescription) became \"\(name.new)\""
        }
        if renamed.count > 4 { list.append("and \(renamed.count - 4) more") }
        options.onWarning?(
            "names in the header are repeated, too long or have line breaks:"
                + " \(list.joined(separator: ", "))")
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
