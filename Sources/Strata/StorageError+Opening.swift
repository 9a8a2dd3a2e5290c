internal import SystemPackage

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

extension StorageError {
    /// Whether a system call failed as a file or directory is missing.
    var isMissingFile: Bool { errorNumber == ENOENT }

    /// Whether a system call failed as nothing may be written.
    var isWriteRefusal: Bool {
        errorNumber == EACCES || errorNumber == EPERM || errorNumber == EROFS
    }

    /// For what opening a store meets: says that the store is read-only where that is the reason.
    func asReadOnlyStore(_ directory: FilePath) -> StorageError {
        guard isWriteRefusal, code != .storeReadOnly else { return self }
        return StorageError(
            .storeReadOnly, "store \"\(directory)\" cannot be read and written",
            remedy: "Give this user write permission on the directory and all in it, on a file"
                + " system mounted for writing.",
            at: location, underlying: self)
    }
}
