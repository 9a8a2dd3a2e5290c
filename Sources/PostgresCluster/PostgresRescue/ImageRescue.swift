public import AsyncIO
internal import FileAccess
internal import PageChecking
public import PostgresReading
public import SystemPackage

/// Rescues rows of a dropped or lost table from a disk image or a block device: its pages are found
/// by their headers and the table's columns, wherever they are. Nothing is written.
///
/// ```swift
/// let image = try ImageRescue.open("/dev/sdb1")
/// let schema = try RescueSchema(parsing: "id bigint, name text")
/// let report = try image.salvage(schema) { row in … }
/// ```
///
/// The image is read once, from beginning to end; then the rows that have values stored out of line
/// are read again with their values. A page is taken if all rows on it fit the columns exactly, and
/// one has them all. Tables whose columns have the same lengths, alignments and possible values
/// cannot be told apart. Calls block; one object serves one call at a time.
public final class ImageRescue {
    /// The image, as it was given.
    public let path: String
    let files: FileAccess
    let system: IOSystem
    let target: IOTargetID
    /// The image's name in its folder.
    let name: String

    /// Opens an image: a regular file or a block device.
    ///
    /// - Throws: `fileMissing`, `fileOpenFailed`, `invalidPath`, `invalidConfiguration`,
    ///   `methodUnavailable`, or what opening files throws.
    public static func open(
        _ path: FilePath, options: PostgresOptions = PostgresOptions()
    ) throws(StorageError) -> ImageRescue {
        try ImageRescue(path, options)
    }

    /// Opens an image.
    ///
    /// - Throws: as ``open(_:options:)-(FilePath,_)``; `invalidPath` if the text is not a path.
    public static func open(
        _ path: String, options: PostgresOptions = PostgresOptions()
    ) throws(StorageError) -> ImageRescue {
        try ImageRescue(try FilePath(checking: path), options)
    }

    private init(_ path: FilePath, _ options: PostgresOptions) throws(StorageError) {
        guard let last = path.lastComponent, last.kind == .regular else {
            throw StorageError(
                .fileOpenFailed, "\"\(path)\" is not the path of an image",
                remedy: "Give a file or a block device.",
                at: StorageError.Location(path: path.string))
        }
        self.path = path.string
        name = last.string
        let parent = path.removingLastComponent()
        var configuration = FileAccessConfiguration()
        configuration.fileSystem = try ImageFileSystem(path, over: options.fileSystem)
        configuration.usesDirectIO = options.usesDirectIO
        configuration.opensReadOnly = true
        configuration.logger = options.logger
        files = try FileAccess(
            directory: parent.isEmpty ? "." : parent, configuration: configuration)
        var settings = IOConfiguration()
        settings.method = options.ioMethod
        settings.maximumSessions = Self.sessions
        settings.executor = options.ioExecutor
        settings.logger = options.logger
        system = try IOSystem(configuration: settings)
        do throws(StorageError) {
            target = try system.register(target: VerificationTarget())
        } catch {
            system.shutdown()
            throw error
        }
    }

    private static let sessions = 4

    /// Closes the image.
    public func close() { system.shutdown() }

    /// Salvages the rows of a table, in the order of their pages in the image; rows with values
    /// stored out of line come last.
    ///
    /// Memory is bounded: sixteen bytes for each page found, and for each chunk of values stored
    /// out of line, up to 64 MiB each.
    ///
    /// - Parameters:
    ///   - schema: the table's columns, dropped ones included.
    ///   - options: which pages and rows to take.
    ///   - directory: a data directory whose log tells which transactions committed; without one,
    ///     only the hints in the rows tell.
    ///   - observer: hears of what cannot be read or is not trusted, and of progress.
    ///   - row: is given each row; false ends the salvage.
    /// - Throws: what `row` throws; `fileMissing`, `fileOpenFailed`, `resourcesExhausted`,
    ///   `closed`. Damage is no error.
    public func salvage(
        _ schema: RescueSchema, options: ImageOptions = ImageOptions(),
        directory: DataDirectory? = nil, observer: SalvageObserver = SalvageObserver(),
        _ row: (RescuedRow) throws(StorageError) -> Bool
    ) throws(StorageError) -> SalvageReport {
        let session = try system.makeSession()
        defer { session.close() }
        let salvage = try ImageSalvage(self, schema, options, directory, observer, session)
        return try salvage.run(row)
    }
}

/// Which pages and rows of an image to take.
public struct ImageOptions: Sendable, Hashable {
    /// Whether to include row versions that were deleted, replaced, or never committed.
    public var includesDead = false
    /// Whether to take pages on which no row has all columns. They are older than the last columns,
    /// or another table's.
    public var acceptsShortRows = false

    /// Makes options for all rows that may be visible.
    public init() {}
}
