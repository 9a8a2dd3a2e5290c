import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Testing

/// Pages of one relation are found among many others, block by block or by looking at the pool.
@Suite struct PlacesTests {
    /// A pool in which a small relation is looked up and a large one is not.
    private func stack() throws -> Stack {
        var options = Stack.Options()
        options.buffers = 512
        return try Stack(TestedMethod(.synchronous), options)
    }

    private func read(
        _ stack: Stack, _ relation: OpenRelation, _ blocks: Range<UInt32>, dirtying: Bool = false
    ) throws {
        let session = try stack.session()
        defer { session.close() }
        for block in blocks {
            let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
            if dirtying { page.withExclusiveLock { Stack.restamp(&$0, version: 1) } }
        }
    }

    @Test(arguments: [3, 200])
    func aRelationsPagesAreFoundAmongOthers(_ count: Int) throws {
        let stack = try stack()
        let relation = try stack.makeRelation(blocks: count)
        let other = try stack.makeRelation(5, blocks: 240)
        try read(stack, other, 0..<240, dirtying: true)
        try read(stack, relation, 0..<UInt32(count), dirtying: true)
        let session = try stack.session()
        #expect(stack.buffers.hasChanges(in: relation, below: 1))
        #expect(try stack.buffers.flush(relation, session: session) == count)
        #expect(!stack.buffers.hasChanges(in: relation, below: BlockNumber(UInt32(count))))
        #expect(try stack.buffers.evict(relation, session: session).evicted == count)
        #expect(try stack.buffers.evict(relation, session: session).evicted == 0)
        try read(stack, relation, 0..<UInt32(count))
        try stack.buffers.drop(relation, session: session)
        for block in 0..<UInt32(count) {
            #expect(!stack.buffers.isResident(BlockNumber(block), of: relation))
        }
        #expect(try stack.buffers.flush(other, session: session) == 240)
        stack.buffers.checkInvariants()
    }

    @Test func everyForkIsFound() throws {
        let stack = try stack()
        let relation = try stack.makeRelation(blocks: 2)
        let other = try stack.makeRelation(5, blocks: 300)
        try read(stack, other, 0..<300)
        let session = try stack.session()
        try relation.storage.create(.visibilityMap, ifMissing: false)
        for fork: Fork in [.main, .visibilityMap] {
            _ = try stack.buffers.extend(relation, fork: fork, by: 2, session: session)
        }
        #expect(stack.buffers.isResident(1, of: relation, fork: .visibilityMap))
        try stack.buffers.dropBlocks(
            of: relation, fork: .visibilityMap, from: 1, session: session)
        #expect(!stack.buffers.isResident(1, of: relation, fork: .visibilityMap))
        #expect(stack.buffers.isResident(0, of: relation, fork: .visibilityMap))
        #expect(stack.buffers.isResident(3, of: relation))
        try stack.buffers.drop(relation, session: session)
        for fork: Fork in [.main, .visibilityMap] {
            #expect(!stack.buffers.isResident(0, of: relation, fork: fork))
        }
        stack.buffers.checkInvariants()
    }

    /// Pages that a relation has lost and got again, and pages behind the end that a reader asked
    /// for, are found like any other.
    @Test func whatComesBackIsFound() throws {
        let stack = try stack()
        let relation = try stack.makeRelation(blocks: 4)
        let other = try stack.makeRelation(5, blocks: 300)
        let session = try stack.session()
        try read(stack, other, 0..<300)
        for round in 0..<3 {
            try read(stack, relation, 0..<4, dirtying: true)
            if round == 1 { try stack.buffers.close(relation, session: session) }
            #expect(throws: StorageError.self) {
                _ = try stack.buffers.page(9, of: relation, session: session)
            }
            try read(stack, relation, 3..<4)
            #expect(stack.buffers.isResident(3, of: relation))
            try stack.buffers.drop(relation, session: session)
            #expect(!stack.buffers.isResident(3, of: relation))
            stack.buffers.checkInvariants()
        }
    }
}
