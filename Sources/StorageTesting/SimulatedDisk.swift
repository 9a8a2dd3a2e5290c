public import AsyncIO
public import FileAccess

#if canImport(Glibc)
    public import Glibc
#elseif canImport(Darwin)
    public import Darwin
#endif

/// A disk in memory that forgets at a power cut what was not synced.
///
/// It is the file system of a `FileAccess` and the executor of an `IOSystem` at once, so that
/// blocking calls and started IO meet on the same files. What a call has changed is volatile until
/// the file, or for names the directory, is synced; ``crash(seed:)`` gives the disk as it may be found
/// afterwards: each volatile write kept, lost or torn at sectors of 512 bytes, in any combination,
/// and of the changes of names any first part.
///
/// Any thread. Holds whole files in memory, so it is for small ones.
public final class SimulatedDisk: Sendable {
    let state: Lock<SimulatedFiles>

    /// An empty disk, with a root directory.
    public init() { state = Lock(SimulatedFiles()) }

    private init(_ files: SimulatedFiles) { state = Lock(files) }

    /// How many calls there were that change something or make it durable. Each is a boundary at
    /// which ``cutPower(afterCalls:)`` can cut.
    public var changeCount: Int { state.withLock { $0.changeCount } }

    /// Has all calls fail with `EIO` once there were so many changes in all.
    public func cutPower(afterCalls count: Int) {
        state.withLock { $0.powerEndsAfter = count }
    }

    /// Whether the power has been cut.
    public var isWithoutPower: Bool { state.withLock { $0.hasNoPower } }

    /// The disk as it may be found after the power has come back. This one has none from now on.
    ///
    /// - Parameter seed: decides what is kept of what was volatile.
    public func crash(seed: UInt64) -> SimulatedDisk {
        let files = state.withLock { state in
            state.powerEndsAfter = 0
            return state.surviving(seed)
        }
        return SimulatedDisk(files)
    }

    /// A disk with the same files, all durable.
    public func copy() -> SimulatedDisk { SimulatedDisk(state.withLock { $0.settled() }) }

    /// The paths of all files.
    public var paths: [String] { state.withLock { $0.names.keys.sorted() } }

    /// A file's length in bytes; nil where there is none.
    public func size(of path: String) -> Int? {
        state.withLock { state in state.names[path].map { state.files[$0].bytes.count } }
    }

    /// Damages a file.
    ///
    /// - Parameter bit: counted from the lowest bit of the first byte on.
    public func flipBit(_ bit: Int, of path: String) {
        state.withLock { state in
            guard let number = state.names[path] else { return }
            state.files[number].flip(bit)
        }
    }

    /// Removes a file, durably.
    public func remove(_ path: String) { state.withLock { $0.erase(path) } }
}

extension SimulatedDisk: FileSystem {
    /// Any path is the root.
    public func openRoot(_ path: String) -> CInt {
        state.withLock { $0.open(directory: "") }
    }

    /// Opens a file, creating it if the flags say so.
    public func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        state.withLock { $0.open(SimulatedFiles.normal(path), flags) }
    }

    /// Closes a descriptor.
    public func close(_ descriptor: CInt) -> CInt {
        state.withLock { $0.handles.removeValue(forKey: descriptor) == nil ? -EBADF : 0 }
    }

    /// Reads.
    @unsafe
    public func read(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        state.withLock { unsafe $0.read(descriptor, vectors, Int(offset)) }
    }

    /// Writes; volatile until the file is synced.
    @unsafe
    public func write(
        _ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64
    ) -> Int {
        state.withLock { unsafe $0.write(descriptor, vectors, Int(offset)) }
    }

    /// Makes a file's contents, or a directory's names, durable.
    public func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        state.withLock { $0.sync(descriptor) }
    }

    /// Sets a file's length; volatile until the file is synced.
    public func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        state.withLock { $0.truncate(descriptor, Int(size), onlyGrowing: false) }
    }

    /// Grows a file; volatile until it is synced.
    public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        state.withLock { $0.truncate(descriptor, Int(offset + count), onlyGrowing: true) }
    }

    /// Nothing needs to be fetched.
    public func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

    /// Promises nothing.
    public func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

    /// Looks at an open file.
    public func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        let found = state.withLock { $0.status(descriptor) }
        if let found { status = found }
        return found == nil ? -EBADF : 0
    }

    /// Looks at a file by name.
    public func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        let found = state.withLock { $0.status(SimulatedFiles.normal(path)) }
        if let found { status = found }
        return found == nil ? (isWithoutPower ? -EIO : -ENOENT) : 0
    }

    /// Gives a file another name; volatile until the directory is synced.
    public func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        state.withLock {
            $0.rename(SimulatedFiles.normal(path), SimulatedFiles.normal(target))
        }
    }

    /// Removes a file; volatile until the directory is synced.
    public func unlink(_ path: String, in root: CInt) -> CInt {
        state.withLock { $0.unlink(SimulatedFiles.normal(path)) }
    }

    /// Removes an empty directory, durably.
    public func removeDirectory(_ path: String, in root: CInt) -> CInt {
        state.withLock { $0.removeDirectory(SimulatedFiles.normal(path)) }
    }

    /// Makes a directory, durably.
    public func makeDirectory(_ path: String, in root: CInt) -> CInt {
        state.withLock { $0.makeDirectory(SimulatedFiles.normal(path)) }
    }

    /// Appends the names in an open directory.
    public func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        let found = state.withLock { $0.list(descriptor) }
        names += found ?? []
        return found == nil ? -EBADF : 0
    }
}

extension SimulatedDisk: IOExecutor {
    /// Executes IO that was started on a descriptor of this disk.
    public func execute(_ io: StagedIO) -> Int {
        switch io.operation {
        case .read: unsafe read(io.descriptor, io.vectors, at: io.offset)
        case .write: unsafe write(io.descriptor, io.vectors, at: io.offset)
        case .sync, .dataSync: Int(sync(io.descriptor, dataOnly: io.operation == .dataSync))
        case .none: -Int(EINVAL)
        }
    }
}
