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
final class TablespaceFileSystem: ReadOnlyFileSystem {
    let underlying: any FileSystem
    private let folders: TablespaceFolders

    init(_ folders: TablespaceFolders, over kernel: any FileSystem) {
        self.folders = folders
        underlying = kernel
    }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        underlying.open(folders.resolve(path), in: root, flags.union(.readOnly))
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        underlying.status(folders.resolve(path), in: root, into: &status)
    }
}
