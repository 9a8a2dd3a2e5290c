public import AsyncIO
internal import Threads

extension StorageError.Code {
    /// A file that should exist does not.
    public static let fileMissing = Self(rawValue: "fileMissing")
    /// A file that was to be created exists.
    public static let fileExists = Self(rawValue: "fileExists")
    /// Another file or a directory has replaced a file that was opened before.
    public static let fileReplaced = Self(rawValue: "fileReplaced")
    /// A path is absolute, leaves the directory, or is no path at all.
    public static let invalidPath = Self(rawValue: "invalidPath")
    /// A file or directory could not be opened or created.
    public static let fileOpenFailed = Self(rawValue: "fileOpenFailed")
    /// Reading a file failed.
    public static let fileReadFailed = Self(rawValue: "fileReadFailed")
    /// Writing a file failed.
    public static let fileWriteFailed = Self(rawValue: "fileWriteFailed")
    /// Growing a file by zeroes failed. The file has its old size again unless the message says
    /// otherwise.
    public static let fileExtendFailed = Self(rawValue: "fileExtendFailed")
    /// Shortening a file failed.
    public static let fileTruncateFailed = Self(rawValue: "fileTruncateFailed")
    /// A file's status could not be read, or the kernel refused advice about it.
    public static let fileStatusFailed = Self(rawValue: "fileStatusFailed")
    /// A name could not be created, changed, removed or listed.
    public static let directoryChangeFailed = Self(rawValue: "directoryChangeFailed")
    /// Memory, offset or length of a transfer is not aligned for direct IO.
    public static let misalignedIO = Self(rawValue: "misalignedIO")
    /// The file system offers no direct IO.
    public static let directIOUnsupported = Self(rawValue: "directIOUnsupported")
}

extension StorageError {
    /// Makes an error for a failed system call on a file: the message, the path, the `errno` and a
    /// remedy.
    ///
    /// - Parameters:
    ///   - code: kept, except that running out of descriptors is always `resourcesExhausted`, and
    ///     the loss of a file system to another process always `fenced`.
    ///   - errorNumber: positive.
    static func file(
        _ code: Code, _ message: String, path: String, errorNumber: CInt, remedy: String? = nil
    ) -> StorageError {
        let (known, knownRemedy): (Code, String?) =
            switch errorNumber {
            case EMFILE, ENFILE: (.resourcesExhausted, nil)
            case ESHUTDOWN: (.fenced, fileRemedy(for: errorNumber))
            default: (code, nil)
            }
        return StorageError(
            known, message, remedy: knownRemedy ?? remedy ?? fileRemedy(for: errorNumber),
            at: Location(path: path), errorNumber: errorNumber)
    }

    /// The remedy when a file accepts only part of a write and the kernel gives no reason.
    public static let shortWriteRemedy =
        "Free space on the file system, or raise the file size limit (ulimit -f), and try again."

    /// The remedy for a failed system call on a file; nil if none applies in general.
    ///
    /// For layers that word the errors of IO they started themselves.
    public static func fileRemedy(for errorNumber: CInt) -> String? {
        switch errorNumber {
        case ENOSPC:
            "Free space on the file system, or move the store to a larger one, and try again."
        case EDQUOT: "Raise the disk quota, or free space within it, and try again."
        case EFBIG:
            "Raise the file size limit (ulimit -f), or use a file system with larger files."
        case EMFILE:
            "Raise the process's descriptor limit (ulimit -n), or lower "
                + "FileAccessConfiguration.maximumOpenFiles."
        case ENFILE: "Raise the system's descriptor limit (sysctl fs.file-max)."
        case EACCES, EPERM:
            "Give this user read and write permission on the file and its directory."
        case EROFS: "Remount the file system for writing."
        case EISDIR: "Move the directory away and restore the file whose place it has taken."
        case ENOTDIR: "Check the path: a file stands where a directory should be."
        case ENOENT: "Restore the missing file, or the directory it belongs in."
        case EIO: "Check the kernel's log and the disk: the device failed."
        case ENOMEM: "Free memory, or raise the memory limit, and try again."
        case ELOOP: "Replace the symbolic link by a file or directory."
        case ENAMETOOLONG: "Use a shorter path."
        case ENOTEMPTY: "Remove the directory's contents first."
        case ESHUTDOWN:
            "Close the store here, and open it again where no other process has it: another process"
                + " has taken it over."
        case ETIMEDOUT: "Wait until the storage answers, and open the store again."
        case ENXIO, ENODEV: "Check that the device is attached."
        default: nil
        }
    }
}
