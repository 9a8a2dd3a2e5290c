import AsyncIO
import StorageManager
import StorageTesting
import Testing

@Suite("Threads in one relation")
struct ConcurrencyTests {
    @Test("Reads run while a relation grows and is cut", arguments: IOMethodMatrix.all)
    func readersAndTruncation(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 5)
        let results = try TestThreads.run(4) { index -> Bool in
            let session = try disk.system.makeSession()
            defer { session.close() }
            if index == 0 {
                for round in 0..<60 as Range<UInt32> {
                    try storage.zeroExtend(
                        .main, from: 5, count: Int(3 + round % 9), sync: .register)
                    try storage.truncate(.main, to: 5, session: session)
                }
                return true
            }
            var random = SplitMix64(seed: method.seed ?? 2, stream: UInt64(index))
            for _ in 0..<150 {
                let count = try storage.blockCount(.main)
                guard (5...16).contains(count) else { return false }
                let kept = PageMemory(5)
                try storage.read(0, kept)
                guard kept.holdsAll(from: 0) else { return false }
                let block = UInt32(random.below(5))
                let page = PageMemory(1)
                try disk.system.check(storage.run(.read, BlockNumber(block), page, session))
                guard page.holds(0, block) else { return false }
                // Blocks that come and go may be missing, but never hold anything but zeroes.
                let later = PageMemory(1)
                do {
                    try storage.read(BlockNumber(5 + UInt32(random.below(9))), later)
                    guard later.isZero(0) else { return false }
                } catch let error as StorageError {
                    guard error.code == .readFailed || error.code == .notFound else { throw error }
                }
            }
            return true
        }
        #expect(results == [true, true, true, true])
        #expect(try storage.blockCount(.main) == 5)
    }

    @Test("Threads that open all segments at once agree", arguments: IOMethodMatrix.all)
    func opening(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation(blocks: 23)
        for _ in 0..<20 {
            try disk.forgetFiles()
            let results = try TestThreads.run(6) { index -> Bool in
                let block = BlockNumber(UInt32((index * 7) % 23))
                let page = PageMemory(1)
                try storage.read(block, page)
                return try page.holds(0, block.rawValue) && storage.blockCount(.main) == 23
            }
            #expect(results.allSatisfy { $0 })
        }
    }

    @Test("Writers of neighbouring blocks do not conflict", arguments: IOMethodMatrix.all)
    func writers(method: TestedMethod) throws {
        let disk = try TestDisk(method)
        let storage = try disk.makeRelation()
        try storage.zeroExtend(.main, from: 0, count: 24, sync: .skip)
        try TestThreads.run(6) { index in
            let session = try disk.system.makeSession()
            defer { session.close() }
            let page = PageMemory(1)
            for round in 0..<30 as Range<UInt32> {
                for part in 0..<4 as Range<UInt32> {
                    let block = part * 6 + UInt32(index)
                    page.fill(0, round * 100 + block)
                    let report = try storage.run(.write, BlockNumber(block), page, session)
                    try disk.system.check(report)
                }
                if round % 10 == 0 { try disk.registry.syncPending(session) }
            }
        }
        let pages = PageMemory(24)
        try storage.read(0, pages)
        #expect(pages.holdsAll(from: 2900))
    }
}
