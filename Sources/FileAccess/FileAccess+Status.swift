public import AsyncIO
internal import Threads

extension FileAccess {
    /// The status of what a path names, without opening it; nil if nothing. Follows symbolic links.
    ///
    /// Blocks for one system call. Any thread.
    ///
    /// - Throws: `invalidPath`, or `fileStatusFailed` if the kernel cannot tell.
    public func status(of path: String) throws(StorageError) -> FileStatus? {
        try check(path)
        var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
        let error = retrying { fileSystem.status(path, in: rootDescriptor, into: &status) }
        if error == -ENOENT || error == -ENOTDIR { return nil }
        if error < 0 {
            throw .file(
                .fileStatusFailed, "could not read the status of \"\(path)\"", path: path,
                errorNumber: -error)
        }
        return status
    }
}
