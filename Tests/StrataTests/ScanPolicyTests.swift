import AsyncIO
import StorageTesting
import Strata
import Testing

/// A large scan leaves the pool to other readers. A small one leaves its pages to the next scan.
@Suite struct ScanPolicyTests {
    private static let poolPages = 256

    /// How many pages of a relation are in the pool after a scan of that many.
    private func left(
        of pages: UInt32, _ store: AsyncStore, by scan: () async throws -> Int
    ) async throws -> Int {
        try TestThreads.run {
            let session = try store.engine.makeSession()
            defer { session.close() }
            _ = try store.engine.buffers.evictAll(session: session)
        }
        #expect(try await scan() == Int(pages))
        return (0..<pages).count { store.isResident($0) }
    }

    @Test(arguments: IOMethodMatrix.all, [64, 300] as [UInt32])
    func aRingAboveAQuarterOfThePool(_ method: TestedMethod, _ pages: UInt32) async throws {
        let store = try AsyncStore(method, .engineThread, pages: Int(pages)) {
            $0.poolBytes = Self.poolPages * blockSize
        }
        let (relation, tasks) = (store.relation, store.session)
        let awaited = try await left(of: pages, store) {
            var stream = relation.scan(session: tasks)
            var count = 0
            while try await stream.next() != nil { count += 1 }
            return count
        }
        let blocking = try await left(of: pages, store) {
            try TestThreads.run {
                let session = try store.engine.makeSession()
                defer { session.close() }
                var stream = relation.scan(session: session)
                var count = 0
                while try stream.next() != nil { count += 1 }
                return count
            }
        }
        if pages <= Self.poolPages / 4 {
            #expect(awaited == Int(pages) && blocking == Int(pages))
        } else {
            #expect(awaited <= pages / 2 && blocking <= pages / 2)
        }
        let quarter = Self.poolPages / 4
        #expect(ReadStreamOptions.scan(of: quarter, in: store.engine.buffers).strategy == nil)
        #expect(ReadStreamOptions.scan(of: quarter + 1, in: store.engine.buffers).strategy != nil)
        try await store.end()
    }
}
