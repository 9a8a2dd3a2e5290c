import AsyncIO
import FileAccess
import StorageTesting
import Synchronization
import Threads

/// A simulated disk that, when told, refuses to open a file right after it was renamed.
final class OpenFailingDisk: FileSystem, IOExecutor {
    let disk = SimulatedDisk()
    /// Fails once, then resets.
    let failsAfterRename = Atomic<Bool>(false)
    private let renamed = Lock<String?>(nil, rank: .observer)

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let isRefused = renamed.withLock { renamed in
            defer { if renamed == path { renamed = nil } }
            return renamed == path
        }
        return isRefused ? -EIO : disk.open(path, in: root, flags)
    }

    func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        let result = disk.rename(path, to: target, in: root)
        if result == 0, failsAfterRename.exchange(false, ordering: .relaxed) {
            renamed.withLock { $0 = target }
        }
        return result
    }

    // MARK: The rest goes through

    func execute(_ io: StagedIO) -> Int { disk.execute(io) }
    func openRoot(_ path: FilePath) -> CInt { disk.openRoot(path) }
    func close(_ descriptor: CInt) -> CInt { disk.close(descriptor) }
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        disk.read(descriptor, vectors, at: offset)
    }
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        disk.write(descriptor, vectors, at: offset)
    }
    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        disk.sync(descriptor, dataOnly: dataOnly)
    }
    func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        disk.truncate(descriptor, to: size)
    }
    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        disk.allocate(descriptor, at: offset, count: count)
    }
    func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        disk.prefetch(descriptor, at: offset, count: count)
    }
    func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        disk.startWriteback(descriptor, at: offset, count: count)
    }
    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        disk.status(descriptor, into: &status)
    }
    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        disk.status(path, in: root, into: &status)
    }
    func unlink(_ path: String, in root: CInt) -> CInt { disk.unlink(path, in: root) }
    func removeDirectory(_ path: String, in root: CInt) -> CInt {
        disk.removeDirectory(path, in: root)
    }
    func makeDirectory(_ path: String, in root: CInt) -> CInt {
        disk.makeDirectory(path, in: root)
    }
    func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        disk.list(descriptor, into: &names)
    }
}
