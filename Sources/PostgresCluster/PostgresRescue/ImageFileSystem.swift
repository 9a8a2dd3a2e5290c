internal import AsyncIO
internal import FileAccess
internal import PostgresReading
internal import SystemPackage
internal import Threads

/// A file system in which an image on a block device is a file like others.
final class ImageFileSystem: ReadOnlyFileSystem {
    let underlying: any FileSystem
    private let isDevice: Bool

    /// - Throws: `fileOpenFailed` if the path is a pipe or the like, on which opening would wait.
    init(_ path: FilePath, over kernel: any FileSystem) throws(StorageError) {
        underlying = kernel
        var status = stat()
        let result = unsafe path.withPlatformString { unsafe stat($0, &status) }
        let type = result == 0 ? status.st_mode & S_IFMT : S_IFREG
        isDevice = type == S_IFBLK
        guard type == S_IFREG || type == S_IFBLK || type == S_IFDIR else {
            throw StorageError(
                .fileOpenFailed, "\"\(path)\" is neither a file nor a block device",
                remedy: "Give a disk image or a block device.",
                at: StorageError.Location(path: path.string))
        }
    }

    private func adapted(_ result: CInt, _ status: inout FileStatus) -> CInt {
        if isDevice, status.kind == .other { status.kind = .file }
        return result
    }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        adapted(underlying.status(descriptor, into: &status), &status)
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        adapted(underlying.status(path, in: root, into: &status), &status)
    }
}
