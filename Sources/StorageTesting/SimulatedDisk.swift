public import AsyncIO
public import FileAccess
public import Threads

/// A disk in memory that loses unsynced data at a power cut, and fails as disks do.
///
/// It is both the file system of a `FileAccess` and the executor of an `IOSystem`, so blocking
/// calls and started IO act on the same files.
///
/// **What is durable.** A change is volatile until the file, or for names the directory, is synced.
/// ``crash(seed:)`` returns the disk as a power cut may leave it: each volatile write kept, dropped
/// or torn at sectors (``tearBytes``), and each change of length kept or dropped, in any
/// combination. That covers every order in which they may have reached the medium. Changes of names
/// are kept up to some moment, or in any combination (``keepsNameOrder``); a directory that was not
/// kept takes its contents with it. ``kill()`` returns what another process finds after the death
/// of the one using the disk: the kernel's cache, still volatile.
///
/// **What fails.** Calls meet ``faults`` by chance, or ``fail(call:of:with:)`` by plan. A call that
/// fails or is interrupted has done nothing, except a sync: as on Linux, what had not reached the
/// medium by then never will, the cache still shows it, later syncs succeed, and
/// ``revertAbandoned()`` makes the cache forget it. Lost and misdirected writes and bit rot are
/// silent. Latency belongs to started IO: ``SimulatedFaults``.
///
/// Safe to use from any thread. Holds whole files in memory, twice, so use it for small ones.
public final class SimulatedDisk: Sendable {
    let state: Lock<SimulatedFiles>

    /// Makes an empty disk with a root directory and no faults.
    public convenience init() { self.init(SimulatedFiles()) }

    /// Makes an empty disk whose faults are drawn from a seed.
    public convenience init(seed: UInt64, faults: SimulatedDiskFaults) {
        var files = SimulatedFiles()
        files.fate.random = SplitMix64(seed: seed)
        files.fate.faults = faults
        self.init(files)
    }

    private init(_ files: SimulatedFiles) { state = Lock(files, rank: .testKit) }

    // MARK: Settings

    /// The faults of calls from now on.
    public var faults: SimulatedDiskFaults {
        get { state.withLock { $0.fate.faults } }
        set { state.withLock { $0.fate.faults = newValue } }
    }

    /// Whether ``faults`` apply; true at first. Planned failures apply in any case.
    public var isFaulty: Bool {
        get { state.withLock { $0.fate.isOn } }
        set { state.withLock { $0.fate.isOn = newValue } }
    }

    /// The unit at which power cuts tear writes; 512 at first. Use 4096 for disks with such
    /// sectors.
    public var tearBytes: Int {
        get { state.withLock { $0.fate.tearBytes } }
        set { state.withLock { $0.fate.tearBytes = newValue } }
    }

    /// Whether a power cut keeps a prefix of the changes of names, as a file system with a journal
    /// does, or any subset, as POSIX allows. True at first.
    public var keepsNameOrder: Bool {
        get { state.withLock { $0.fate.keepsNameOrder } }
        set { state.withLock { $0.fate.keepsNameOrder = newValue } }
    }

    /// Calls `observer` with a line for each call: offset, length and result.
    public func trace(_ observer: (@Sendable (String) -> Void)?) {
        state.withLock { $0.fate.trace = observer }
    }

    /// Makes the Nth call of some kinds from now on fail.
    ///
    /// - Parameters:
    ///   - call: 1 for the next.
    ///   - kinds: the kinds of calls to count.
    ///   - errorNumber: the error; `EINTR` interrupts the call.
    public func fail(
        call: Int, of kinds: Set<SimulatedCall> = Set(SimulatedCall.allCases),
        with errorNumber: CInt
    ) {
        state.withLock {
            $0.fate.planned = PlannedFailure(kinds: kinds, left: call, errorNumber: errorNumber)
        }
    }

    /// Whether a planned failure is still to come.
    public var hasPlannedFailure: Bool { state.withLock { $0.fate.planned != nil } }

