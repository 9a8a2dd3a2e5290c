package import AsyncIO
package import FileAccess
internal import SystemPackage
internal import Threads

/// Inspects the directory in which a store is to be opened, without changing anything.
package enum StoreDirectory {
    /// The result of an inspection.
    package enum Finding {
        /// No directory.
        case missing
        /// A directory in which a store can be created: empty, or with an unfinished creation.
        case empty
        /// A store.
        case store(StoreControl)
    }

    /// The directories of relations.
    package static let relationDirectories = ["base/\(Catalog.database)", "global"]

    /// Inspects the directory.
    ///
    /// - Parameter open: opens the store's files, for which the directory must exist.
    /// - Throws: `notAStore`, `storeTooNew`, `controlDamaged`, or what reading throws.
    package static func inspect(_ directory: FilePath, open: () throws(StorageError) -> FileAccess)
        throws(StorageError) -> Finding
    {
        let files: FileAccess
        do throws(StorageError) {
            files = try open()
        } catch {
            switch error.errorNumber {
            case ENOENT: return .missing
            case ENOTDIR:
                throw StorageError(
                    .notAStore, "\"\(directory)\" is not a directory",
                    remedy: "Give the directory of a store, or a new one.",
                    at: StorageError.Location(path: directory.string))
            default: throw error
            }
        }
        let bytes = try StoreFiles(files: files).read(
            StoreControl.fileName, StoreControl.file, atMost: StoreControl.fileSize
        ) { reason in StoreControl.error(.damaged(reason), directory.string) }
        if let bytes { return .store(try StoreControl(bytes, directory: directory.string)) }
        let names = try files.list()
        if try isUnfinished(names, files) { return .empty }
        if names.contains(Catalog.fileName) || names.contains(StoreLock.fileName) {
            throw StorageError(
                .controlDamaged,
                "the control file \"\(StoreControl.fileName)\" of store"
                    + " \"\(directory)\" is missing",
                remedy: "Restore it from a backup of this store.",
                at: StorageError.Location(path: StoreControl.fileName))
        }
        throw StorageError(
            .notAStore,
            "directory \"\(directory)\" is not a Strata store and not empty: it has"
                + " \"\(names.first ?? "")\"",
            remedy: "Give the directory of a store, or an empty or new one.",
            at: StorageError.Location(path: directory.string))
    }

    /// Whether a directory without a control file has only what an unfinished creation leaves: no
    /// file that can hold a user's data. The control file is created last.
    private static func isUnfinished(_ names: [String], _ files: FileAccess) throws(StorageError)
        -> Bool
    {
        let temporaries = [Catalog.fileName, StoreControl.fileName].flatMap(StoreFiles.temporaries)
        let known = Set([StoreLock.fileName, Catalog.fileName, "base", "global"] + temporaries)
        guard names.allSatisfy(known.contains) else { return false }
        if names.contains(Catalog.fileName), try !hasNewCatalog(files) { return false }
        for path in ["base"] + relationDirectories where try files.kind(of: path) == .directory {
            let inside = try files.list(path)
            guard inside.isEmpty || (path == "base" && inside == ["\(Catalog.database)"]) else {
                return false
            }
        }
        return true
    }

    /// Makes the directory of shared relations anew if it is missing. It never holds relations, so
    /// nothing is lost with it.
    ///
    /// - Throws: what making it throws.
    package static func makeShared(_ files: FileAccess) throws(StorageError) {
        for path in relationDirectories where path != PresentFiles.directory {
            if try !files.exists(path) { try files.createDirectories(path) }
        }
    }

    /// Whether a directory holds a store that contains nothing but its own files.
    ///
    /// - Throws: what ``inspect(_:open:)`` and reading the catalog throw.
    package static func isEmptyStore(_ files: FileAccess, _ directory: FilePath)
        throws(StorageError)
        -> Bool
    {
        let finding = try inspect(directory) { () throws(StorageError) in files }
        guard case .store(let control) = finding else { return false }
        let store = StoreFiles(files: files)
        let catalog = try store.readCatalog(control)
        guard catalog.relations.isEmpty, catalog.remains.isEmpty, try !store.hasForeignMark()
        else { return false }
        let own: Set = [
            StoreControl.fileName, Catalog.fileName, StoreLock.fileName, StoreMark.fileName, "base",
            "global",
        ]
        guard try own.isSuperset(of: files.list()) else { return false }
        for path in relationDirectories {
            guard try files.list(path).isEmpty else { return false }
        }
        return try files.list("base") == ["\(Catalog.database)"]
    }

    /// Removes the files of a store that contains nothing else. An interruption leaves a directory
    /// in which a store can be created.
    ///
    /// - Throws: `directoryChangeFailed`, `fileSyncFailed`.
    package static func removeStore(
        _ files: FileAccess, _ directory: FilePath, keepsDirectory: Bool
    ) throws(StorageError) {
        // First, since a directory with the mark must be a complete store.
        try files.remove(StoreMark.fileName, ifExists: true)
        try files.syncDirectory(".")
        // Without it there is no store, only what an unfinished creation leaves.
        try files.remove(StoreControl.fileName)
        try files.syncDirectory(".")
        try files.remove(Catalog.fileName)
        for path in relationDirectories + ["base"] {
            try files.removeDirectory(path, ifExists: true)
        }
        try files.remove(StoreLock.fileName, ifExists: true)
        if keepsDirectory {
            try files.syncDirectory(".")
        } else if unsafe directory.withPlatformString({ unsafe rmdir($0) }) < 0 {
            throw StorageError(
                .directoryChangeFailed, "could not remove directory \"\(directory)\"",
                at: StorageError.Location(path: directory.string), errorNumber: errno)
        }
    }

    /// Whether the catalog is one of a new store, which knows nothing that could be lost.
    private static func hasNewCatalog(_ files: FileAccess) throws(StorageError) -> Bool {
        let store = StoreFiles(files: files)
        do throws(StorageError) {
            let head = try store.head(
                of: Catalog.fileName, SealedFile.headerSize + Catalog.headSize)
            guard head.count == SealedFile.headerSize + Catalog.headSize else { return false }
            let catalog = try store.readCatalog(
                StoreControl(
                    identifier: Catalog.head(head).identifier, segmentBlocks: 1,
                    hasPageChecksums: true))
            return catalog.relations.isEmpty && catalog.remains.isEmpty
        } catch {
            guard error.code == .catalogDamaged || error.code == .storeTooNew || error.isBadFile
            else { throw error }
            return false
        }
    }

    /// Creates the files of a store, the control file last.
    ///
    /// - Throws: what creating and syncing them throws.
    package static func create(
        _ store: StoreFiles, _ control: StoreControl, session: Session
    ) throws(StorageError) {
        for path in relationDirectories { try store.files.createDirectories(path) }
        // Those that an earlier attempt left behind may not be durable yet.
        for path in ["base", "."] { try store.files.syncDirectory(path) }
        let catalog = Catalog(identifier: control.identifier)
        try store.replaceCatalog(by: catalog, nil, session: session)
        try store.replace(
            StoreControl.fileName, StoreControl.file, with: control.encoded(), session: session)
    }

    /// Creates the directory, and makes its name durable in its parent.
    ///
    /// - Throws: `storeMissing` if the parent is missing, `storeReadOnly`, `fileOpenFailed`.
    package static func create(_ directory: FilePath) throws(StorageError) {
        let made = unsafe directory.withPlatformString { unsafe mkdir($0, 0o700) }
        if made < 0 && errno != EEXIST { throw creationError(directory, errno) }
        let parent = Descriptors.lifted(
            unsafe directory.appending("..").withPlatformString {
                unsafe open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            })
        guard parent >= 0 else { throw creationError(directory, errno) }
        defer { close(parent) }
        guard fsync(parent) == 0 else { throw creationError(directory, errno) }
    }

    private static func creationError(_ directory: FilePath, _ number: CInt) -> StorageError {
        let location = StorageError.Location(path: directory.string)
        switch number {
        case ENOENT:
            return StorageError(
                .storeMissing, "could not create directory \"\(directory)\"",
                remedy: "Create its parent directory first.", at: location,
                errorNumber: number)
        case EACCES, EPERM, EROFS:
            return StorageError(
                .storeReadOnly, "could not create directory \"\(directory)\"",
                remedy: "Give this user write permission on the directory that is to hold it.",
                at: location, errorNumber: number)
        default:
            return StorageError(
                .fileOpenFailed, "could not create directory \"\(directory)\"",
                remedy: StorageError.fileRemedy(for: number), at: location, errorNumber: number)
        }
    }
}
