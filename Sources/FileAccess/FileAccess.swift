public import AsyncIO
internal import Logging
internal import Synchronization
public import SystemPackage
internal import Threads

/// The files of one store: virtual descriptors over a bounded set of kernel ones.
///
/// All paths are relative to one directory, which is held open. The process may therefore change
/// its working directory, and the directory may be renamed. One object serves an engine and all its
/// threads; every call may come from any thread. Mirrors PostgreSQL's `fd.c`.
///
/// A kernel descriptor is opened when a ``VirtualFile`` is used and stays open until another file
/// needs its place. A clock over the descriptors that are not lent picks the one to close. If all
/// are lent, more are opened as far as the process's limit leaves room. Beyond that, using a file
/// throws `resourcesExhausted`.
public final class FileAccess: Sendable {
    /// Memory, offset and length of direct IO must be multiples of this many bytes.
    public static let directIOAlignment = 4096

    /// The directory, as it was given.
    public let root: FilePath
    /// The directory as text for display; bytes that are not UTF-8 are replaced.
    public var directory: String { root.string }
    /// The settings it was made with.
    public let configuration: FileAccessConfiguration
    /// How many kernel descriptors stay open while they are not lent.
    public let maximumOpenFiles: Int

    /// Whether every call that would create, write, shorten, rename, remove or sync something
    /// throws `storeReadOnly`. See ``FileAccessConfiguration/opensReadOnly``.
    public let isReadOnly: Bool

    let fileSystem: any FileSystem
    let logger: Logger
    let rootDescriptor: CInt
    let table = Lock(DescriptorTable(), rank: .descriptorTable)
    let ledger = SyncLedger()
    let togetherSync = TogetherSync()
    let counters = FileCounters()
    let zeroes: ZeroBytes

    /// Holds a directory open for its files.
    ///
    /// - Parameters:
    ///   - directory: an existing directory, relative to the process's working directory.
    ///   - configuration: the settings.
    /// - Throws: `invalidConfiguration` if a limit is below 1; `invalidPath` if the path is empty;
    ///   `fileMissing` or `fileOpenFailed` if the directory cannot be opened.
    public convenience init(
        directory: String, configuration: FileAccessConfiguration = FileAccessConfiguration()
    ) throws(StorageError) {
        try self.init(directory: try FilePath(checking: directory), configuration: configuration)
    }

    /// Holds a directory open for its files.
    ///
    /// - Parameters:
    ///   - directory: an existing directory, relative to the process's working directory.
    ///   - configuration: the settings.
    /// - Throws: as ``init(directory:configuration:)-(String,_)``.
    public init(
        directory: FilePath, configuration: FileAccessConfiguration = FileAccessConfiguration()
    ) throws(StorageError) {
        guard configuration.maximumOpenFiles >= 1 else {
            throw StorageError(
                .invalidConfiguration,
                "\(configuration.maximumOpenFiles) is not a possible number of open files",
                remedy: "Set FileAccessConfiguration.maximumOpenFiles to 1 or more.")
        }
        if directory.isEmpty { throw StorageError.emptyPath }
        self.root = directory
        self.configuration = configuration
        isReadOnly = configuration.opensReadOnly
        fileSystem = configuration.fileSystem
        logger = configuration.logger
        let ceiling = FileAccessConfiguration.descriptorCeiling
        maximumOpenFiles = min(configuration.maximumOpenFiles, ceiling)
        zeroes = ZeroBytes()
        let fileSystem = fileSystem
        let descriptor = retrying { fileSystem.openRoot(directory) }
        rootDescriptor = descriptor
        guard descriptor >= 0 else {
            throw .file(
                .opening(errorNumber: -descriptor), "could not open directory \"\(directory)\"",
                path: directory.string, errorNumber: -descriptor)
        }
        if maximumOpenFiles < configuration.maximumOpenFiles {
            logger.info(
                "fewer files are kept open than configured: the process's descriptor limit is low",
                metadata: [
                    "configured": "\(configuration.maximumOpenFiles)",
                    "used": "\(maximumOpenFiles)",
                ])
        }
    }

    deinit {
        if rootDescriptor >= 0 { _ = fileSystem.close(rootDescriptor) }
    }

    /// Opens a file, or creates it with ``FileOptions/create``.
    ///
    /// Opens its kernel descriptor at once, so that problems show here. Follows a symbolic link in
    /// the file's place for reading only: what is written through a link could belong to another
    /// relation. Mirrors PostgreSQL's `PathNameOpenFile`.
    ///
    /// - Throws: `invalidPath`, `fileMissing`, `fileExists`, `directIOUnsupported`,
    ///   `fileOpenFailed`; `resourcesExhausted` if no descriptor is available; `storeReadOnly` if
    ///   ``isReadOnly`` and the options may change the file.
    public func open(_ path: String, _ options: FileOptions = []) throws(StorageError)
        -> VirtualFile
    {
        try check(path)
        if !options.creationFlags.isEmpty {
            try checkChangeable(
                options.creationFlags.contains(.create) ? "create file" : "empty file", path)
        }
        var flags = options.reopenFlags
        if configuration.usesDirectIO && !options.contains(.buffered)
            && !options.contains(.directory)
        {
            flags.insert(.direct)
        }
        if isReadOnly { flags.insert(.readOnly) }
        let slot = DescriptorSlot(path: path, flags: flags)
        try openFirst(slot, flags.union(options.creationFlags))
        counters.virtualFiles.add(1, ordering: .relaxed)
        return VirtualFile(self, slot)
    }

    /// Makes an empty queue of files to make durable together.
    ///
    /// - Parameter system: the core that its fsyncs run on.
    /// - Throws: `resourcesExhausted` if the core's registries are full.
    public func makeSyncQueue(system: IOSystem) throws(StorageError) -> SyncQueue {
        try SyncQueue(self, system)
    }

    /// What has been done so far, and what is open. Each figure is exact; together they are not of
    /// one instant.
    public var statistics: FileStatistics { counters.statistics }
}

extension StorageError {
    package static var emptyPath: StorageError {
        StorageError(
            .invalidPath, "the name of the directory is empty", remedy: "Name a directory.",
            at: Location(path: ""))
    }
}

extension FilePath {
    /// Makes a path from text.
    ///
    /// - Throws: `invalidPath` if the text is empty or has a NUL character, which would end the
    ///   path early.
    package init(checking text: String) throws(StorageError) {
        if text.isEmpty { throw StorageError.emptyPath }
        guard !text.utf8.contains(0) else {
            throw StorageError(
                .invalidPath, "\(text.debugDescription) is not a path: it has a NUL character",
                remedy: "Give the path without it.", at: .init(path: text))
        }
        self.init(text)
    }
}

extension StorageError.Code {
    static func opening(errorNumber: CInt) -> Self {
        switch errorNumber {
        case ErrorNumber.missing: .fileMissing
        case ErrorNumber.exists: .fileExists
        default: .fileOpenFailed
        }
    }
}
