public import Strata

/// Rows that come from elsewhere than text, such as another database, for
/// ``RelationLoader/load(rowsOf:into:of:options:progress:)``.
///
/// One thread at a time takes them, once, from the first to the last.
public protocol RowSource {
    /// The source's name in messages.
    var name: String { get }
    /// The columns of the rows.
    var schema: Schema { get }
    /// The positions of columns whose values are texts that the load reads as PostgreSQL does,
    /// instead of datums.
    var textColumns: Set<Int> { get }

    /// The next rows; nil behind the last.
    ///
    /// - Throws: ``LoaderError`` if there is another row that cannot be had. The load then ends
    ///   with this error.
    mutating func next() throws(LoaderError) -> DatumBatch?
}

extension RowSource {
    /// None: all values are datums.
    public var textColumns: Set<Int> { [] }
}

extension RelationLoader {
    /// Loads all rows of `source`, or nothing.
    ///
    /// Like ``load(_:into:of:options:progress:onWidening:)``, but the columns are those of the
    /// source, and values are checked and copied instead of being parsed.
    ///
    /// - Parameters:
    ///   - source: the rows.
    ///   - name: the relation's name.
    ///   - engine: the store. The load uses up to two of its sessions at a time.
    ///   - options: the mode, the storage manager and its options, the cancellation, and the
    ///     interval of progress; the others concern text and are not used.
    ///   - progress: called on this thread.
    /// - Returns: a summary of the load. Its bytes are those of the batches.
    /// - Throws: what `source` throws; ``LoaderError/text(_:)`` with the row and the column if a
    ///   value is none of its column, is NULL but must not be, or no page has room for a row;
    ///   ``LoaderError/storage(_:)`` with what `Engine.beginLoad` and writing throw, such as
    ///   `misuse` if the relation to append to has other columns; ``LoaderError/cancelled``.
    @discardableResult
    public static func load(
        rowsOf source: any RowSource, into name: String, of engine: Engine,
        options: LoadOptions = LoadOptions(), progress: ((LoadProgress) -> Void)? = nil
    ) throws(LoaderError) -> LoadSummary {
        let clock = LoadClock(options, nil, progress)
        try options.cancellation.check()
        let session = try LoaderError.storage { () throws(StorageError) in
            try engine.makeSession()
        }
        defer { session.close() }
        let pending = try LoaderError.storage { () throws(StorageError) in
            try engine.beginLoad(
                LoadTarget(
                    relation: name, schema: source.schema, mode: options.mode,
                    managerName: options.managerName, managerOptions: options.managerOptions),
                session: session)
        }
        var run = DatumRun(source, pending, clock)
        do throws(LoaderError) {
            return try run.run()
        } catch {
            run.abandon()
            throw error
        }
    }
}
