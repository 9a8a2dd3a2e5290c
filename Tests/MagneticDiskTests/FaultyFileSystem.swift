import AsyncIO
import FileAccess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The kernel's file system with as many bytes left as a test says, and syncs that fail on demand.
///
/// Space is counted as writes and allocations are made; nothing gives it back.
final class FaultyFileSystem: FileSystem {
    private let kernel = KernelFileSystem()
    private let space = Lock<Int?>(nil)
    private let recovers = Lock(false)
    private let syncError = Lock<CInt>(0)

    /// Leaves so many bytes, nil for no limit.
    ///
    /// - Parameter recovers: there is space again after one call found none.
    func leave(_ bytes: Int?, recovers: Bool = false) {
        space.withLock { $0 = bytes }
        self.recovers.withLock { $0 = recovers }
    }
    func failSyncs(_ errorNumber: CInt) { syncError.withLock { $0 = errorNumber } }

    /// How many of `wanted` bytes there is space for.
    private func take(_ wanted: Int) -> Int {
        space.withLock { space in
            guard let left = space else { return wanted }
            let taken = min(left, wanted)
            let isOver = taken == 0 && wanted > 0 && recovers.withLock { $0 }
            space = isOver ? nil : left - taken
            return taken
        }
    }

    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        let wanted = unsafe vectors.reduce(0) { unsafe $0 + $1.iov_len }
        let taken = take(wanted)
        if taken == 0 { return -Int(ENOSPC) }
        if taken == wanted { return unsafe kernel.write(descriptor, vectors, at: offset) }
        guard let first = unsafe vectors.first else { return 0 }
        let cut = unsafe iovec(iov_base: first.iov_base, iov_len: min(first.iov_len, taken))
        return unsafe withUnsafePointer(to: cut) {
            unsafe kernel.write(
                descriptor, UnsafeBufferPointer(start: $0, count: 1), at: offset)
        }
    }

    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        let taken = take(Int(count))
        if taken == count { return kernel.allocate(descriptor, at: offset, count: count) }
        // As some file systems do: what there was space for stays.
        if taken > 0 { _ = kernel.allocate(descriptor, at: offset, count: Int64(taken)) }
        return -ENOSPC
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        let error = syncError.withLock { $0 }
        return error != 0 ? -error : kernel.sync(descriptor, dataOnly: dataOnly)
    }

    func openRoot(_ path: String) -> CInt { kernel.openRoot(path) }
    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        kernel.open(path, in: root, flags)
    }
    func close(_ descriptor: CInt) -> CInt { kernel.close(descriptor) }
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        unsafe kernel.read(descriptor, vectors, at: offset)
    }
    func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        kernel.truncate(descriptor, to: size)
    }
    func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        kernel.prefetch(descriptor, at: offset, count: count)
    }
    func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        kernel.startWriteback(descriptor, at: offset, count: count)
    }
    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        kernel.status(descriptor, into: &status)
    }
    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        kernel.status(path, in: root, into: &status)
    }
    func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        kernel.rename(path, to: target, in: root)
    }
    func unlink(_ path: String, in root: CInt) -> CInt { kernel.unlink(path, in: root) }
    func removeDirectory(_ path: String, in root: CInt) -> CInt {
        kernel.removeDirectory(path, in: root)
    }
    func makeDirectory(_ path: String, in root: CInt) -> CInt {
        kernel.makeDirectory(path, in: root)
    }
    func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        kernel.list(descriptor, into: &names)
    }
}
