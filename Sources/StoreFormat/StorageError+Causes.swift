package import AsyncIO
package import FileAccess
internal import SystemPackage
internal import Threads

extension StorageError {
    /// Whether a system call failed because a file or directory is missing.
    package var isMissingFile: Bool { errorNumber == ENOENT }

    /// Whether a system call failed because this user may not do that.
    var isWriteRefusal: Bool {
        errorNumber == EACCES || errorNumber == EPERM || errorNumber == EROFS
    }

    /// Whether a system call failed for a reason that concerns all files: no space, descriptors,
    /// memory, or permission to write at all.
    package var isOfWholeDisk: Bool {
        switch errorNumber {
        case ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EROFS: true
        default: false
        }
    }

    /// Whether a call failed for lack of descriptors or memory, which says nothing about its file.
    package var isExhaustion: Bool {
        switch errorNumber {
        case EMFILE, ENFILE, ENOMEM: true
        default: code == .resourcesExhausted
        }
    }

    /// Whether a system call failed because a path does not name a file that this process may read.
    /// Repeating the call will fail likewise until that is repaired.
    package var isBadFile: Bool {
        switch errorNumber {
        case ELOOP, EISDIR, ENOTDIR, EACCES, EPERM, ENXIO, ENODEV: true
        default: false
        }
    }

    /// The error's message without the remedy.
    package var reason: String {
        guard let remedy = remedy ?? underlying?.remedy else { return description }
        return String(description.dropLast(remedy.count + 2))
    }

    /// For errors of opening a store: turns them into `storeReadOnly` if that is the cause.
    package func asReadOnlyStore(_ directory: FilePath) -> StorageError {
        guard isWriteRefusal, code != .storeReadOnly else { return self }
        return StorageError(
            .storeReadOnly, "store \"\(directory)\" cannot be read and written",
            remedy: "Give this user write permission on the directory and all in it, on a file"
                + " system mounted for writing.",
            at: location, underlying: self)
    }
}
