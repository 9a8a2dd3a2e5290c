internal import Synchronization

/// The pool's data about one buffer: one cache line, in memory that starts as zeroes.
///
/// | field | written by |
/// |---|---|
/// | ``state`` | anyone, by compare-and-exchange only |
/// | tag, record | the claimant of the buffer, before a releasing change of the state sets
/// `tagValid` |
/// | wait reference | the owner of `ioInProgress` |
/// | version | the thread that has just got the right to change the page's bytes |
/// | link | the holder of the lock of the mapping's partition |
///
/// A pin taken by an acquiring exchange on a state with `tagValid` makes tag and record readable
/// and constant. Walkers without the lock read the link and verify what they find.
struct BufferDescriptor: ~Copyable {
    let state = Atomic<UInt64>(0)
    let tagRelation = Atomic<UInt64>(0)
    let tagPage = Atomic<UInt64>(0)
    /// The next buffer in the bucket's chain, plus one; zero ends it.
    let next = Atomic<UInt32>(0)
    /// The handle of the IO in progress, plus one; zero while there is nothing to wait for.
    let ioHandle = Atomic<UInt32>(0)
    let ioGeneration = Atomic<UInt64>(0)
    /// The ``RelationRecord`` of the page's relation, which counts the buffer; zero while untagged.
    let record = Atomic<UInt>(0)
    /// Incremented, with a wake-up, when a thread sleeps and the IO becomes waitable or ends, or
    /// the content lock becomes free.
    let sleepers = Atomic<UInt32>(0)
    /// Moves before the page's bytes change (``Buffer/moveVersion()``).
    let version = Atomic<UInt32>(0)
    /// The ``WaitTable`` with wake-ups for this buffer, if it ever had any. It lives as long as the
    /// manager and any relation's record.
    let waitTable = Atomic<UInt>(0)

    init() {}

    static let lineSize = 64

    /// Checks that a descriptor fills one line: straddling two would double the cost of a hit.
    static func checkLayout() {
        precondition(
            MemoryLayout<BufferDescriptor>.size == lineSize
                && MemoryLayout<BufferDescriptor>.stride == lineSize,
            "a buffer descriptor fills one cache line")
    }
}
