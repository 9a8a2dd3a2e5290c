public import AsyncIO
internal import Synchronization
internal import Threads

/// What syncs of a whole file system share.
///
/// The kernel reports what it could not write once, to the first that asks. So one thread asks at a
/// time, and after a failure none does: syncing file by file then tells whose data was lost.
final class TogetherSync: Sendable {
    fileprivate let lock = ParkingLock(rank: .togetherSync)
    fileprivate let isOff = Atomic<Bool>(false)
    /// The file system that was synced. The thread that reads it has done so itself.
    private let deviceNumber = Atomic<UInt64>(0)

    fileprivate var device: UInt64 {
        get { deviceNumber.load(ordering: .relaxed) }
        set { deviceNumber.store(newValue, ordering: .relaxed) }
    }
}

/// Making many files durable by one call, which takes much less time than a call for each.
extension FileAccess {
    /// Makes everything in some directories durable, files and their names, if that takes one call.
    ///
    /// The call covers the whole file system, so it also writes what others have left in the cache.
    /// Whatever could not be written since the store was opened makes it fail. Blocks. Any thread.
    ///
    /// - Parameters:
    ///   - count: how many files are to be made durable.
    ///   - directories: where they are.
    /// - Returns: false if each is to be synced by itself: they are fewer than
    ///   ``FileAccessConfiguration/filesSyncedTogether``, the file system promises too little, a
    ///   directory is on another one, or something could not be written.
    public func syncTogether(_ count: Int, in directories: some Sequence<String>) -> Bool {
        guard count >= configuration.filesSyncedTogether, !isReadOnly,
            let device = try? status(of: ".")?.device
        else { return false }
        for directory in directories {
            guard let status = try? status(of: directory), status.device == device else {
                return false
            }
        }
        return togetherSync.lock.withLock {
            if togetherSync.isOff.load(ordering: .relaxed) { return false }
            // The descriptor is as old as this object, so nothing written through it is missed.
            if retrying({ fileSystem.syncAll(rootDescriptor) }) == 0 {
                togetherSync.device = device
                return true
            }
            togetherSync.isOff.store(true, ordering: .relaxed)
            return false
        }
    }

    /// Makes a file durable of whose directory ``syncTogether(_:in:)`` has said so: checks that
    /// nothing written to it was lost before the store was opened. Syncs it by itself if it is on
    /// another file system or the kernel cannot tell.
    ///
    /// - Returns: false if there is no such file, or what has its name is none.
    /// - Throws: what opening it throws; `fileSyncFailed`.
    public func syncAfterTogether(_ path: String) throws(StorageError) -> Bool {
        let file: VirtualFile
        do throws(StorageError) {
            file = try open(path, [.readOnly, .buffered])
        } catch {
            guard try kind(of: path) == .file else { return false }
            throw error
        }
        defer { file.closeNow() }
        var status = FileStatus(kind: .file, size: 0, device: 0, serial: 0)
        let error = try file.withDescriptor { descriptor in
            let error = retrying { fileSystem.status(descriptor, into: &status) }
            let isCovered = error == 0 && status.device == togetherSync.device
            return isCovered ? retrying { fileSystem.writeError(descriptor) } : -EOPNOTSUPP
        }
        if status.kind != .file { return false }
        if error == 0 { return true }
        if error != -EOPNOTSUPP { ledger.recordFailure(path, errorNumber: -error) }
        try file.sync()
        return true
    }
}
