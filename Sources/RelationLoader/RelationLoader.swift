public import RowText
public import Strata
public import SystemPackage
internal import Threads

/// Loads rows into relations of a store, and scans them.
///
/// ```swift
/// var options = LoadOptions()
/// options.mode = .replace
/// let summary = try RelationLoader.load(
///     FileSource(path: "airports.csv"), into: "airports", of: engine, options: options)
/// try RelationLoader.scan(
///     engine.relation(named: "airports"), to: DescriptorOutput(descriptor: 1, name: "stdout"))
/// ```
///
/// Both block the calling thread, so call neither on Swift's cooperative pool. Memory is constant
/// but for the values of one row, whatever the size of the source or relation.
public enum RelationLoader {
    /// Loads all records of `source`, or nothing.
    ///
    /// Pages are filled in place, in buffers of the pool. Until the call returns, readers see the
    /// relation as it was. If it throws, or the process ends, the store is unchanged.
    ///
    /// - Parameters:
    ///   - source: the input text.
    ///   - name: the relation's name.
    ///   - engine: the store. The load uses up to two of its sessions at a time.
    ///   - options: the load's options.
    ///   - progress: called on this thread, no more often than every
    ///     ``LoadOptions/progressIntervalNanoseconds``.
    ///   - onWidening: called on this thread before the rows so far are written again with wider
    ///     types (``LoadOptions/widens``).
    /// - Returns: a summary of the load.
    /// - Throws: ``LoaderError/text(_:)`` if the source or a record cannot be read, or if every
    ///   record was skipped; the error names line, column and value of a bad record.
    ///   ``LoaderError/storage(_:)`` with what `Engine.beginLoad` and writing throw.
    ///   ``LoaderError/cancelled``.
    @discardableResult
    public static func load(
        _ source: any ByteSource, into name: String, of engine: Engine,
        options: LoadOptions = LoadOptions(), progress: ((LoadProgress) -> Void)? = nil,
        onWidening: ((LoadWidening) -> Void)? = nil
    ) throws(LoaderError) -> LoadSummary {
        let clock = LoadClock(options, onWidening, progress)
        if options.rejectsPath != nil && options.onError != .skip {
            let error = LoadError(
                .option("a file for rejected records needs the option to skip them"),
                source: source.name)
            throw .text(error)
        }
        try options.cancellation.check()
        let input = try LoadInput(source, into: name, of: engine, options)
        let session = try LoaderError.storage { () throws(StorageError) in
            try engine.makeSession()
        }
        defer { session.close() }
        let pending = try LoaderError.storage { () throws(StorageError) in
            try engine.beginLoad(
                LoadTarget(
                    relation: name, schema: input.schema, mode: options.mode,
                    managerName: options.managerName, managerOptions: options.managerOptions),
                session: session)
        }
        do throws(LoaderError) {
            return try load(input, pending, clock)
        } catch {
            pending.abort()
            throw error
        }
    }

    /// Opens an input that a user named: decompresses zstd, refuses what is no text, turns the text
    /// into UTF-8, and recognises the dialect. Load its source with its options.
    ///
    /// - Parameters:
    ///   - source: the input.
    ///   - options: the options that the user gave.
    ///   - encoding: the encoding; nil for UTF-8, or the one that is recognised.
    ///   - unknowns: what to recognise.
    ///   - columnCount: how many columns the records should have; nil if that is not known.
    /// - Throws: what `CSVDetection.open` throws.
    public static func open(
        _ source: any ByteSource, options: CSVOptions = CSVOptions(),
        encoding: InputEncoding? = nil, recognising unknowns: CSVDetection.Unknowns = .all,
        columnCount: Int? = nil
    ) throws(LoadError) -> CSVDetection.Outcome {
        try CSVDetection.open(
            try ZstdSource.unpacking(source), options: options, encoding: encoding,
            recognising: unknowns, columnCount: columnCount)
    }

    /// Checks whether a load could write its rejected records to a file, before a store exists.
    /// Creates the file if it is missing.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - store: the store's directory, which need not exist.
    /// - Throws: `LoadError` if the file cannot be opened, has contents, or is in the store's
    ///   directory.
    public static func checkRejects(_ path: FilePath, store: FilePath) throws(LoadError) {
        var status = stat()
        let found = unsafe path.withPlatformString { unsafe stat($0, &status) }
        // Opening and closing a pipe would end its reader.
        if found == 0 && status.st_mode & S_IFMT != S_IFREG {
            return try StorePath(store).refuse(path)
        }
        _ = try RejectsFile(path: path, store: store)
    }

    private static func load(
        _ input: LoadInput, _ pending: PendingLoad, _ clock: LoadClock
    ) throws(LoaderError) -> LoadSummary {
        let reader = try LoaderError.text { () throws(LoadError) in
            try input.makeReader(clock.options)
        }
        let rejects = try LoaderError.text { () throws(LoadError) in
            try RejectsFile(
                path: clock.options.rejectsPath, store: pending.engine.path)
        }
        var run = LoadRun(reader, rejects, pending, input.schema, clock)
        do throws(LoaderError) {
            try run.run()
        } catch {
            run.abandon()
            throw error
        }
        return LoadSummary(
            schema: run.schema, inferredFromRecordCount: input.inferredFromRecordCount,
            rowCount: run.rowCount, rejectedCount: run.rejectedCount,
            firstRejection: run.firstRejection, pageCount: run.pending.pageCount,
            byteCount: run.consumedByteCount,
            elapsedNanoseconds: clock.elapsed,
            methodName: pending.engine.ioMethodName)
    }
}
