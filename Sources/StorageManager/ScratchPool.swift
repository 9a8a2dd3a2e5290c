internal import Threads

/// Private page copies for writes. Memory is kept for the next write once it was needed.
///
/// A page is copied before it is written, so that readers may continue, and its checksum is set on
/// the copy. The copies belong to the write until it is over; its completion gives them back. Safe
/// to use from any thread; the lock is held for a few instructions. Taking memory makes room for
/// giving it back, which allocates nothing.
@safe
package final class ScratchPool: @unchecked Sendable {
    /// Memory for as many pages as one write can have.
    package struct Copies {
        /// The number by which to give the memory back.
        package let number: UInt32
        /// The first page, aligned to 4096 bytes.
        package let start: PageAddress
    }

    private struct Pieces {
        /// All pieces, by number; nil for a number that waits for reuse.
        var memory: [PageAddress?] = []
        /// The number of uses of each piece.
        var uses: [UInt32] = []
        /// Numbers of unused pieces. The last in goes out first, because it is in the cache.
        var free: [UInt32] = []
        var unused: [UInt32] = []

        var count: Int { memory.count - unused.count }
    }

    private let pageCount: Int
    /// How many pieces are kept. What one writer must have comes on top.
    package let limit: Int
    private let pieces = Lock(Pieces(), rank: .scratchPieces)

    /// Makes a pool without memory.
    package init(pageCount: Int, limit: Int) {
        self.pageCount = pageCount
        self.limit = limit
    }

    deinit {
        for case let address? in pieces.withLock({ $0.memory }) {
            unsafe address.pointer.deallocate()
        }
    }

    /// The bytes of memory now.
    package var byteCount: Int { pieces.withLock { $0.count } * pageCount * blockSize }

    /// Takes memory for one write; nil if the limit is in use.
    ///
    /// - Parameter always: exceeds the limit instead of returning nil.
    package func take(always: Bool) -> Copies? {
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

    /// Adds a use to memory that is in use: it must be given back once more.
    package func share(_ number: UInt32) { pieces.withLock { $0.uses[Int(number)] += 1 } }

    /// Ends a use; the last one makes the memory available again. Allocates nothing.
    package func giveBack(_ number: UInt32) {
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
