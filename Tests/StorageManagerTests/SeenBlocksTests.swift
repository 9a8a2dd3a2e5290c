import StorageManager
import Testing

@Suite struct SeenBlocksTests {
    @Test func theBlocksInsertedAreSeenAndNoOthers() {
        for (first, count) in [(0, 1), (0, 64), (63, 1), (60, 8), (64, 200), (1000, 3)] {
            var blocks = SeenBlocks()
            blocks.insert(BlockNumber(UInt32(first)), count: count)
            for block in 0..<1200 {
                let isInside = block >= first && block < first + count
                #expect(blocks.contains(BlockNumber(UInt32(block))) == isInside)
            }
        }
    }

    @Test func theLastBlockThatAForkCanHave() {
        var blocks = SeenBlocks()
        blocks.insert(BlockNumber(BlockNumber.maximumCount - 2), count: 2)
        #expect(blocks.contains(BlockNumber(BlockNumber.maximumCount - 1)))
        #expect(!blocks.contains(BlockNumber(BlockNumber.maximumCount)))
        #expect(!blocks.contains(0))
    }

    @Test func itForgetsRatherThanGrow() {
        var blocks = SeenBlocks()
        for word: UInt32 in 0...1 << 16 { blocks.insert(BlockNumber(word << 6), count: 1) }
        #expect(!blocks.contains(0))
        #expect(blocks.contains(BlockNumber(1 << 22)))
    }
}
