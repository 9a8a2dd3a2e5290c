internal import AsyncIO
internal import FileAccess
internal import SystemPackage
internal import Threads

/// Where relations are stored: a database's folder in a tablespace. The storage manager knows
/// relations by database number and file number, below `base` or `global`. A folder elsewhere gets
/// a number that no database has, and ``TablespaceFileSystem`` maps its paths to the true ones.
final class TablespaceFolders: Sendable {
    /// Folders' numbers start here. Database numbers count from 1 and never reach it.
    static let firstNumber: UInt32 = 0xE000_0000

    private let folders = Lock<[String]>([], rank: .tablespaceFolders)

    /// The number that stands for `folder`.
    func number(of folder: String) -> UInt32 {
        folders.withLock { folders in
            if let index = folders.firstIndex(of: folder) {
                return Self.firstNumber + UInt32(index)
            }
            folders.append(folder)
            return Self.firstNumber + UInt32(folders.count - 1)
        }
    }

    /// The true path of a file that the storage manager names.
    func resolve(_ path: String) -> String {
        guard path.hasPrefix("base/") else { return path }
        let rest = path.dropFirst(5)
        let digits = rest.prefix { $0 != "/" }
        guard let number = UInt32(digits), number >= Self.firstNumber else { return path }
        let index = Int(number - Self.firstNumber)
        let folder: String? = folders.withLock { $0.indices.contains(index) ? $0[index] : nil }
        guard let folder else { return path }
        return folder + rest.dropFirst(digits.count)
    }
}

/// A file system, usually the kernel's, with the paths of tablespaces mapped to their true ones.
/// Refuses every change.
final class TablespaceFileSystem: FileSystem {
    private let kernel: any FileSystem
    private let folders: TablespaceFolders

    init(_ folders: TablespaceFolders, over kernel: any FileSystem) {
        self.folders = folders
        self.kernel = kernel
    }

    func openRoot(_ path: FilePath) -> CInt { kernel.openRoot(path) }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        kernel.open(folders.resolve(path), in: root, flags.union(.readOnly))
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
        kernel.status(descriptor, into: &status)
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        kernel.status(folders.resolve(path), in: root, into: &status)
    }

    func rename(_ path: String, to target: String, in root: CInt) -> CInt { -EROFS }
    func unlink(_ path: String, in root: CInt) -> CInt { -EROFS }
    func removeDirectory(_ path: String, in root: CInt) -> CInt { -EROFS }
    func makeDirectory(_ path: String, in root: CInt) -> CInt { -EROFS }

    func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        kernel.list(descriptor, into: &names)
    }
}
