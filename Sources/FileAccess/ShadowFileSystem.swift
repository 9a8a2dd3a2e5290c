package import AsyncIO
internal import Synchronization
package import SystemPackage
package import Threads

/// A file system that shows an underlying one with changes that it keeps in memory.
///
/// Reads return the underlying data, except what was written here. So a program's changes to a
/// directory can be observed without making them. Nothing below is opened for writing. It is also
/// the executor of started IO, since that must see the same data.
///
/// Any thread. Memory grows with the changes, so it is meant for small ones.
package final class ShadowFileSystem: FileSystem, IOExecutor {
    private let underlying: any FileSystem
    private let state = Lock(ShadowState(), rank: .shadowFiles)
    /// Whether nothing is released at the end. Relaxed: it guards nothing.
    private let isPassing = Atomic<Bool>(false)

    /// Makes a view of that file system without changes.
    package init(over underlying: any FileSystem) { self.underlying = underlying }

    package var keepsRelationFiles: Bool { underlying.keepsRelationFiles }

    /// Keeps the underlying file system for another user.
    package func pass() { isPassing.store(true, ordering: .relaxed) }

    package func end() { if !isPassing.load(ordering: .relaxed) { underlying.end() } }

    /// Whether anything was changed.
    package var hasChanges: Bool { state.withLock { $0.hasChanges } }

    package func openRoot(_ path: FilePath) -> CInt { underlying.openRoot(path) }

    package func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        let path = Self.normal(path)
        return state.withLock { state in
            if let known = state.names[path] {
                if known != nil, flags.contains(.exclusive) {
                    return -EEXIST
                }
                if let file = known { return state.open(file, flags, underlying, root) }
                if !flags.contains(.create) { return -ENOENT }
                return state.create(path, flags)
            }
            var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
            let error = retrying {
                underlying.status(path.isEmpty ? "." : path, in: root, into: &status)
            }
            if error == -ENOENT, flags.contains(.create) { return state.create(path, flags) }
            if error < 0 { return error }
            if flags.contains(.exclusive) { return -EEXIST }
            if status.kind == .directory || flags.contains(.directory) {
                return state.openDirectory(path, flags, underlying, root)
            }
            let file = ShadowFile(below: path, status: status)
            state.names[path] = file
            return state.open(file, flags, underlying, root)
        }
    }

    package func close(_ descriptor: CInt) -> CInt {
        state.withLock { state in
            guard let handle = state.handles.removeValue(forKey: descriptor) else {
                return underlying.close(descriptor)
            }
            switch handle {
            case .directory(_, let below): return underlying.close(below)
            case .file(let file):
                file.users -= 1
                guard file.users == 0, file.descriptor >= 0 else { return 0 }
                defer { file.descriptor = -1 }
                return underlying.close(file.descriptor)
            }
        }
    }

    @unsafe
    package func read(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        guard let file = file(descriptor) else { return -Int(EBADF) }
        let plain = state.withLock { _ in file.isUnchanged ? file.descriptor : -1 }
        if plain >= 0 { return unsafe underlying.read(plain, vectors, at: offset) }
        return state.withLock { _ in unsafe file.read(vectors, Int(offset), underlying) }
    }

    @unsafe
    package func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        guard let file = file(descriptor) else { return -Int(EBADF) }
        return state.withLock { state in
            state.hasChanges = true
            return unsafe file.write(vectors, Int(offset), underlying)
        }
    }

    package func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt { 0 }

    package func syncAll(_ descriptor: CInt) -> CInt { 0 }

    package func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        guard let file = file(descriptor) else { return -EBADF }
        return state.withLock { state in
            if file.size == Int(size) { return 0 }
            state.hasChanges = true
            return file.setSize(Int(size), underlying)
        }
    }

    package func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        guard let file = file(descriptor) else { return -EBADF }
        return state.withLock { state in
            guard Int(offset + count) > file.size else { return 0 }
            state.hasChanges = true
            return file.setSize(Int(offset + count), underlying)
        }
    }

    package func nextData(
        _ descriptor: CInt, from offset: Int64, into range: inout Range<Int64>
    ) -> CInt {
        guard let file = file(descriptor) else { return -EBADF }
        let plain = state.withLock { _ in file.isUnchanged ? file.descriptor : -1 }
        return plain >= 0 ? underlying.nextData(plain, from: offset, into: &range) : -EOPNOTSUPP
    }

    package func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

    package func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

    package func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        let found = state.withLock { $0.handles[descriptor] }
        switch found {
        case .file(let file):
            status = state.withLock { _ in file.status }
            return 0
        case .directory(_, let below): return underlying.status(below, into: &status)
        case nil: return underlying.status(descriptor, into: &status)
        }
    }

    package func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        self.status(path, into: &status) { underlying.status(path, in: root, into: &$0) }
    }

    package func linkStatus(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        self.status(path, into: &status) { underlying.linkStatus(path, in: root, into: &$0) }
    }

    private func status(
        _ path: String, into status: inout FileStatus, below: (inout FileStatus) -> CInt
    ) -> CInt {
        let known = state.withLock { state -> FileStatus?? in
            state.names[Self.normal(path)].map { $0?.status }
        }
        guard let known else { return below(&status) }
        guard let known else { return -ENOENT }
        status = known
        return 0
    }

    package func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        let descriptor = open(path, in: root, .readOnly)
        if descriptor < 0 { return descriptor }
        defer { _ = close(descriptor) }
        guard let file = file(descriptor) else { return -EISDIR }
        state.withLock { state in
            state.hasChanges = true
            state.names[Self.normal(path)] = .some(nil)
            state.names[Self.normal(target)] = file
        }
        return 0
    }

    package func unlink(_ path: String, in root: CInt) -> CInt {
        var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
        let error = self.status(path, in: root, into: &status)
        if error < 0 { return error }
        if status.kind == .directory { return -EISDIR }
        state.withLock { state in
            state.hasChanges = true
            state.names[Self.normal(path)] = .some(nil)
        }
        return 0
    }

    /// A store's directories are never removed.
    package func removeDirectory(_ path: String, in root: CInt) -> CInt { -EROFS }

    /// Directories are not created either.
    package func makeDirectory(_ path: String, in root: CInt) -> CInt {
        var status = FileStatus(kind: .other, size: 0, device: 0, serial: 0)
        let error = underlying.status(path, in: root, into: &status)
        return error < 0 ? -EROFS : -EEXIST
    }

    package func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        guard case .directory(let path, let below) = state.withLock({ $0.handles[descriptor] })
        else { return -ENOTDIR }
        var found: [String] = []
        let error = underlying.list(below, into: &found)
        if error < 0 { return error }
        let prefix = path.isEmpty ? "" : path + "/"
        state.withLock { state in
            let known = state.names.filter { $0.key.hasPrefix(prefix) }
            if known.isEmpty {
                names += found
                return
            }
            var all = Set(found)
            for (name, file) in known {
                let last = String(name.dropFirst(prefix.count))
                if last.contains("/") { continue }
                if file == nil { all.remove(last) } else { all.insert(last) }
            }
            names += all.sorted()
        }
        return 0
    }

    package func execute(_ io: StagedIO) -> Int {
        switch io.operation {
        case .read: unsafe read(io.descriptor, io.vectors, at: io.offset)
        case .write: unsafe write(io.descriptor, io.vectors, at: io.offset)
        case .sync, .dataSync: 0
        case .none: -Int(EINVAL)
        }
    }

    private func file(_ descriptor: CInt) -> ShadowFile? {
        guard case .file(let file) = state.withLock({ $0.handles[descriptor] }) else { return nil }
        return file
    }

    private static func normal(_ path: String) -> String {
        path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}

