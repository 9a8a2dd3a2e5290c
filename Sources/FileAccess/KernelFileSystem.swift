internal import AsyncIO
internal import CPlatform
public import SystemPackage
public import Threads

/// The real file system: each call is the kernel's. It has no state.
public final class KernelFileSystem: FileSystem {
    private static let fileMode: mode_t = 0o600
    private static let directoryMode: mode_t = 0o700

    /// Makes one.
    public init() {}

    public var isSimulated: Bool { false }

    public func openRoot(_ path: FilePath) -> CInt {
        unsafe path.withPlatformString { path in
            unsafe lifted(Platform.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        }
    }

    public func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        var bits = O_CLOEXEC | (flags.contains(.readOnly) ? O_RDONLY : O_RDWR)
        if flags.contains(.create) { bits |= O_CREAT }
        if flags.contains(.exclusive) { bits |= O_EXCL }
        if flags.contains(.truncate) { bits |= O_TRUNC }
        if flags.contains(.direct) { bits |= strata_direct_io_flag() }
        if flags.contains(.directory) { bits |= O_DIRECTORY }
        // Writing through a link would change a file that belongs to another name.
        if !flags.contains(.readOnly) { bits |= O_NOFOLLOW }
        // Without O_NONBLOCK, opening a pipe in a file's place would wait for its other end.
        let descriptor = unsafe PathBytes.with(path) {
            lifted(unsafe openat(root, $0, bits | O_NONBLOCK, Self.fileMode))
        }
        if descriptor >= 0, fcntl(descriptor, F_SETFL, bits & strata_direct_io_flag()) < 0 {
            let error = -errno
            _ = close(descriptor)
            return error
        }
        if descriptor >= 0, flags.contains(.direct) {
            let error = strata_disable_cache(descriptor)
            if error < 0 {
                _ = close(descriptor)
                return error
            }
        }
        return descriptor
    }

    public func close(_ descriptor: CInt) -> CInt { result(Platform.close(descriptor)) }

    @unsafe
    public func read(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        let count = unsafe preadv(
            descriptor, vectors.baseAddress, CInt(vectors.count), off_t(offset))
        return count < 0 ? -Int(errno) : count
    }

    @unsafe
    public func readCached(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        unsafe Int(
            strata_read_cached(descriptor, vectors.baseAddress, CInt(vectors.count), offset))
    }

    @unsafe
    public func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        let count = unsafe pwritev(
            descriptor, vectors.baseAddress, CInt(vectors.count), off_t(offset))
        return count < 0 ? -Int(errno) : count
    }

    public func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        #if canImport(Darwin)
            result(fsync(descriptor))
        #else
            result(dataOnly ? fdatasync(descriptor) : fsync(descriptor))
        #endif
    }

    public func syncAll(_ descriptor: CInt) -> CInt { strata_sync_file_system(descriptor) }

    public func writeError(_ descriptor: CInt) -> CInt { strata_write_error(descriptor) }

    public func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        result(ftruncate(descriptor, off_t(size)))
    }

    public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        strata_allocate(descriptor, offset, count)
    }

    public func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        strata_prefetch(descriptor, offset, count)
    }

    public func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        strata_start_writeback(descriptor, offset, count)
    }

    public func atomicWriteUnits(_ descriptor: CInt) -> ClosedRange<Int>? {
        var (least, most): (UInt32, UInt32) = (0, 0)
        guard unsafe strata_atomic_write_units(descriptor, &least, &most) == 0 else { return nil }
        return Int(least)...Int(most)
    }

    public func nextData(
        _ descriptor: CInt, from offset: Int64, into range: inout Range<Int64>
    ) -> CInt {
        var (start, end): (Int64, Int64) = (0, 0)
        let error = unsafe strata_next_data(descriptor, offset, &start, &end)
        if error == 0 { range = start..<max(start, end) }
        return error
    }

    public func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        var raw = stat()
        let error = result(unsafe fstat(descriptor, &raw))
        if error == 0 { status = FileStatus(raw) }
        return error
    }

    public func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        var raw = stat()
        let error = unsafe PathBytes.with(path) { result(unsafe fstatat(root, $0, &raw, 0)) }
        if error == 0 { status = FileStatus(raw) }
        return error
    }

    public func linkStatus(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        var raw = stat()
        let error = unsafe PathBytes.with(path) {
            result(unsafe fstatat(root, $0, &raw, AT_SYMLINK_NOFOLLOW))
        }
        if error == 0 { status = FileStatus(raw) }
        return error
    }

    public func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        unsafe PathBytes.with(path) { path in
            unsafe PathBytes.with(target) { result(unsafe renameat(root, path, root, $0)) }
        }
    }

    public func unlink(_ path: String, in root: CInt) -> CInt {
        unsafe PathBytes.with(path) { result(unsafe unlinkat(root, $0, 0)) }
    }

    public func removeDirectory(_ path: String, in root: CInt) -> CInt {
        unsafe PathBytes.with(path) { result(unsafe unlinkat(root, $0, AT_REMOVEDIR)) }
    }

    public func makeDirectory(_ path: String, in root: CInt) -> CInt {
        unsafe PathBytes.with(path) { result(unsafe mkdirat(root, $0, Self.directoryMode)) }
    }

    public func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        // The stream owns and closes a descriptor of its own.
        let own = result(fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1))
        if own < 0 { return own }
        guard let stream = unsafe fdopendir(own) else {
            let error = -errno
            _ = close(own)
            return error
        }
        defer { unsafe closedir(stream) }
        unsafe rewinddir(stream)
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { return -errno }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: UInt8.self, capacity: 1) { bytes in
                    let count = unsafe strlen(
                        UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))
                    return unsafe PathBytes.string(
                        UnsafeBufferPointer(start: bytes, count: count))
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    private func result(_ value: CInt) -> CInt { value < 0 ? -errno : value }

    /// Moves a new descriptor off the numbers of the standard streams.
    private func lifted(_ descriptor: CInt) -> CInt { Descriptors.lifted(result(descriptor)) }
}

/// The library functions that ``KernelFileSystem``'s own methods would hide.
private enum Platform {
    static func open(_ path: UnsafePointer<CChar>, _ flags: CInt) -> CInt {
        #if canImport(Glibc)
            unsafe Glibc.open(path, flags)
        #else
            unsafe Darwin.open(path, flags)
        #endif
    }

    static func close(_ descriptor: CInt) -> CInt {
        #if canImport(Glibc)
            Glibc.close(descriptor)
        #else
            Darwin.close(descriptor)
        #endif
    }
}

extension FileStatus {
    fileprivate init(_ raw: stat) {
        switch raw.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        default: kind = .other
        }
        size = Int64(raw.st_size)
        device = UInt64(truncatingIfNeeded: raw.st_dev)
        serial = UInt64(raw.st_ino)
        linkCount = Int(raw.st_nlink)
        isReadableByOwner = raw.st_mode & S_IRUSR != 0 && raw.st_uid == geteuid()
    }
}
