import StorageTesting
import Strata

#if canImport(Glibc)
    import Glibc
#endif

/// Keeps a folder of a simulated disk for one user, as if it were a file system.
public final class Folder: FileSystem {
    public let disk: SimulatedDisk
    public let name: String

    public init(_ disk: SimulatedDisk, _ name: String) {
        self.disk = disk
        self.name = name
        if disk.makeDirectory(name, in: 0) == 0 {
            let root = disk.openRoot("/")
            _ = disk.sync(root, dataOnly: false)
            _ = disk.close(root)
        }
    }

    private func path(_ path: String) -> String { path.isEmpty ? name : "\(name)/\(path)" }

    public func openRoot(_ path: FilePath) -> CInt {
        disk.open(name, in: 0, [.readOnly, .directory])
    }
    public func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        disk.open(self.path(path), in: root, flags)
    }
    public func close(_ descriptor: CInt) -> CInt { disk.close(descriptor) }
    public func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64)
        -> Int
    {
        disk.read(descriptor, vectors, at: offset)
    }
    public func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64)
        -> Int
    {
        disk.write(descriptor, vectors, at: offset)
    }
    public func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        disk.sync(descriptor, dataOnly: dataOnly)
    }
    public func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        disk.truncate(descriptor, to: size)
    }
    public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        disk.allocate(descriptor, at: offset, count: count)
    }
    public func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }
    public func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }
    public func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        disk.status(descriptor, into: &status)
    }
    public func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        disk.status(self.path(path), in: root, into: &status)
    }
    public func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        disk.rename(self.path(path), to: self.path(target), in: root)
    }
    public func unlink(_ path: String, in root: CInt) -> CInt {
        disk.unlink(self.path(path), in: root)
    }
    public func removeDirectory(_ path: String, in root: CInt) -> CInt {
        disk.removeDirectory(self.path(path), in: root)
    }
    public func makeDirectory(_ path: String, in root: CInt) -> CInt {
        disk.makeDirectory(self.path(path), in: root)
    }
    public func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        disk.list(descriptor, into: &names)
    }
}
