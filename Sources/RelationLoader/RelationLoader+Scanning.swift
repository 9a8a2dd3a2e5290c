public import RowText
public import Strata
internal import Threads

extension RelationLoader {
    /// Reads the rows of a relation in the order of their pages and writes them.
    ///
    /// - Parameters:
    ///   - relation: a relation that has columns.
    ///   - output: where to write the rows.
    ///   - options: which rows and columns, and how to write them.
    /// - Returns: a summary of the scan.
    /// - Throws: ``LoaderError/storage(_:)`` if a column does not exist, reading fails, a tuple is
    ///   damaged or, at the end, rows are missing; what was read before has then been written. Such
    ///   faults are only reported if the options skip damage.
    ///   ``LoaderError/text(_:)`` if `output` cannot be written to. ``LoaderError/cancelled``.
    @discardableResult
    public static func scan(
        _ relation: Relation, to output: DescriptorOutput, options: ScanOptions = ScanOptions()
    ) throws(LoaderError) -> ScanSummary {
        let start = Clock.monotonicNanoseconds
        try LoaderError.text { () throws(LoadError) in
            try options.csv.validate(source: output.name)
        }
        guard let schema = relation.schema else { throw .storage(noSchema(relation.name)) }
        let selection = try selection(options.columns, schema, relation.name)
        let session = try LoaderError.storage { () throws(StorageError) in
            try relation.engine.makeSession()
        }
        defer { session.close() }
        var run = ScanRun(relation, schema, selection, output, options)
        do throws(LoaderError) {
            try run.run(session)
        } catch {
            // The rows read before belong to the user, and the first error matters more than a
            // second.
            try? run.flush()
            throw error
        }
        try run.flush()
        return ScanSummary(
            rowCount: run.rowCount, pageCount: run.pageCount, lossCount: run.lossCount,
            byteCount: output.byteCount,
            elapsedNanoseconds: Clock.monotonicNanoseconds &- start,
            methodName: relation.engine.ioMethodName)
    }

    private static func selection(
        _ names: [String]?, _ schema: Schema, _ relation: String
    ) throws(LoaderError) -> [Int]? {
        guard let names else { return nil }
        var selection: [Int] = []
        for name in names {
            guard let index = schema.index(of: name) else {
                throw .storage(
                    StorageError(
                        .notFound, "relation \"\(relation)\" has no column \"\(name)\"",
                        remedy: "Its columns are \(schema.sqlText).",
                        at: StorageError.Location(relation: relation)))
            }
            selection.append(index)
        }
        return selection
    }
}
