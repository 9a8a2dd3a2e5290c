public import AsyncIO
internal import Threads

/// The `errno` values needed by files that do not import the C library.
enum ErrorNumber {
    static let missing = ENOENT
    static let exists = EEXIST
    static let badDescriptor = EBADF
}

/// Calls on names rather than contents. All of them block. Any thread.
extension FileAccess {
    /// What a path names; nil if nothing. Follows symbolic links.
    ///
    /// - Throws: `invalidPath`, or `fileStatusFailed` if the kernel cannot tell.
    public func kind(of path: String) throws(StorageError) -> FileStatus.Kind? {
        try status(of: path)?.kind
    }

    /// The least and greatest size in bytes of an atomic write to a file: one that is done as a
    /// whole or not at all, even across a power failure. Nil if the kernel, the file system or the
    /// disk does not say.
    ///
    /// - Throws: what opening the file throws.
    public func atomicWriteUnits(of path: String) throws(StorageError) -> ClosedRange<Int>? {
        let file = try open(path, .readOnly)
        defer { file.closeNow() }
        return try file.withDescriptor { fileSystem.atomicWriteUnits($0) }
    }

    /// Whether the path names anything.
    ///
    /// - Throws: as ``kind(of:)``.
    public func exists(_ path: String) throws(StorageError) -> Bool { try kind(of: path) != nil }

    /// Removes a file. Durable once its directory has been synced.
    ///
    /// Virtual files open on it work only until their kernel descriptor is evicted, so close them
    /// first. A failed fsync of the file is forgotten with it.
    ///
    /// - Parameters:
    ///   - path: the path, relative to the store's directory.
    ///   - ifExists: makes a missing file no error.
    /// - Returns: whether there was one.
    /// - Throws: `fileMissing`, `directoryChangeFailed`; `storeReadOnly` if the file exists and the
    ///   store is read-only.
    @discardableResult
    public func remove(_ path: String, ifExists: Bool = false) throws(StorageError) -> Bool {
        try check(path)
        if isReadOnly, ifExists, try !exists(path) { return false }
        try checkChangeable("remove file", path)
        let error = retrying { fileSystem.unlink(path, in: rootDescriptor) }
        if error < 0 && error != -ENOENT {
            throw changeError("remove file", path, -error)
        }
        ledger.forgive(path)
        if error == 0 { return true }
        if ifExists { return false }
        throw .file(
            .fileMissing, "could not remove file \"\(path)\"", path: path, errorNumber: ENOENT)
    }

    /// Removes an empty directory. Durable once its parent has been synced.
    ///
    /// - Parameters:
    ///   - path: the path, relative to the store's directory.
    ///   - ifExists: makes a missing directory no error.
    /// - Returns: whether there was one.
    /// - Throws: `fileMissing`, `directoryChangeFailed`; `storeReadOnly` if the directory exists
    ///   and the store is read-only.
    @discardableResult
    public func removeDirectory(_ path: String, ifExists: Bool = false) throws(StorageError) -> Bool
    {
        try check(path)
        if isReadOnly, ifExists, try !exists(path) { return false }
        try checkChangeable("remove directory", path)
        let error = retrying { fileSystem.removeDirectory(path, in: rootDescriptor) }
        if error == 0 {
            ledger.forgive(path)
            return true
        }
        if error == -ENOENT && ifExists { return false }
        throw changeError("remove directory", path, -error)
    }

    /// Renames a file, replacing any file with the new name, so that a crash leaves either the old
    /// state or the new one. Syncs the file, renames it, and syncs both directories.
    ///
    /// Virtual files on either name must be closed. Mirrors PostgreSQL's `durable_rename`.
    ///
    /// - Throws: `fileMissing`, `directoryChangeFailed`, or what opening the directories throws;
    ///   the old names then stand. `fileSyncFailed` if it is unknown which names stand after a
    ///   crash. `storeReadOnly`.
    public func rename(_ path: String, to target: String) throws(StorageError) {
        try check(target)
        try checkChangeable("rename file", path)
        let file = try open(path, [.readOnly, .buffered])
        try file.sync()
        file.closeNow()
        // Opens the directory before the rename. After it, only a sync may fail, since every other
        // error says that the old names stand.
        let directory = try openHeld(Self.parent(of: target))
        defer { closeHeld(directory) }
        let isMove = Self.parent(of: path) != Self.parent(of: target)
        let source = isMove ? try openHeld(Self.parent(of: path)) : nil
        defer { if let source { closeHeld(source) } }
        let error = retrying { fileSystem.rename(path, to: target, in: rootDescriptor) }
        if error < 0 {
            throw .file(
                error == -ENOENT ? .fileMissing : .directoryChangeFailed,
                "could not rename file \"\(path)\" to \"\(target)\"", path: path,
                errorNumber: -error)
        }
        ledger.forgive(path)
        ledger.forgive(target)
        try directory.sync()
        try source?.sync()
    }

