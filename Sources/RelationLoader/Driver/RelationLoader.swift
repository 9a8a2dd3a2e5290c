public import RowText
public import Strata
public import SystemPackage
internal import Threads

/// Loads rows into relations of a store and scans them out of it.
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
/// Both block the calling thread, and so do not belong on Swift's cooperative pool. Memory is
/// constant, whatever the size of the source or relation.
public enum RelationLoader {
    /// Loads all records of `source`, or nothing.
    ///
    /// Pages are filled in place, in buffers of the pool. Until the call returns, readers see the
    /// relation as it was; if it throws, or the process ends, the store stays as it was.
    ///
    /// - Parameters:
    ///   - source: where the text comes from.
    ///   - name: the relation's name.
    ///   - engine: the store. The load uses up to two of its sessions at a time.
    ///   - options: what to do.
    ///   - progress: called on this thread now and then, no more often than
    ///     ``LoadOptions/progressIntervalNanoseconds`` says.
    /// - Returns: what was done.
    /// - Throws: ``LoaderError/text(_:)`` for a source that cannot be read or taken, with line,
    ///   column and value where it is a record's fault; ``LoaderError/storage(_:)`` with what
    ///   `Engine.beginLoad` and writing throw; ``LoaderError/cancelled``.
    @discardableResult
    public static func load(
        _ source: any ByteSource, into name: String, of engine: Engine,
        options: LoadOptions = LoadOptions(), progress: ((LoadProgress) -> Void)? = nil
    ) throws(LoaderError) -> LoadSummary {
        let clock = LoadClock(options, progress)
        if options.rejectsPath != nil && options.onError != .skip {
            let error = LoadError(
                .option("a file for rejected records is of use only where they are skipped"),
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

    /// Finds out whether a load could put its rejected records into a file, before there is a store
    /// to load into. The file is created if it is missing.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - store: the store's directory, which need not exist.
    /// - Throws: ``LoadError`` for a file that cannot be opened, that has contents, or that lies in
    ///   the store's directory.
    public static func checkRejects(_ path: FilePath, store: FilePath) throws(LoadError) {
        var status = stat()
        let found = unsafe path.withPlatformString { unsafe stat($0, &status) }
        // Opening a pipe and closing it again would end its reader.
        if found == 0 && status.st_mode & S_IFMT != S_IFREG {
            return try StorePath(store).refuse(path)
        }
        _ = try RejectsFile(path: path, store: store)
    }

    private static func load(
        _ input: LoadInput, _ pending: PendingLoad, _ clock: LoadClock
    ) throws(LoaderError) -> LoadSummary {
        let reader = try LoaderError.text { () throws(LoadError) in
            try input.makeReader(clock.options.csv)
        }
        let rejects = try LoaderError.text { () throws(LoadError) in
            try RejectsFile(
                path: clock.options.rejectsPath, store: pending.engine.path)
        }
        var run = LoadRun(reader, rejects, pending, input.schema, clock)
        try run.run()
        return LoadSummary(
            schema: input.schema, inferredFromRecordCount: input.inferredFromRecordCount,
            rowCount: run.rowCount, rejectedCount: run.rejectedCount,
            pageCount: pending.pageCount, byteCount: run.consumedByteCount,
            elapsedNanoseconds: clock.elapsed,
            methodName: pending.engine.ioMethodName)
    }
}
