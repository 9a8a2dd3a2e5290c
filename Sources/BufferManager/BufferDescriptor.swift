internal import Synchronization

/// What the pool knows of one buffer: one cache line, in memory that starts as zeroes.
///
/// Who may write what: ``state`` changes by compare-and-exchange alone. Tag and record are written
/// by whoever has claimed the buffer, before a releasing change of the state sets `tagValid`; with
/// a pin taken by an acquiring exchange on a state with `tagValid`, they can be read and stay. The
/// wait reference belongs to the owner of `ioInProgress`. The link belongs to the lock of the
/// mapping's partition; walkers without the lock read it and verify what they find.
struct BufferDescriptor: ~Copyable {
    let state = Atomic<UInt64>(0)
    let tagRelation = Atomic<UInt64>(0)
    let tagPage = Atomic<UInt64>(0)
    /// The next buffer in the bucket's chain, plus one; zero ends it.
    let next = Atomic<UInt32>(0)
    /// The handle of the IO in progress, plus one; zero while there is nothing to wait on.
    let ioHandle = Atomic<UInt32>(0)
    let ioGeneration = Atomic<UInt64>(0)
    /// The ``RelationRecord`` that the page belongs to, in which the buffer is counted; zero while
    /// untagged.
    let record = Atomic<UInt>(0)
    /// Rises, with a wake-up, whenever the IO becomes waitable or ends and somebody slept.
    let ioSequence = Atomic<UInt32>(0)
    /// Rises, with a wake-up, whenever the content lock becomes free and somebody slept.
    let lockSequence = Atomic<UInt32>(0)
    /// The ``WaitTable`` that has wake-ups for this buffer, if it ever had any. It lives as long as
    /// the manager, and as any relation's record.
    let waitTable = Atomic<UInt>(0)

    init() {}

    static let lineSize = 64

    /// A descriptor straddling two lines would double the cost of a hit.
    static func checkLayout() {
        precondition(
            MemoryLayout<BufferDescriptor>.size == lineSize
                && MemoryLayout<BufferDescriptor>.stride == lineSize,
            "a buffer descriptor fills one cache line")
    }
}
