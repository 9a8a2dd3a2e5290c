package import AsyncIO
package import FileAccess
internal import SystemPackage
internal import Threads

/// The right to use a store, as long as this object lives: one writer alone, or any number of
/// readers.
///
/// It holds a `flock` on the store's directory and another one on its file `strata.lock`. Both
/// belong to the open files, so they exclude a second engine of the same process as well as other
/// processes. The kernel releases them when the process dies in any way. The directory's lock holds
/// even if the file is replaced; the file's lock is the one that older programs know. A writer
/// leaves its process number in the file while it holds the lock, for messages only. Corresponds to
/// PostgreSQL's `postmaster.pid`.
package struct StoreLock: ~Copyable {
    /// The purpose of the lock.
    package enum Use {
        /// Writing; no other engine may have the store open.
        case writing
        /// Reading; other readers may have the store open. Nothing is created or changed.
        case reading
    }

    private let directory: OwnedDescriptor
    /// Holds no descriptor for a reader of a store whose lock file is missing or may not be opened.
    private let file: OwnedDescriptor
    private let use: Use

    package static let fileName = "strata.lock"

    /// Takes the lock, or fails at once.
    ///
    /// - Throws: `storeLocked`, naming the holder if known; `storeReadOnly`; `fileOpenFailed`, also
    ///   if the lock file is not a regular file.
    package init(directory path: FilePath, for use: Use) throws(StorageError) {
        let directory = OwnedDescriptor(
            Descriptors.lifted(
                unsafe path.withPlatformString {
                    unsafe open($0, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                }))
        guard directory.number >= 0 else { throw StoreLock.failure(path, -directory.number) }
        let file = try StoreLock.openFile(path, directory, use)
        try StoreLock.take(directory.number, use, path, file: file.number)
        if file.number >= 0 {
            try StoreLock.take(file.number, use, path, file: file.number)
            if use == .writing {
                guard StoreLock.isOwn(file.number) else { throw StoreLock.foreign(path) }
                StoreLock.write("\(getpid())\n", to: file.number)
            }
        }
        self.directory = directory
        self.file = file
        self.use = use
    }

    deinit {
        // Keeps later readers of the file from taking this process for the holder.
        if use == .writing && file.isOwn { StoreLock.write("", to: file.number) }
    }

    /// Whether the names still refer to what is locked: `strata.lock` to the locked file, and
    /// `root` to the locked directory.
    ///
    /// - Parameter root: the directory whose files the engine uses.
    package borrowing func isIntact(root: FileStatus?) -> Bool {
        var held = stat()
        guard unsafe fstat(directory.number, &held) == 0, let root,
            root.serial == UInt64(held.st_ino),
            root.device == UInt64(truncatingIfNeeded: held.st_dev)
        else { return false }
        if file.number < 0 { return true }
        var named = stat()
        return unsafe fstat(file.number, &held) == 0
            && fstatat(directory.number, Self.fileName, &named, AT_SYMLINK_NOFOLLOW) == 0
            && named.st_ino == held.st_ino && named.st_dev == held.st_dev
    }

    // MARK: The file

    private static func openFile(
        _ path: FilePath, _ directory: borrowing OwnedDescriptor, _ use: Use
    ) throws(StorageError) -> OwnedDescriptor {
        let access = use == .reading ? O_RDONLY : O_RDWR | O_CREAT
        // Without O_NONBLOCK, opening a pipe in its place would wait for the pipe's other end.
        let flags = access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let file = OwnedDescriptor(
            Descriptors.lifted(unsafe openat(directory.number, fileName, flags, 0o600)))
        if file.number < 0 {
            let number = -file.number
            let isDispensable = number == ENOENT || number == EACCES || number == EPERM
            if use == .reading && isDispensable { return file }
            throw failure(path, number)
        }
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0 else { throw failure(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw failure(path, status.st_mode & S_IFMT == S_IFDIR ? EISDIR : ENXIO)
        }
        return file
    }

    /// Whether the file can be one that a writer left: a process number at most, or the zeroes that
    /// a power cut makes of it, under no other name. Anything else may be a relation's file, and
    /// must not be emptied.
    private static func isOwn(_ descriptor: CInt) -> Bool {
        var bytes = [UInt8](repeating: 0, count: longestContent + 1)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
        }
        return isShort(descriptor) && count >= 0
            && bytes.prefix(count).allSatisfy { byte in
                byte == UInt8(ascii: "\n") || byte == 0
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")) ~= byte
            }
    }

    private static func isShort(_ descriptor: CInt) -> Bool {
        var status = stat()
        return unsafe fstat(descriptor, &status) == 0 && status.st_nlink <= 1
            && status.st_size <= longestContent
    }

    /// The most bytes of a process number and a line feed.
    private static let longestContent = 20

    /// If writing fails, only a message lacks the number.
    private static func write(_ text: String, to descriptor: CInt) {
        // Emptied first, since an old number must not be taken for this process's.
        guard isShort(descriptor), ftruncate(descriptor, 0) == 0, !text.isEmpty else { return }
        let bytes = Array(text.utf8)
        unsafe bytes.withUnsafeBytes {
            _ = unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0)
        }
    }

    // MARK: Locking

    fileprivate static func lock(_ descriptor: CInt, _ operation: CInt) -> CInt {
        while flock(descriptor, operation | LOCK_NB) < 0 {
            if errno != EINTR { return errno }
        }
        return 0
    }

    private static func take(
        _ descriptor: CInt, _ use: Use, _ path: FilePath, file: CInt
    ) throws(StorageError) {
        let number = lock(descriptor, use == .writing ? LOCK_EX : LOCK_SH)
        switch number {
        case 0: return
        case EWOULDBLOCK:
            throw locked(path, isWritten: isWritten(descriptor), file)
        default:
            // Some file systems cannot lock directories; there the file's lock must suffice.
            if descriptor == file { throw failure(path, number) }
        }
    }

    /// Whether a writer holds what could not be locked. Readers would share it.
    private static func isWritten(_ descriptor: CInt) -> Bool {
        if lock(descriptor, LOCK_SH) != 0 { return true }
        _ = lock(descriptor, LOCK_UN)
        return false
    }

    /// The process that has the lock file for writing, if it is known and alive.
    private static func writer(_ file: CInt) -> Int? {
        guard file >= 0, isWritten(file) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(file, $0.baseAddress, $0.count, 0)
        }
        let text = bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }
        guard let number = pid_t(String(decoding: text, as: UTF8.self)), number > 0,
            kill(number, 0) == 0 || errno == EPERM
        else { return nil }
        return Int(number)
    }

    // MARK: Words

    private static func locked(_ path: FilePath, isWritten: Bool, _ file: CInt) -> StorageError {
        let who: String
        switch writer(file) {
        case let number? where number == Int(getpid()):
            who = "in use by another engine of this process (\(number))"
        case let number?: who = "in use by process \(number)"
        case nil: who = isWritten ? "in use elsewhere" : "open for reading elsewhere"
        }
        return StorageError(
            .storeLocked, "store \"\(path)\" is \(who)",
            remedy: "Close it there, or wait until it is closed.",
            at: StorageError.Location(path: fileName))
    }

    private static func foreign(_ path: FilePath) -> StorageError {
        StorageError(
            .fileOpenFailed,
            "could not lock store \"\(path)\": \"\(fileName)\" is another file, or has another name"
                + " as well",
            remedy: "Move it to where it belongs, or remove that name if nothing needs it: the lock"
                + " file is made anew when the store is opened for writing.",
            at: StorageError.Location(path: fileName))
    }

    private static func failure(_ path: FilePath, _ number: CInt) -> StorageError {
        let location = StorageError.Location(path: fileName)
        let anew = "Remove it: it is made anew when the store is opened for writing."
        let what: String?
        switch number {
        case ELOOP: what = "is a symbolic link, which is refused"
        case EISDIR: what = "is a directory"
        case ENXIO: what = "is not a file"
        default: what = nil
        }
        if let what {
            return StorageError(
                .fileOpenFailed, "could not lock store \"\(path)\": \"\(fileName)\" \(what)",
                remedy: anew, at: location)
        }
        let isReadOnly = number == EACCES || number == EPERM || number == EROFS
        return StorageError(
            isReadOnly ? .storeReadOnly : .fileOpenFailed, "could not lock store \"\(path)\"",
            remedy: isReadOnly
                ? "Give this user write permission on the directory and all in it, on a file system"
                    + " mounted for writing."
                : StorageError.fileRemedy(for: number),
            at: location, errorNumber: number)
    }
}

/// A kernel descriptor that is unlocked and closed when this value is destroyed.
private struct OwnedDescriptor: ~Copyable {
    /// The descriptor, or a negated `errno`.
    let number: CInt
    private let process = getpid()

    /// Whether this is the process that opened it. A child has a copy of this value, and shares the
    /// open file, but the lock is its parent's.
    var isOwn: Bool { process == getpid() }

    /// Takes the result of opening.
    init(_ result: CInt) {
        number = result < 0 ? -errno : Descriptors.lifted(result)
    }

    deinit {
        guard number >= 0 else { return }
        // Closing alone would not end a lock whose open file a child shares: the child of another
        // thread has all descriptors until it executes its program.
        if isOwn { _ = StoreLock.lock(number, LOCK_UN) }
        close(number)
    }
}