    /// Opens a directory whose descriptor stays open until ``closeHeld(_:)``.
    private func openHeld(_ path: String) throws(StorageError) -> VirtualFile {
        let directory = try open(path, .directory)
        _ = try directory.hold()
        return directory
    }

    private func closeHeld(_ directory: VirtualFile) {
        directory.takeBack(token: 0)
        directory.closeNow()
    }

    /// Creates a directory and any missing parents, and makes them durable.
    ///
    /// - Throws: `directoryChangeFailed`, also when a file is in the way; `fileSyncFailed`;
    ///   `storeReadOnly`.
    public func createDirectories(_ path: String) throws(StorageError) {
        try check(path)
        if path == "." { return }
        try checkChangeable("create directory", path)
        let error = retrying { fileSystem.makeDirectory(path, in: rootDescriptor) }
        switch -error {
        case 0:
            try syncDirectory(Self.parent(of: path))
        case EEXIST:
            if try kind(of: path) != .directory {
                throw changeError("create directory", path, ENOTDIR)
            }
        case ENOENT where Self.parent(of: path) != ".":
            try createDirectories(Self.parent(of: path))
            // If another thread made it meanwhile, it exists just as well.
            try createDirectories(path)
        default:
            throw changeError("create directory", path, -error)
        }
    }

    /// Makes the names in a directory durable; `.` is the store's own. Mirrors PostgreSQL's
    /// `fsync_fname` for a directory.
    ///
    /// - Throws: `fileMissing`, `fileOpenFailed`, `fileSyncFailed`; `storeReadOnly`.
    public func syncDirectory(_ path: String) throws(StorageError) {
        try checkChangeable("sync directory", path)
        let directory = try open(path, .directory)
        defer { directory.closeNow() }
        try directory.sync()
    }

    /// The names in a directory, sorted; `.` is the store's own. Each names its file as a part of
    /// a path, UTF-8 or not: characters of an unused range, `U+10FE00` to `U+10FEFF`, stand for
    /// bytes that are not UTF-8.
    ///
    /// - Throws: `fileMissing`, `fileOpenFailed`, `directoryChangeFailed`.
    public func list(_ path: String = ".") throws(StorageError) -> [String] {
        let directory = try open(path, .directory)
        defer { directory.closeNow() }
        var names: [String] = []
        let error = try directory.withDescriptor { descriptor in
            retrying {
                names = []
                return fileSystem.list(descriptor, into: &names)
            }
        }
        if error < 0 { throw changeError("list directory", path, -error) }
        return names.sorted()
    }

    /// The directory that holds a path's last name; `.` for the store's own.
    static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return String(path[..<slash])
    }

    /// Refuses paths that could lead out of the directory.
    func check(_ path: String) throws(StorageError) {
        guard Self.isInside(path) else {
            throw StorageError(
                .invalidPath, "\"\(path)\" is not a path within the store's directory",
                remedy: "Give a relative path without empty parts and without \"..\".",
                at: .init(path: path))
        }
    }

    /// Whether a path has neither empty parts nor "..". Byte by byte, as it is asked of each file.
    private static func isInside(_ path: String) -> Bool {
        var (length, dots) = (0, 0)
        for byte in path.utf8 {
            switch byte {
            case 0: return false
            case UInt8(ascii: "/"):
                if length == 0 || (length == 2 && dots == 2) { return false }
                (length, dots) = (0, 0)
            case UInt8(ascii: "."): (length, dots) = (length + 1, dots + 1)
            default: length += 1
            }
        }
        return length > 0 && !(length == 2 && dots == 2)
    }

    private func changeError(_ action: String, _ path: String, _ errorNumber: CInt) -> StorageError
    {
        .file(
            errorNumber == ENOENT ? .fileMissing : .directoryChangeFailed,
            "could not \(action) \"\(path)\"", path: path, errorNumber: errorNumber)
    }
}
