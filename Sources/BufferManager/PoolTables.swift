internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// The addresses of a pool's parts: plain pointers, so that a hit counts no references.
///
/// Valid as long as the ``BufferPool`` that made them. Holders of a copy must keep it alive.
@safe
struct PoolTables: @unchecked Sendable, BitwiseCopyable {
    let count: Int
    /// `count` pages.
    let pages: UnsafeMutableRawPointer
    /// `count` descriptors, in memory whose zeroes are empty descriptors.
    let descriptors: UnsafeMutablePointer<BufferDescriptor>
    /// Heads of the mapping's chains: a buffer's number plus one, or zero. A power of two of them.
    let buckets: UnsafeMutablePointer<Atomic<UInt32>>
    let bucketMask: UInt64
    /// One per session, two cache lines each.
    let counters: UnsafeMutablePointer<BufferCounters>

    /// The longest walk along a chain. Chains are short; a longer walk has been led astray.
    private static let longestWalk = 64

    @inline(__always)
    func buffer(_ index: Int) -> Buffer {
        assert(index >= 0 && index < count, "a buffer's number is below the pool's size")
        return unsafe Buffer(descriptors + index)
    }

    @inline(__always)
    func address(_ index: Int) -> PageAddress {
        unsafe PageAddress(pages + index &* blockSize)
    }

    @inline(__always)
    func tally(_ session: Session) -> UnsafeMutablePointer<BufferCounters> {
        unsafe tally(session.index)
    }

    @inline(__always)
    func tally(_ sessionIndex: Int) -> UnsafeMutablePointer<BufferCounters> {
        unsafe counters + sessionIndex
    }

    /// Finds a page and pins it, valid or not. O(1), two atomic operations at best.
    @inline(__always)
    func pinResident(_ tag: PageTag, ring: Bool) -> Lookup {
        guard let index = likelyIndex(tag) else { return .absent }
        return pin(index, tag, ring: ring)
    }

    /// The buffer that probably holds the page; verify it by pinning. Takes no lock.
    @inline(__always)
    func likelyIndex(_ tag: PageTag) -> Int? {
        var link = unsafe buckets[tag.bucket(mask: bucketMask)].load(ordering: .acquiring)
        var steps = 0
        while link != 0, steps < Self.longestWalk {
            let index = Int(truncatingIfNeeded: link &- 1)
            let candidate = buffer(index)
            if candidate.hasTag(tag) { return index }
            link = unsafe candidate.descriptor.pointee.next.load(ordering: .acquiring)
            steps &+= 1
        }
        return nil
    }

    /// Pins a buffer if it holds that page.
    @inline(__always)
    func pin(_ index: Int, _ tag: PageTag, ring: Bool) -> Lookup {
        let candidate = buffer(index)
        var old = candidate.state
        while true {
            if !old.has(BufferState.tagValid) { return .absent }
            if old.pins == BufferState.pinMask { return .overflow }
            let new = old.pinned(ring: ring)
            if candidate.exchange(&old, new) {
                // The state may have been another page's; under our pin the tag stays.
                if candidate.hasTag(tag) { return .pinned(index, new) }
                candidate.unpin()
                return .absent
            }
        }
    }
}
