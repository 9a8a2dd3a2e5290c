public import AsyncIO
internal import Threads

extension FileAccess {
    /// What is known of what stands at a path without opening it; nil for nothing. A symbolic link
    /// is followed.
    ///
    /// Blocks for one system call. Any thread.
    ///
    /// - Throws: `invalidPath`, or `fileStatusFailed` when the kernel cannot say.
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
