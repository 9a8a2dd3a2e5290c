import FreeSpaceMap
import StorageManager
import StorageTesting
import Testing

/// The tree within a page, and the tree of pages, without IO.
@Suite struct FreeSpacePageTests {
    private static let slots = FreeSpacePage.slotCount

    /// Changes a page in memory.
    private func edit<Result>(
        _ page: inout [UInt8], _ body: (inout MutableRawSpan) -> Result
    ) -> Result {
        unsafe page.withUnsafeMutableBytes { bytes in
            var span = unsafe MutableRawSpan(_unsafeBytes: bytes)
            return body(&span)
        }
    }

    private func read<Result>(_ page: [UInt8], _ body: (RawSpan) -> Result) -> Result {
        unsafe page.withUnsafeBytes { body(unsafe RawSpan(_unsafeBytes: $0)) }
    }

    private let empty = [UInt8](repeating: 0, count: blockSize)

    /// PostgreSQL's macros, worked out for pages of 8192 bytes.
    @Test func categoriesArePostgresOwn() {
        for (bytes, category) in [
            (-1, 0), (0, 0), (31, 0), (32, 1), (8127, 253), (8128, 254), (8159, 254), (8160, 255),
            (.max, 255), (.min, 0),
        ] as [(Int, UInt8)] {
            #expect(FreeSpaceCategory(available: bytes).rawValue == category, "\(bytes)")
        }
        for (bytes, category) in [
            (0, 1), (1, 1), (32, 1), (33, 2), (8128, 254), (8129, 255), (8160, 255),
        ] as [(Int, UInt8)] {
            #expect(FreeSpaceCategory(needed: bytes)?.rawValue == category, "\(bytes)")
        }
        for bytes in [-1, 8161, .max, .min] { #expect(FreeSpaceCategory(needed: bytes) == nil) }
        #expect(FreeSpaceCategory(rawValue: 255).bytes == 8160)
        // What is found has as much as was asked for.
        for bytes in 0...8160 {
            guard let category = FreeSpaceCategory(needed: bytes) else { continue }
            #expect(category.bytes >= bytes)
        }
    }

    @Test func pagesStandBeforeThoseBelowThem() {
        #expect(Self.slots == 4069)
        #expect(FreeSpaceAddress.root.block == 0)
        #expect(FreeSpaceAddress(level: 1, number: 0).block == 1)
        #expect(FreeSpaceAddress(level: 0, number: 0).block == 2)
        #expect(FreeSpaceAddress(level: 0, number: 1).block == 3)
        #expect(FreeSpaceAddress(level: 0, number: Self.slots - 1).block.rawValue == 4070)
        #expect(FreeSpaceAddress(level: 1, number: 1).block.rawValue == 4071)
        #expect(FreeSpaceAddress(level: 0, number: Self.slots).block.rawValue == 4072)
        for block: UInt32 in [0, 1, 4068, 4069, 16_556_760, 16_556_761, .max - 1] {
            let (page, slot) = FreeSpaceAddress.location(of: BlockNumber(block))
            #expect(page.relationBlock(slot) == BlockNumber(block))
            let (above, place) = page.parent
            #expect(above.child(place) == page)
            #expect(above.block < page.block)
            #expect(above.parent.page == .root)
        }
        #expect(FreeSpaceAddress(level: 0, number: 4_000_000).relationBlock(0) == nil)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func searchesFindWhatWasSet(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var page = empty
        var known = [UInt8](repeating: 0, count: Self.slots)
        for _ in 0..<400 {
            let slot = random.below(random.below(2) == 0 ? Self.slots : 40)
            let category = UInt8(random.below(256))
            #expect(
                edit(&page) { FreeSpacePage.set(slot, to: category, in: &$0) }
                    == (known[slot] != category || page == empty), "seed \(seed)")
            known[slot] = category
            let wanted = UInt8(1 + random.below(255))
            switch read(page, { FreeSpacePage.search($0, for: wanted) }) {
            case .slot(let found):
                #expect(known[found] >= wanted, "seed \(seed)")
                edit(&page) { FreeSpacePage.setNextSlot(found + 1, in: &$0) }
            case .none: #expect(known.allSatisfy { $0 < wanted }, "seed \(seed)")
            case .broken: Issue.record("seed \(seed): the tree is wrong")
            }
        }
        #expect(read(page) { FreeSpacePage.categories(in: $0) } == known)
        #expect(edit(&page) { FreeSpacePage.rebuild(&$0) } == false)
        let end = random.below(Self.slots)
        let hadMore = known[end...].contains { $0 > 0 }
        #expect(edit(&page) { FreeSpacePage.clear(from: end, in: &$0) } == hadMore)
        #expect(read(page) { FreeSpacePage.greatest(in: $0) } == known[..<end].max() ?? 0)
    }

    /// All slots have room: searches that follow each other go through all of them.
    @Test func searchesSpread() {
        var page = empty
        for slot in 0..<Self.slots { _ = edit(&page) { FreeSpacePage.set(slot, to: 9, in: &$0) } }
        var found: Set<Int> = []
        for _ in 0..<Self.slots {
            guard case .slot(let slot) = read(page, { FreeSpacePage.search($0, for: 9) }) else {
                Issue.record("nothing was found")
                return
            }
            found.insert(slot)
            edit(&page) { FreeSpacePage.setNextSlot(slot + 1, in: &$0) }
        }
        #expect(found.count == Self.slots)
    }

    /// Whatever a page holds, a search ends, and one rebuilt page is right.
    @Test(arguments: 0..<50 as Range<UInt64>) func anyBytesAreARepairableMap(_ seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var page = (0..<blockSize).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for wanted in [1, 128, 255] as [UInt8] {
            _ = read(page) { FreeSpacePage.search($0, for: wanted) }
        }
        _ = edit(&page) { FreeSpacePage.rebuild(&$0) }
        let known = read(page) { FreeSpacePage.categories(in: $0) }
        #expect(read(page) { FreeSpacePage.greatest(in: $0) } == known.max())
        for wanted in [1, 128, 255] as [UInt8] {
            let found = read(page) { FreeSpacePage.search($0, for: wanted) }
            #expect(found != .broken, "seed \(seed)")
        }
    }

    @Test func aParentThatPromisesTooMuchIsBroken() {
        var page = empty
        _ = edit(&page) { FreeSpacePage.set(7, to: 3, in: &$0) }
        page[28] = 200
        #expect(read(page) { FreeSpacePage.search($0, for: 100) } == .broken)
        #expect(edit(&page) { FreeSpacePage.rebuild(&$0) })
        #expect(read(page) { FreeSpacePage.search($0, for: 100) } == .none)
        #expect(read(page) { FreeSpacePage.search($0, for: 3) } == .slot(7))
    }
}
