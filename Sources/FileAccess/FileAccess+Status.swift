public import AsyncIO
internal import Threads

extension FileAccess {
    /// The status of what a path names, without opening it; nil if nothing. Follows symbolic links.
    ///
    /// Blocks for one system call. Any thread.
    ///
    /// - Throws: `invalidPath`, or `fileStatusFailed` if the kernel cannot tell.
    public func status(of path: String) throws(StorageError) -> FileStatus? {
        try status(of: path) { fileSystem.status(path, in: rootDescriptor, into: &$0) }
    }

    /// The status of what a path itself stands for: a symbolic link is of kind `other`, whatever it
    /// leads to. Nil if nothing.
    ///
    /// Blocks for one system call. Any thread.
    ///
    /// - Throws: as ``status(of:)``.
    public func linkStatus(of path: String) throws(StorageError) -> FileStatus? {
        try status(of: path) { fileSystem.linkStatus(path, in: rootDescriptor, into: &$0) }
    }

    private func status(of path: String, _ read: (inout FileStatus) -> CInt) throws(StorageError)
        -> FileStatus?
    {
        try check(path)
        var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
        let error = retrying { read(&status) }
        if error == -ENOENT || error == -ENOTDIR { return nil }
        if error < 0 {
            throw .file(
                .fileStatusFailed, "could not read the status of \"\(path)\"", path: path,
                errorNumber: -error)
        }
        return status
    }
}
