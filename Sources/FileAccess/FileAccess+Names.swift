public import AsyncIO
internal import Threads

/// The `errno` values that files without libc compare with.
enum ErrorNumber {
    static let missing = ENOENT
    static let exists = EEXIST
    static let badDescriptor = EBADF
}

/// What concerns names rather than contents. All calls block, and may come from any thread.
extension FileAccess {
    /// What stands at a path; nil for nothing. A symbolic link is followed.
    ///
    /// - Throws: `invalidPath`, or `fileStatusFailed` when the kernel cannot say.
    public func kind(of path: String) throws(StorageError) -> FileStatus.Kind? {
        try check(path)
        var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
        let error = retrying { fileSystem.status(path, in: rootDescriptor, into: &status) }
        if error == -ENOENT || error == -ENOTDIR { return nil }
        if error < 0 {
            throw .file(
                .fileStatusFailed, "could not read the status of \"\(path)\"", path: path,
                errorNumber: -error)
        }
        return status.kind
    }

    /// How many bytes at least and at most a write to a file can have that is done whole or not at
    /// all, even when the power fails; nil where kernel, file system or disk do not say.
    ///
    /// - Throws: what opening the file throws.
    public func atomicWriteUnits(of path: String) throws(StorageError) -> ClosedRange<Int>? {
        let file = try open(path, .readOnly)
        defer { file.closeNow() }
        return try file.withDescriptor { fileSystem.atomicWriteUnits($0) }
    }

    /// Whether anything stands at a path.
    ///
    /// - Throws: as ``kind(of:)``.
    public func exists(_ path: String) throws(StorageError) -> Bool { try kind(of: path) != nil }

    /// Removes a file. Durable once its directory has been synced.
    ///
    /// Virtual files open on it keep working while their kernel descriptor is not evicted, so they
    /// should be closed first. A failed fsync of the file is forgotten with it.
    ///
    /// - Parameter ifExists: a missing file is no error.
    /// - Returns: whether there was one.
    /// - Throws: `fileMissing`, `directoryChangeFailed`; `storeReadOnly` where there is something
    ///   to remove and must not be.
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
    /// - Parameter ifExists: a missing directory is no error.
    /// - Returns: whether there was one.
    /// - Throws: `fileMissing`, `directoryChangeFailed`; `storeReadOnly` where there is something
    ///   to remove and must not be.
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

    /// Gives a file another name, replacing what had it, so that a crash leaves the one or the
    /// other: the file is synced, renamed, and both directories are synced.
    ///
    /// Virtual files open on either name must have been closed. Mirrors PostgreSQL's
    /// `durable_rename`.
    ///
    /// - Throws: `fileMissing`, `directoryChangeFailed`, or what opening the directories throws,
    ///   and the old names stand; `fileSyncFailed` when it cannot be said which do after a crash;
    ///   `storeReadOnly`.
    public func rename(_ path: String, to target: String) throws(StorageError) {
        try check(target)
        try checkChangeable("rename file", path)
        let file = try open(path, [.readOnly, .buffered])
        try file.sync()
        file.closeNow()
        // Open from here on: after the rename nothing is left to go wrong but a sync, as every
        // other error says that the old names stand.
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

    /// A directory whose descriptor is there until ``closeHeld(_:)``.
    private func openHeld(_ path: String) throws(StorageError) -> VirtualFile {
        let directory = try open(path, .directory)
        _ = try directory.hold()
        return directory
    }

    private func closeHeld(_ directory: VirtualFile) {
        directory.takeBack(token: 0)
        directory.closeNow()
    }

    /// Creates a directory and those above it that are missing, and makes them durable.
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
            // Made by another thread meanwhile, it exists just as well.
            try createDirectories(path)
        default:
            throw changeError("create directory", path, -error)
        }
    }

    /// Makes durable which names are in a directory; `.` is the whole store's. Mirrors
    /// PostgreSQL's `fsync_fname` for a directory.
    ///
    /// - Throws: `fileMissing`, `fileOpenFailed`, `fileSyncFailed`; `storeReadOnly`.
    public func syncDirectory(_ path: String) throws(StorageError) {
        try checkChangeable("sync directory", path)
        let directory = try open(path, .directory)
        defer { directory.closeNow() }
        try directory.sync()
    }

    /// The names in a directory, sorted; `.` is the whole store's.
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
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isInside =
            !path.utf8.contains(0)
            && !parts.contains { $0.isEmpty || $0.elementsEqual("..".utf8) }
        guard isInside else {
            throw StorageError(
                .invalidPath, "\"\(path)\" is no path within the store's directory",
                remedy: "Give a relative path without empty parts and without \"..\".",
                at: .init(path: path))
        }
    }

    private func changeError(_ action: String, _ path: String, _ errorNumber: CInt) -> StorageError
    {
        .file(
            errorNumber == ENOENT ? .fileMissing : .directoryChangeFailed,
            "could not \(action) \"\(path)\"", path: path, errorNumber: errorNumber)
    }
}