/// The state of a ``ShadowFileSystem``. Guarded by its lock.
private struct ShadowState {
    enum Handle {
        case file(ShadowFile)
        /// A directory, and its underlying descriptor.
        case directory(String, CInt)
    }

    /// Files that were opened or changed, by path; nil for a removed one.
    var names: [String: ShadowFile?] = [:]
    var handles: [CInt: Handle] = [:]
    var hasChanges = false
    private var next: CInt = 1 << 20

    mutating func add(_ handle: Handle) -> CInt {
        defer { next += 1 }
        handles[next] = handle
        return next
    }

    mutating func open(
        _ file: ShadowFile, _ flags: FileOpenFlags, _ underlying: any FileSystem, _ root: CInt
    ) -> CInt {
        if flags.contains(.directory) { return -ENOTDIR }
        if file.descriptor < 0, let below = file.below {
            let descriptor = retrying { underlying.open(below, in: root, .readOnly) }
            if descriptor < 0 { return descriptor }
            file.descriptor = descriptor
        }
        if flags.contains(.truncate), file.size > 0 {
            hasChanges = true
            _ = file.setSize(0, underlying)
        }
        file.users += 1
        return add(.file(file))
    }

    mutating func openDirectory(
        _ path: String, _ flags: FileOpenFlags, _ underlying: any FileSystem, _ root: CInt
    ) -> CInt {
        let below = retrying {
            underlying.open(path.isEmpty ? "." : path, in: root, [.readOnly, .directory])
        }
        return below < 0 ? below : add(.directory(path, below))
    }

    mutating func create(_ path: String, _ flags: FileOpenFlags) -> CInt {
        hasChanges = true
        let file = ShadowFile(serial: UInt64(next))
        names[path] = file
        file.users += 1
        return add(.file(file))
    }
}
