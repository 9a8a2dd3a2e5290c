public import AsyncIO
public import FileAccess

#if canImport(Glibc)
    public import Glibc
#elseif canImport(Darwin)
    public import Darwin
#endif

/// A disk in memory that forgets at a power cut what was not synced, and fails as disks do.
///
/// It is the file system of a `FileAccess` and the executor of an `IOSystem` at once, so that
/// blocking calls and started IO meet on the same files.
///
/// **What is durable.** What a call has changed is volatile until the file, or for names the
/// directory, is synced. ``crash(seed:)`` gives the disk as it may be found after a power cut: each
/// volatile write kept, dropped or torn at sectors (``tearBytes``), each change of length kept or
/// dropped, in any combination, which covers every order in which they may have reached the medium.
/// Changes of names are kept up to some moment, or in any combination (``keepsNameOrder``), and a
/// directory that was not kept takes along what lay in it. ``kill()`` gives what another process
/// finds when the one using it has died: the kernel's cache, still volatile.
///
/// **What fails.** Calls meet ``faults`` by chance, or ``fail(call:of:with:)`` by plan. A call that
/// fails or is interrupted has done nothing, but for a sync: as on Linux, what had not reached the
/// medium by then never will, the cache goes on showing it, later syncs succeed, and
/// ``revertAbandoned()`` has the cache forget it. Lost and misdirected writes and bit rot tell
/// nobody. Latency belongs to started IO: ``SimulatedFaults``.
///
/// Any thread. Holds whole files in memory, twice, so it is for small ones.
public final class SimulatedDisk: Sendable {
    let state: Lock<SimulatedFiles>

    /// An empty disk, with a root directory and no faults.
    public convenience init() { self.init(SimulatedFiles()) }

    /// An empty disk whose faults are drawn from a seed.
    public convenience init(seed: UInt64, faults: SimulatedDiskFaults) {
        var files = SimulatedFiles()
        files.fate.random = SplitMix64(seed: seed)
        files.fate.faults = faults
        self.init(files)
    }

    private init(_ files: SimulatedFiles) { state = Lock(files) }

    // MARK: Settings

    /// How it treats calls from now on.
    public var faults: SimulatedDiskFaults {
        get { state.withLock { $0.fate.faults } }
        set { state.withLock { $0.fate.faults = newValue } }
    }

    /// Whether ``faults`` are met; true at first. Planned failures are met in any case.
    public var isFaulty: Bool {
        get { state.withLock { $0.fate.isOn } }
        set { state.withLock { $0.fate.isOn = newValue } }
    }

    /// The unit at which power cuts tear writes; 512 at first, 4096 for disks of such sectors.
    public var tearBytes: Int {
        get { state.withLock { $0.fate.tearBytes } }
        set { state.withLock { $0.fate.tearBytes = newValue } }
    }

    /// Whether a power cut keeps a first part of the changes of names, as a file system with a
    /// journal does, or any of them, as POSIX allows. True at first.
    public var keepsNameOrder: Bool {
        get { state.withLock { $0.fate.keepsNameOrder } }
        set { state.withLock { $0.fate.keepsNameOrder = newValue } }
    }

    /// Is told of each call, one line each, with offset, length and result.
    public func trace(_ observer: (@Sendable (String) -> Void)?) {
        state.withLock { $0.fate.trace = observer }
    }

    /// Has the Nth call from now on fail that is of one of the kinds.
    ///
    /// - Parameters:
    ///   - call: 1 for the next.
    ///   - kinds: which calls count.
    ///   - errorNumber: what it fails with; `EINTR` interrupts it.
    public func fail(
        call: Int, of kinds: Set<SimulatedCall> = Set(SimulatedCall.allCases),
        with errorNumber: CInt
    ) {
        state.withLock {
            $0.fate.planned = PlannedFailure(kinds: kinds, left: call, errorNumber: errorNumber)
        }
    }

    /// Whether a failure that was planned is still to come.
    public var hasPlannedFailure: Bool { state.withLock { $0.fate.planned != nil } }

    // MARK: Power

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

