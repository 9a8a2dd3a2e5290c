internal import AsyncIO
internal import Threads

/// Files and directories to make durable at the next checkpoint.
///
/// Each path is kept once, however often it is registered. ``syncAll(_:)`` makes them durable by
/// asynchronous fsyncs, many in flight. Any thread may register and forget at any time. What is
/// registered while ``syncAll(_:)`` runs is left for the next call. Mirrors the pending operations
/// table of PostgreSQL's `sync.c`.
public final class SyncQueue: Sendable {
    struct Entry {
        let isDirectory: Bool
        /// The file if it is open already; it may have been closed meanwhile.
        var file: VirtualFile?
        /// The number of the last registration. A sync does not satisfy one that comes while it
        /// runs.
        var registration: UInt64
    }

    private struct Pending {
        var entries: [String: Entry] = [:]
        var registrations: UInt64 = 0
    }

    let files: FileAccess
    let names: SyncNames
    let targetID: IOTargetID
    let callbackID: IOCallbackID
    private let pending = Lock(Pending(), rank: .syncQueue)

    /// Does not retain the core, whose callbacks may retain the queue.
    init(_ files: FileAccess, _ system: IOSystem) throws(StorageError) {
        self.files = files
        names = SyncNames()
        targetID = try system.register(target: SyncTarget(names))
        callbackID = try system.register(callbacks: SyncCallbacks(names))
    }

    /// Registers a file that was written through this object, for the next ``syncAll(_:)``.
    ///
    /// Retains the object until then. Constant time.
    public func register(_ file: VirtualFile) {
        add(file.path, file.slot.flags.contains(.directory), file)
    }

    /// Registers a file for the next ``syncAll(_:)``. Constant time.
    public func register(_ path: String) { add(path, false, nil) }

    /// Registers a directory, whose names the next ``syncAll(_:)`` makes durable; `.` is the
    /// store's own. Constant time.
    public func registerDirectory(_ path: String) { add(path, true, nil) }

    /// Registers the directory that holds a file's name, so that the next ``syncAll(_:)`` makes the
    /// file's creation, removal or renaming durable. Constant time.
    public func registerDirectory(of path: String) {
        add(FileAccess.parent(of: path), true, nil)
    }

    /// Forgets a path. Call it before removing the file.
    ///
    /// A sync of it that is in flight no longer counts. Constant time. Mirrors PostgreSQL's
    /// `SYNC_FORGET_REQUEST`.
    public func forget(_ path: String) {
        // Dropped outside the lock: the entry may hold the last reference to a file.
        let removed = pending.withLock { $0.entries.removeValue(forKey: path) }
        _ = removed
    }

    /// Forgets every path for which the closure returns true. Time grows with ``count``. The
    /// closure must not use the queue. Mirrors PostgreSQL's `SYNC_FILTER_REQUEST`.
    public func forget(where isUnwanted: (String) -> Bool) {
        let removed = pending.withLock { pending in
            pending.entries.keys.filter(isUnwanted).map { pending.entries.removeValue(forKey: $0) }
        }
        _ = removed
    }

    /// How many paths are registered.
    public var count: Int { pending.withLock { $0.entries.count } }

    /// The registered paths, sorted.
    public var paths: [String] { pending.withLock { Array($0.entries.keys) }.sorted() }

    private func add(_ path: String, _ isDirectory: Bool, _ file: VirtualFile?) {
        // The replaced entry may hold the last reference to a file, so it is released outside the
        // lock.
        let replaced = pending.withLock { pending in
            pending.registrations += 1
            return pending.entries.updateValue(
                Entry(isDirectory: isDirectory, file: file, registration: pending.registrations),
                forKey: path)
        }
        _ = replaced
    }

    /// What is registered now: files by path, then directories, since these name the synced files.
    func entriesOfRound() -> [(path: String, entry: Entry)] {
        let entries = pending.withLock { Array($0.entries) }
        return entries.map { ($0.key, $0.value) }.sorted { first, second in
            (first.entry.isDirectory ? 1 : 0, first.path)
                < (second.entry.isDirectory ? 1 : 0, second.path)
        }
    }

    func isRegistered(_ path: String) -> Bool { pending.withLock { $0.entries[path] != nil } }

    /// Removes an entry that is now durable, unless it was registered again meanwhile.
    func remove(_ path: String, registration: UInt64) {
        let removed = pending.withLock { pending -> Entry? in
            guard pending.entries[path]?.registration == registration else { return nil }
            return pending.entries.removeValue(forKey: path)
        }
        _ = removed
    }
}

/// The paths of syncs in flight, by the numbers that their handles carry.
///
/// A number is reused once its sync is over; its generation tells the two syncs apart.
final class SyncNames: Sendable {
    private struct Table {
        var paths: [String] = []
        var generations: [UInt64] = []
        var free: [Int] = []
    }

    private let table = Lock(Table(), rank: .syncTable)

    func add(_ path: String) -> IOTargetData {
        table.withLock { table in
            if let number = table.free.popLast() {
                table.paths[number] = path
                return IOTargetData(UInt64(number), table.generations[number])
            }
            table.paths.append(path)
            table.generations.append(1)
            return IOTargetData(UInt64(table.paths.count - 1), 1)
        }
    }

    func remove(_ data: IOTargetData) {
        table.withLock { table in
            let number = Int(data.word0)
            table.generations[number] += 1
            table.free.append(number)
        }
    }

    /// The path, while the sync is in flight.
    func path(_ data: IOTargetData) -> String? {
        table.withLock { table in
            guard data.word0 < table.paths.count else { return nil }
            let number = Int(data.word0)
            return table.generations[number] == data.word1 ? table.paths[number] : nil
        }
    }
}

/// The target of syncs. It keeps the descriptor lent to the IO, which stays open until the IO is
/// done, whichever thread executes it.
private final class SyncTarget: IOTarget {
    private let names: SyncNames

    init(_ names: SyncNames) { self.names = names }

    var name: String { "file" }
    var canReopen: Bool { true }

    func describe(_ data: IOTargetData) -> String {
        names.path(data).map { "file \"\($0)\"" } ?? "a file synced before"
    }
}

/// Words the error of a failed sync.
private final class SyncCallbacks: IOCallbacks {
    private let names: SyncNames

    init(_ names: SyncNames) { self.names = names }

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        guard prior.status == .error else { return prior }
        return IOResult(
            .error, value: prior.value, callbackID: registration.id, errorData: prior.errorData)
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        .sync(
            names.path(targetData) ?? "a file synced before",
            errorNumber: CInt(truncatingIfNeeded: result.errorData), isRepeated: false)
    }
}
