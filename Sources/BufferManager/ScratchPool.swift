internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// Private page copies for writes: memory that is kept for the next write once it was needed.
///
/// A page that is written out is copied first, so that readers may go on reading it, and its
/// checksum is set on the copy. The copies belong to the write until it is over; whoever completes
/// it gives them back. Any thread; the lock is held for a few instructions. Room is made when
/// memory is taken, so that giving it back allocates nothing.
@safe
final class ScratchPool: @unchecked Sendable {
    /// Memory for as many pages as one write can have.
    struct Copies {
        /// By which the memory is given back.
        let number: UInt32
        /// The first page, aligned to 4096 bytes.
        let start: PageAddress
    }

    private struct Pieces {
        /// All there are, by number; nil where a number waits to be used again.
        var memory: [PageAddress?] = []
        /// How many uses each of them has.
        var uses: [UInt32] = []
        /// Numbers of unused memory; the last in goes out first, as it is in the cache.
        var free: [UInt32] = []
        var unused: [UInt32] = []

        var count: Int { memory.count - unused.count }
    }

    private let pageCount: Int
    /// How many pieces of memory are kept; what one writer has to have comes on top of that.
    let limit: Int
    private let pieces = Lock(Pieces())

    init(pageCount: Int, limit: Int) {
        self.pageCount = pageCount
        self.limit = limit
    }

    deinit {
        for case let address? in pieces.withLock({ $0.memory }) {
            unsafe address.pointer.deallocate()
        }
    }

    /// How much memory there is now.
    var byteCount: Int { pieces.withLock { $0.count } * pageCount * blockSize }

    /// Takes memory for one write; nil when as much is in use as is kept.
    ///
    /// - Parameter always: rather exceed the limit than return nil.
    func take(always: Bool) -> Copies? {
        let (number, start): (UInt32?, PageAddress?) = pieces.withLock { pieces in
            if let number = pieces.free.popLast() {
                pieces.uses[Int(number)] = 1
                return (number, pieces.memory[Int(number)])
            }
            if pieces.count >= limit && !always { return (nil, nil) }
            if let number = pieces.unused.popLast() {
                pieces.uses[Int(number)] = 1
                return (number, nil)
            }
            pieces.memory.append(nil)
            pieces.uses.append(1)
            pieces.free.reserveCapacity(pieces.memory.count)
            pieces.unused.reserveCapacity(pieces.memory.count)
            return (UInt32(pieces.memory.count - 1), nil)
        }
        guard let number else { return nil }
        if let start { return Copies(number: number, start: start) }
        let new = unsafe PageAddress(
            .allocate(byteCount: pageCount * blockSize, alignment: 4096))
        pieces.withLock { $0.memory[Int(number)] = new }
        return Copies(number: number, start: new)
    }

    /// Has memory that is in use be kept until it was given back once more.
    func share(_ number: UInt32) { pieces.withLock { $0.uses[Int(number)] += 1 } }

    func giveBack(_ number: UInt32) {
        let excess = pieces.withLock { pieces -> PageAddress? in
            pieces.uses[Int(number)] -= 1
            if pieces.uses[Int(number)] > 0 { return nil }
            if pieces.count <= limit {
                pieces.free.append(number)
                return nil
            }
            pieces.unused.append(number)
            return pieces.memory[Int(number)].take()
        }
        if let excess { unsafe excess.pointer.deallocate() }
    }
}
