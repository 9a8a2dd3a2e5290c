/// The free places of a data file. Finds the next one to give out without searching.
///
/// Counts in units of ``unitSize`` bytes. Holes are kept by length, each length up to 40 separately
/// and longer ones by their power of two, so a fitting one is found by examining one word of bits.
/// Neighbouring holes are joined. Space freed at the file's end makes the file shorter. Every call
/// takes constant time regardless of the number of holes, except when tables grow.
///
/// A plain value; its owner must use it on one thread at a time.
struct FreeSpace {
    private struct Hole {
        var start: UInt32
        var count: UInt32
        /// Neighbours in the list of its length; `none` at the ends.
        var previous: Int32
        var next: Int32
    }

    private static let none: Int32 = -1
    private static let exactLengths: UInt32 = 40
    /// How many holes of one power of two are tried for a length that not all of them have.
    private static let patience = 8

    private var holes: [Hole] = []
    private var unusedSlots: [Int32] = []
    private var firstOfBin = InlineArray<64, Int32>(repeating: FreeSpace.none)
    private var occupiedBins: UInt64 = 0
    private var holeAtStart: [UInt32: Int32] = [:]
    private var holeBeforeEnd: [UInt32: Int32] = [:]

    /// The first unit available; lower ones are never given out.
    let origin: UInt32
    /// The unit after the last used one: the least length of the file.
    private(set) var end: UInt32
    /// The number of free units below ``end``.
    private(set) var freeCount: UInt32 = 0

    /// Makes the free space of a file that is empty from `origin` on.
    init(origin: UInt32) {
        self.origin = origin
        end = origin
    }

    /// Makes the free space of a file in which the given extents are used.
    ///
    /// - Parameter used: sorted by start, without overlaps, all from `origin` on.
    init(origin: UInt32, used: [Extent]) {
        self.init(origin: origin)
        for extent in used {
            if extent.start > end { add(start: end, count: extent.start - end) }
            end = extent.end
        }
    }

    /// How many holes there are.
    var holeCount: Int { holeAtStart.count }

    /// Gives out `count` contiguous units.
    ///
    /// - Returns: nil if the file would become longer than 2³² units.
    mutating func allocate(_ count: UInt32) -> Extent? {
        precondition(count > 0, "an extent has at least one unit")
        if let slot = slot(for: count) { return take(slot, count) }
        let (newEnd, overflow) = end.addingReportingOverflow(count)
        if overflow { return nil }
        defer { end = newEnd }
        return Extent(start: end, count: count)
    }

    /// Gives out the first `count` units of the hole at `start`, if it still exists and is long
    /// enough.
    mutating func allocate(_ count: UInt32, at start: UInt32) -> Extent? {
        guard let slot = holeAtStart[start], holes[Int(slot)].count >= count else { return nil }
        return take(slot, count)
    }

    /// Takes back what was given out.
    mutating func free(_ extent: Extent) {
        precondition(
            extent.count > 0 && extent.start >= origin && extent.end <= end,
            "only what was given out is freed")
        var (start, count) = (extent.start, extent.count)
        if let slot = holeBeforeEnd[start] {
            start = holes[Int(slot)].start
            count += holes[Int(slot)].count
            remove(slot)
        }
        if let slot = holeAtStart[extent.end] {
            count += holes[Int(slot)].count
            remove(slot)
        }
        if start + count == end {
            end = start
        } else {
            add(start: start, count: count)
        }
    }

    /// All holes in the order of the file. O(holes × log holes).
    var sortedHoles: [Extent] {
        holeAtStart.values.map { slot in
            Extent(start: holes[Int(slot)].start, count: holes[Int(slot)].count)
        }.sorted { $0.start < $1.start }
    }

    // MARK: Holes by length

    private static func bin(_ count: UInt32) -> Int {
        if count <= exactLengths { return Int(count) - 1 }
        let power = UInt32.bitWidth - 1 - count.leadingZeroBitCount
        return min(63, Int(exactLengths) + power - 5)
    }

    private func slot(for count: UInt32) -> Int32? {
        let bin = Self.bin(count)
        if count > Self.exactLengths {
            var slot = firstOfBin[bin]
            for _ in 0..<Self.patience where slot != Self.none {
                if holes[Int(slot)].count >= count { return slot }
                slot = holes[Int(slot)].next
            }
            if bin == 63 { return nil }
            return firstSlot(from: bin + 1)
        }
        return firstSlot(from: bin)
    }

    private func firstSlot(from bin: Int) -> Int32? {
        let bins = occupiedBins & (UInt64.max << UInt64(bin))
        return bins == 0 ? nil : firstOfBin[bins.trailingZeroBitCount]
    }

    /// Gives out the first part of a hole.
    private mutating func take(_ slot: Int32, _ count: UInt32) -> Extent {
        let (start, length) = (holes[Int(slot)].start, holes[Int(slot)].count)
        remove(slot)
        if length > count { add(start: start + count, count: length - count) }
        return Extent(start: start, count: count)
    }

    private mutating func add(start: UInt32, count: UInt32) {
        let bin = Self.bin(count)
        let next = firstOfBin[bin]
        let hole = Hole(start: start, count: count, previous: Self.none, next: next)
        let slot: Int32
        if let unused = unusedSlots.popLast() {
            slot = unused
            holes[Int(slot)] = hole
        } else {
            slot = Int32(holes.count)
            holes.append(hole)
        }
        if next != Self.none { holes[Int(next)].previous = slot }
        firstOfBin[bin] = slot
        occupiedBins |= 1 << UInt64(bin)
        holeAtStart[start] = slot
        holeBeforeEnd[start + count] = slot
        freeCount += count
    }

    private mutating func remove(_ slot: Int32) {
        let hole = holes[Int(slot)]
        let bin = Self.bin(hole.count)
        if hole.previous == Self.none {
            firstOfBin[bin] = hole.next
            if hole.next == Self.none { occupiedBins &= ~(1 << UInt64(bin)) }
        } else {
            holes[Int(hole.previous)].next = hole.next
        }
        if hole.next != Self.none { holes[Int(hole.next)].previous = hole.previous }
        holeAtStart[hole.start] = nil
        holeBeforeEnd[hole.start + hole.count] = nil
        unusedSlots.append(slot)
        freeCount -= hole.count
    }
}

/// Contiguous units of a data file.
struct Extent: Hashable, Sendable, BitwiseCopyable {
    /// The first one.
    var start: UInt32
    /// How many.
    var count: UInt32

    /// The unit after the last one.
    var end: UInt32 { start + count }
}

/// The alignment and granularity of chunks in bytes, as direct IO requires.
let unitSize = 4096
