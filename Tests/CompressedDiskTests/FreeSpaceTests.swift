import StorageTesting
import Testing

@testable import CompressedDisk

/// Space given out was free, and space taken back is given out again.
@Suite struct FreeSpaceTests {
    @Test("Freeing what was given out last makes the file shorter")
    func shrinks() throws {
        var space = FreeSpace(origin: 1)
        let first = try allocate(5, &space)
        let second = try allocate(7, &space)
        #expect(first == Extent(start: 1, count: 5))
        #expect(second == Extent(start: 6, count: 7))
        space.free(first)
        #expect(space.freeCount == 5)
        #expect(space.end == 13)
        space.free(second)
        #expect(space.freeCount == 0)
        #expect(space.holeCount == 0)
        #expect(space.end == 1)
    }

    @Test("Neighbouring holes become one")
    func coalesces() throws {
        var space = FreeSpace(origin: 0)
        let extents = try (0..<4).map { _ in try allocate(3, &space) }
        space.free(extents[0])
        space.free(extents[2])
        #expect(space.holeCount == 2)
        space.free(extents[1])
        #expect(space.sortedHoles == [Extent(start: 0, count: 9)])
        #expect(try allocate(9, &space) == Extent(start: 0, count: 9))
        #expect(space.end == 12)
    }

    @Test("The hole that fits best is taken")
    func fits() throws {
        var space = FreeSpace(
            origin: 0,
            used: [
                Extent(start: 8, count: 1), Extent(start: 12, count: 1),
                Extent(start: 113, count: 1),
            ])
        #expect(try allocate(3, &space) == Extent(start: 9, count: 3))
        #expect(try allocate(50, &space) == Extent(start: 13, count: 50))
        #expect(try allocate(50, &space) == Extent(start: 63, count: 50))
        #expect(try allocate(50, &space) == Extent(start: 114, count: 50))
        #expect(space.sortedHoles == [Extent(start: 0, count: 8)])
    }

    @Test("A file has at most 2³² units")
    func ends() throws {
        var space = FreeSpace(
            origin: 0, used: [Extent(start: UInt32.max - 4, count: 2)])
        _ = try allocate(UInt32.max - 4, &space)
        let tooMuch = space.allocate(3)
        #expect(tooMuch == nil)
        #expect(try allocate(2, &space) == Extent(start: UInt32.max - 2, count: 2))
    }

    @Test("No unit is given out twice", arguments: [IOMethodMatrix.seed, 1, 2])
    func isConsistent(_ seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var space = FreeSpace(origin: 1)
        var used: [Extent] = []
        for step in 0..<4000 {
            let grows = random.next() % 100 < (step < 2000 ? 60 : 45)
            if grows || used.isEmpty {
                let longest: UInt64 = random.next() % 8 == 0 ? 300 : 40
                let extent = try allocate(UInt32(1 + random.next() % longest), &space)
                used.append(extent)
            } else {
                let position = Int(random.next() % UInt64(used.count))
                used.swapAt(position, used.count - 1)
                space.free(used.removeLast())
            }
            if step % 97 == 0 { try check(space, used) }
        }
        try check(space, used)
        let rebuilt = FreeSpace(origin: 1, used: used.sorted { $0.start < $1.start })
        #expect(rebuilt.sortedHoles == space.sortedHoles)
        #expect(rebuilt.end == space.end)
    }

    private func allocate(_ count: UInt32, _ space: inout FreeSpace) throws -> Extent {
        let extent = space.allocate(count)
        return try #require(extent)
    }

    private func check(_ space: FreeSpace, _ used: [Extent]) throws {
        let all = (used + space.sortedHoles).sorted { $0.start < $1.start }
        var next = space.origin
        for extent in all {
            try #require(extent.start == next)
            next = extent.end
        }
        #expect(next == space.end)
        #expect(space.freeCount == space.sortedHoles.reduce(0) { $0 + $1.count })
    }
}