    // MARK: Power

    /// The number of calls so far that change something or make it durable. Each is a boundary at
    /// which ``cutPower(afterCalls:)`` can cut.
    public var changeCount: Int { state.withLock { $0.changeCount } }

    /// Makes all calls fail with `EIO` once there were so many changes in all.
    public func cutPower(afterCalls count: Int) {
        state.withLock { $0.powerEndsAfter = count }
    }

    /// Whether the power has been cut.
    public var isWithoutPower: Bool { state.withLock { $0.hasNoPower } }

    /// Returns the disk as a power cut may leave it. This disk has no power from now on.
    ///
    /// - Parameter seed: decides which volatile changes are kept.
    public func crash(seed: UInt64) -> SimulatedDisk {
        let files = state.withLock { state in
            state.powerEndsAfter = 0
            return state.surviving(seed)
        }
        return SimulatedDisk(files)
    }

    /// Returns the disk as the next process finds it: nothing is lost, and nothing more is durable.
    /// This disk has no power from now on, so that nothing in flight can reach the other.
    public func kill() -> SimulatedDisk {
        let files = state.withLock { state in
            state.powerEndsAfter = 0
            return state.unused()
        }
        return SimulatedDisk(files)
    }

    /// Makes the cache forget what failed syncs left in it: reads find the medium.
    public func revertAbandoned() { state.withLock { $0.revertAbandoned() } }

    /// Returns a disk with the same files, all durable.
    public func copy() -> SimulatedDisk { SimulatedDisk(state.withLock { $0.settled() }) }

    // MARK: Looking

    /// The faults so far, of this disk and of those it was left by.
    public var counts: SimulatedDiskCounts { state.withLock { $0.fate.counts } }

    /// A digest of all calls and their results, without contents: equal for equal runs.
    public var digest: UInt64 { state.withLock { $0.fate.digest } }

    /// The paths of all files.
    public var paths: [String] { state.withLock { $0.names.files } }

    /// A file's length in bytes; nil if it does not exist.
    public func size(of path: String) -> Int? {
        state.withLock { state in state.names.file(path).map { state.files[$0].bytes.count } }
    }

    /// A file's bytes; nil if it does not exist.
    public func contents(of path: String) -> [UInt8]? {
        state.withLock { state in state.names.file(path).map { state.files[$0].bytes } }
    }

    /// Flips a bit of a file, on the medium and in the cache.
    ///
    /// - Parameters:
    ///   - bit: counted from the lowest bit of the first byte.
    ///   - path: the file.
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
    /// Opens the root, whatever the path.
    public func openRoot(_ path: FilePath) -> CInt {
        state.withLock { $0.open(directory: "") }
    }

    /// Opens a file; creates it if the flags say so.
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

    /// Makes all contents and names durable.
    public func syncAll(_ descriptor: CInt) -> CInt { state.withLock { $0.syncAll(descriptor) } }

    /// Tells what a failed ``syncAll(_:)`` has lost of a file, once.
    public func writeError(_ descriptor: CInt) -> CInt {
        state.withLock { $0.writeError(descriptor) }
    }

    /// Sets a file's length; volatile until the file is synced.
    public func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        state.withLock { $0.truncate(descriptor, Int(size), onlyGrowing: false) }
    }

    /// Grows a file; volatile until it is synced.
    public func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        state.withLock { $0.truncate(descriptor, Int(offset + count), onlyGrowing: true) }
    }

    /// Does nothing.
    public func prefetch(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

    /// Does nothing.
    public func startWriteback(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt { 0 }

    /// Gets the status of an open file.
    public func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        state.withLock { $0.status(descriptor, &status) }
    }

    /// Gets the status of a file by name.
    public func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        state.withLock { $0.status(SimulatedNames.normal(path), &status) }
    }

    /// Renames a file; volatile until the directory is synced.
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
    /// Executes IO that was started on a descriptor of this disk. Repeats it after `EINTR`.
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