    /// The disk as the next process finds it: nothing is lost, and nothing more is durable. This one
    /// has no power from now on, so that nothing that is in flight can reach the other.
    public func kill() -> SimulatedDisk {
        let files = state.withLock { state in
            state.powerEndsAfter = 0
            return state.unused()
        }
        return SimulatedDisk(files)
    }

    /// Has the cache let go of what failed syncs have left in it: reads find the medium.
    public func revertAbandoned() { state.withLock { $0.revertAbandoned() } }

    /// A disk with the same files, all durable.
    public func copy() -> SimulatedDisk { SimulatedDisk(state.withLock { $0.settled() }) }

    // MARK: Looking

    /// How many faults there were, of this disk and those that it is what is left of.
    public var counts: SimulatedDiskCounts { state.withLock { $0.fate.counts } }

    /// A digest of all calls made and their results, contents apart: equal for equal runs.
    public var digest: UInt64 { state.withLock { $0.fate.digest } }

    /// The paths of all files.
    public var paths: [String] { state.withLock { $0.names.files } }

    /// A file's length in bytes; nil where there is none.
    public func size(of path: String) -> Int? {
        state.withLock { state in state.names.file(path).map { state.files[$0].bytes.count } }
    }

    /// A file's bytes; nil where there is none.
    public func contents(of path: String) -> [UInt8]? {
        state.withLock { state in state.names.file(path).map { state.files[$0].bytes } }
    }

    /// Damages a file, on the medium and in the cache.
    ///
    /// - Parameter bit: counted from the lowest bit of the first byte on.
    public func flipBit(_ bit: Int, of path: String) {
        state.withLock { state in
            guard let number = state.names.file(path) else { return }
            state.files[number].flip(bit)
        }
    }

    /// Removes a file, durably.
    public func remove(_ path: String) { state.withLock { $0.names.erase(path) } }
}

extension SimulatedDisk: FileSystem {
    /// Any path is the root.
    public func openRoot(_ path: String) -> CInt {
        state.withLock { $0.open(directory: "") }
    }

    /// Opens a file, creating it if the flags say so.
    public func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        state.withLock { $0.open(SimulatedNames.normal(path), flags) }
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
        state.withLock { $0.status(descriptor, &status) }
    }

    /// Looks at a file by name.
    public func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        state.withLock { $0.status(SimulatedNames.normal(path), &status) }
    }

    /// Gives a file another name; volatile until the directory is synced.
    public func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        state.withLock {
            $0.rename(SimulatedNames.normal(path), SimulatedNames.normal(target))
        }
    }

    /// Removes a file; volatile until the directory is synced.
    public func unlink(_ path: String, in root: CInt) -> CInt {
        state.withLock { $0.unlink(SimulatedNames.normal(path)) }
    }

    /// Removes an empty directory; volatile until the one above is synced.
    public func removeDirectory(_ path: String, in root: CInt) -> CInt {
        state.withLock { $0.removeDirectory(SimulatedNames.normal(path)) }
    }

    /// Makes a directory; volatile until the one above is synced.
    public func makeDirectory(_ path: String, in root: CInt) -> CInt {
        state.withLock { $0.makeDirectory(SimulatedNames.normal(path)) }
    }

    /// Appends the names in an open directory.
    public func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        state.withLock { $0.list(descriptor, &names) }
    }
}

extension SimulatedDisk: IOExecutor {
    /// Executes IO that was started on a descriptor of this disk, again after `EINTR`.
    public func execute(_ io: StagedIO) -> Int {
        while true {
            let result = executeOnce(io)
            if result != -Int(EINTR) { return result }
        }
    }

    private func executeOnce(_ io: StagedIO) -> Int {
        switch io.operation {
        case .read: unsafe read(io.descriptor, io.vectors, at: io.offset)
        case .write: unsafe write(io.descriptor, io.vectors, at: io.offset)
        case .sync, .dataSync: Int(sync(io.descriptor, dataOnly: io.operation == .dataSync))
        case .none: -Int(EINVAL)
        }
    }
}
