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
    /// Times that one was opened although the configured limit was reached, as all were lent.
    public var overruns: UInt64 = 0
    /// Files and directories made durable.
    public var syncs: UInt64 = 0
}

/// The counters behind ``FileStatistics``. They order nothing.
final class FileCounters: Sendable {
    let virtualFiles = Atomic<Int>(0)
    let kernelDescriptors = Atomic<Int>(0)
    let opens = Atomic<UInt64>(0)
    let evictions = Atomic<UInt64>(0)
    let overruns = Atomic<UInt64>(0)
    let syncs = Atomic<UInt64>(0)
    /// Set when the file system turned out not to reserve space.
    let cannotAllocate = Atomic<Bool>(false)

    var statistics: FileStatistics {
        FileStatistics(
            virtualFiles: virtualFiles.load(ordering: .relaxed),
            kernelDescriptors: kernelDescriptors.load(ordering: .relaxed),
            opens: opens.load(ordering: .relaxed),
            evictions: evictions.load(ordering: .relaxed),
            overruns: overruns.load(ordering: .relaxed),
            syncs: syncs.load(ordering: .relaxed))
    }
}
