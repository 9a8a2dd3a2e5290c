import AsyncIO
import BufferManager
import FreeSpaceMap
import StorageManager
import StorageTesting
import Synchronization
import Testing

/// Searches that put the map right beside threads that record.
@Suite struct ConcurrentSearchTests {
    /// After a vacuum everything is found that was recorded before, whatever searches have put
    /// right meanwhile: none takes off what others have just added.
    @Test(arguments: IOMethodMatrix.real) func whatIsRecordedStays(_ method: TestedMethod) throws {
        let stack = try MapStack(method)
        let relation = try stack.relation()
        let isOver = Atomic(false)
        let lost = try TestThreads.run(3) { thread in
            let session = try stack.system.makeSession()
            defer { session.close() }
            let map = FreeSpaceMap(stack.buffers, of: relation, session: session)
            if thread > 0 {
                while !isOver.load(ordering: .relaxed) {
                    if thread == 1 { _ = try map.find(8000, below: 100) } else { try map.vacuum() }
                }
                return 0
            }
            defer { isOver.store(true, ordering: .relaxed) }
            var lost = 0
            for round in 0..<300 as Range<UInt32> {
                let block = BlockNumber(round % 100)
                try map.record(8000, at: block)
                try map.vacuum()
                if try map.find(8000, below: 100) != block { lost += 1 }
                try map.record(0, at: block)
            }
            return lost
        }
        #expect(lost == [0, 0, 0])
        stack.buffers.checkInvariants()
    }
}
