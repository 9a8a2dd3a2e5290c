import BufferManager
import ReadStream
import StorageManager
import StorageTesting
import Testing
import Threads

/// Streams of several threads read each block of a shared range once.
@Suite struct SharedBlockRangeTests {
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers, [1, 3])
    func eachBlockComesOnce(_ method: TestedMethod, _ threads: Int) throws {
        var options = TestStore.Options()
        options.segmentBlocks = 13
        options.buffers = 128
        let store = try TestStore(method, options)
        let shared = SharedBlockRange(0..<store.blocks, stretchLength: 7)
        let found = Lock<[UInt32]>([], rank: .client)
        let workers = (0..<threads).compactMap { _ in
            OSThread.start {
                do {
                    try store.withSession { session throws in
                        var stream = ReadStream(
                            store.manager, over: store.relation, session: session,
                            source: shared.part())
                        var mine: [UInt32] = []
                        while let page = try stream.next() {
                            let block = page.block.rawValue
                            #expect(stream.data == Int(block) / 7)
                            mine.append(block)
                        }
                        #expect(mine == mine.sorted())
                        stream.end()
                        found.withLock { $0 += mine }
                    }
                } catch { Issue.record(error) }
            }
        }
        #expect(workers.count == threads)
        for worker in workers { worker.join() }
        #expect(found.withLock { $0.sorted() } == Array(0..<store.blocks))
    }

    @Test func stretches() {
        let shared = SharedBlockRange(5..<12, stretchLength: 3)
        #expect(shared.stretchCount == 3)
        var (first, second) = (shared.part(), shared.part())
        func take(_ part: inout SharedBlockRange.Part) -> [UInt32]? {
            part.next().map { [$0.block.rawValue, UInt32($0.data)] }
        }
        #expect(take(&first) == [5, 0])
        #expect(take(&second) == [8, 1])
        #expect(take(&first) == [6, 0])
        #expect(take(&first) == [7, 0])
        #expect(take(&first) == [11, 2])
        #expect(take(&first) == nil)
        #expect(take(&second) == [9, 1])
        #expect(take(&second) == [10, 1])
        #expect(take(&second) == nil && take(&first) == nil)
        #expect(SharedBlockRange(0..<0).stretchCount == 0)
        var none = SharedBlockRange(0..<0, stretchLength: 0).part()
        #expect(take(&none) == nil)
        var last = SharedBlockRange(4_294_967_290..<4_294_967_295).part()
        #expect(take(&last) == [4_294_967_290, 0])
    }
}
