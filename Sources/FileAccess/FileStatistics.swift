internal import Synchronization

/// What a ``FileAccess`` has open and has done.
public struct FileStatistics: Sendable, Hashable {
    /// Virtual files open.
    public var virtualFiles = 0
    /// Kernel descriptors open for them.
    public var kernelDescriptors = 0
    /// Times that a kernel descriptor was opened.
    public var opens: UInt64 = 0
    /// Times that one was closed to make room.
    public var evictions: UInt64 = 0
    /// Times that one was opened beyond the configured limit, because all were lent.
    public var overruns: UInt64 = 0
    /// Files and directories made durable.
    public var syncs: UInt64 = 0
    /// How long ``SyncQueue/syncAll(_:)`` has taken in total.
    public var syncTime = Duration.zero
}

/// The counters behind ``FileStatistics``. They order nothing.
final class FileCounters: Sendable {
    let virtualFiles = Atomic<Int>(0)
    let kernelDescriptors = Atomic<Int>(0)
    let opens = Atomic<UInt64>(0)
    let evictions = Atomic<UInt64>(0)
    let overruns = Atomic<UInt64>(0)
    let syncs = Atomic<UInt64>(0)
    let syncNanoseconds = Atomic<UInt64>(0)
    /// Set once the file system has refused to reserve space.
    let cannotAllocate = Atomic<Bool>(false)

    func noteSync(since begin: ContinuousClock.Instant) {
        let (seconds, attoseconds) = (ContinuousClock.now - begin).components
        syncNanoseconds.add(
            UInt64(seconds) &* 1_000_000_000 &+ UInt64(attoseconds / 1_000_000_000),
            ordering: .relaxed)
    }

    var statistics: FileStatistics {
        FileStatistics(
            virtualFiles: virtualFiles.load(ordering: .relaxed),
            kernelDescriptors: kernelDescriptors.load(ordering: .relaxed),
            opens: opens.load(ordering: .relaxed),
            evictions: evictions.load(ordering: .relaxed),
            overruns: overruns.load(ordering: .relaxed),
            syncs: syncs.load(ordering: .relaxed),
            syncTime: .nanoseconds(Int64(syncNanoseconds.load(ordering: .relaxed))))
    }
}
