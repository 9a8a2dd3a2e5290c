internal import FileAccess
internal import SystemPackage

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The exclusive right to a store, held as long as this object lives.
///
/// A `flock` on the file `strata.lock`: it belongs to the open file, so it keeps out a second
/// engine of the same process as well as other processes, and the kernel releases it when the
/// process dies, however it dies. The file holds the holder's process number, for messages only,
/// and is never removed. Plays the part of PostgreSQL's `postmaster.pid`.
struct StoreLock: ~Copyable {
    private let descriptor: CInt

    static let fileName = "strata.lock"

    /// Takes the lock, or fails at once.
    ///
    /// - Parameter changesNothing: leave the file as it is, which must exist then.
    /// - Throws: `storeLocked` naming the holder, `storeReadOnly`, or `fileOpenFailed`.
    init(directory: FilePath, changesNothing: Bool = false) throws(StorageError) {
        let path = directory.appending(Self.fileName)
        let access = changesNothing ? O_RDONLY : O_RDWR | O_CREAT
        let descriptor = Descriptors.lifted(
            unsafe path.withPlatformString {
                unsafe open($0, access | O_CLOEXEC | O_NOFOLLOW, 0o600)
            })
        guard descriptor >= 0 else { throw Self.openingError(directory, errno) }
        var result: CInt
        repeat { result = flock(descriptor, LOCK_EX | LOCK_NB) } while result < 0 && errno == EINTR
        if result < 0 {
            let number = errno
            let holder = Self.holder(descriptor)
            close(descriptor)
            guard number == EWOULDBLOCK else { throw Self.openingError(directory, number) }
            throw Self.lockedError(directory, holder)
        }
        self.descriptor = descriptor
        if !changesNothing { Self.writeHolder(descriptor) }
    }

    deinit { close(descriptor) }

    /// Who holds the lock, as far as the file tells.
    private static func holder(_ descriptor: CInt) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 20)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
        }
        let text = bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }
        return Int(String(decoding: text, as: UTF8.self))
    }

    /// What cannot be written costs a number in a message, nothing else.
    private static func writeHolder(_ descriptor: CInt) {
        let text = Array("\(getpid())\n".utf8)
        unsafe text.withUnsafeBytes {
            _ = unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0)
        }
        _ = ftruncate(descriptor, off_t(text.count))
    }

    private static func lockedError(_ directory: FilePath, _ holder: Int?) -> StorageError {
        let who: String
        if holder == Int(getpid()) {
            who = "by another engine of this process (\(getpid()))"
        } else {
            who = holder.map { "by process \($0)" } ?? "by another process"
        }
        return StorageError(
            .storeLocked, "store \"\(directory)\" is in use \(who)",
            remedy: "Close it there, or wait until it is closed.",
            at: StorageError.Location(path: fileName))
    }

    private static func openingError(_ directory: FilePath, _ number: CInt) -> StorageError {
        let isReadOnly = number == EACCES || number == EPERM || number == EROFS
        return StorageError(
            isReadOnly ? .storeReadOnly : .fileOpenFailed,
            "could not lock store \"\(directory)\"",
            remedy: isReadOnly
                ? "Give this user write permission on the directory and all in it, on a file system"
                    + " mounted for writing."
                : StorageError.fileRemedy(for: number),
            at: StorageError.Location(path: fileName), errorNumber: number)
    }
}
