internal import Synchronization
internal import Threads

/// Whether recent IO waited for a device, or only kept a core busy with copying and verifying.
///
/// Any thread. Threads may overwrite each other's figures: any recent ones will do.
struct WorkerPace: ~Copyable {
    /// How many of the last few IOs slept in the kernel, out of ``whole``. Older ones count less,
    /// and one that slept outweighs a few that did not.
    private let sleepers = Atomic<Int>(0)
    private let skipped = Atomic<Int>(0)

    private static let whole = 1024
    /// Of IOs shorter than this, one in ``sampled`` is measured.
    private static let sampledBytes = 64 * 1024
    private static let sampled = 8
    /// An IO that takes longer than this is not quick, even if it is not measured.
    private static let slowNanoseconds: UInt64 = 1_000_000

    /// Whether hardly any IO slept.
    var isQuick: Bool { sleepers.load(ordering: .relaxed) < Self.whole / 4 }

    /// Executes an IO of that many bytes and records whether it slept.
    func measure(_ byteCount: Int, _ execute: () -> Void) {
        if byteCount < Self.sampledBytes {
            let count = skipped.load(ordering: .relaxed) &+ 1
            skipped.store(count, ordering: .relaxed)
            if count % Self.sampled != 0 {
                let start = Clock.monotonicNanoseconds
                execute()
                // Whatever it did, it took too long to keep other IO waiting for it.
                if Clock.monotonicNanoseconds &- start > Self.slowNanoseconds {
                    sleepers.store(Self.whole, ordering: .relaxed)
                }
                return
            }
        }
        let before = Self.sleepCount
        execute()
        let old = sleepers.load(ordering: .relaxed)
        let new = Self.sleepCount == before ? 0 : Self.whole
        sleepers.store((3 * old + new) / 4, ordering: .relaxed)
    }

    /// How often this thread has given up its core to wait.
    private static var sleepCount: Int {
        var usage = rusage()
        #if canImport(Glibc)
            // `RUSAGE_THREAD`, which headers define for GNU sources only.
            unsafe getrusage(__rusage_who_t(1), &usage)
        #else
            // Counts the whole process on this platform, which overestimates.
            unsafe getrusage(RUSAGE_SELF, &usage)
        #endif
        return Int(usage.ru_nvcsw)
    }
}
