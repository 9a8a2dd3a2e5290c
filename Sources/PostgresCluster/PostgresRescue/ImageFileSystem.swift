internal import AsyncIO
internal import FileAccess
internal import SystemPackage
internal import Threads

/// A file system in which an image on a block device is a file like others. Refuses every change.
final class ImageFileSystem: FileSystem {
    private let kernel: any FileSystem
    private let isDevice: Bool

    /// - Throws: `fileOpenFailed` if the path is a pipe or the like, on which opening would wait.
    init(_ path: FilePath, over kernel: any FileSystem) throws(StorageError) {
        self.kernel = kernel
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

    func openRoot(_ path: FilePath) -> CInt { kernel.openRoot(path) }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        kernel.open(path, in: root, flags.union(.readOnly))
    }

    func close(_ descriptor: CInt) -> CInt { kernel.close(descriptor) }

    @unsafe
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        unsafe kernel.read(descriptor, vectors, at: offset)
    }

    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        -Int(EROFS)
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt { -EROFS }
    func truncate(_ descriptor: CInt, to size: Int64) -> CInt { -EROFS }
    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { -EROFS }

    func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        kernel.prefetch(descriptor, at: offset, count: count)
    }

    func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { -EROFS }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        adapted(kernel.status(descriptor, into: &status), &status)
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        adapted(kernel.status(path, in: root, into: &status), &status)
    }

    func rename(_ path: String, to target: String, in root: CInt) -> CInt { -EROFS }
    func unlink(_ path: String, in root: CInt) -> CInt { -EROFS }
    func removeDirectory(_ path: String, in root: CInt) -> CInt { -EROFS }
    func makeDirectory(_ path: String, in root: CInt) -> CInt { -EROFS }

    func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        kernel.list(descriptor, into: &names)
    }
}
