package import AsyncIO
package import FileAccess
internal import SystemPackage
internal import Threads

extension StorageError {
    /// Whether a system call failed as a file or directory is missing.
    package var isMissingFile: Bool { errorNumber == ENOENT }

    /// Whether a system call failed as nothing may be written.
    var isWriteRefusal: Bool {
        errorNumber == EACCES || errorNumber == EPERM || errorNumber == EROFS
    }

    /// Whether a system call failed for a reason that all files share: no space, descriptors,
    /// memory or permission to write at all.
    package var isOfWholeDisk: Bool {
        switch errorNumber {
        case ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EROFS: true
        default: false
        }
    }

    /// Whether a system call failed as what stands at a path is something else than a file that
    /// this process may read. It will fail likewise until that is mended.
    package var isBadFile: Bool {
        switch errorNumber {
        case ELOOP, EISDIR, ENOTDIR, EACCES, EPERM, ENXIO, ENODEV: true
        default: false
        }
    }

    /// What went wrong, without what helps.
    package var reason: String {
        guard let remedy = remedy ?? underlying?.remedy else { return description }
        return String(description.dropLast(remedy.count + 2))
    }

    /// For what opening a store meets: says that the store is read-only where that is the reason.
    package func asReadOnlyStore(_ directory: FilePath) -> StorageError {
        guard isWriteRefusal, code != .storeReadOnly else { return self }
        return StorageError(
            .storeReadOnly, "store \"\(directory)\" cannot be read and written",
            remedy: "Give this user write permission on the directory and all in it, on a file"
                + " system mounted for writing.",
            at: location, underlying: self)
    }
}
