import AsyncIO
import BufferManager
import PageFormat
import StorageManager
import StorageTesting
import Synchronization
import Testing

@Suite struct ExtensionTests {
    @Test(arguments: IOMethodMatrix.all)
    func newPagesAreZeroPinnedAndOnDisk(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 2)
        let session = try stack.session()
        var pages = try stack.buffers.extend(relation, by: 3, session: session)
        #expect(pages.first == 2)
        #expect(pages.count == 3)
        #expect(try relation.storage.blockCount(.main) == 5)
        var block: UInt32 = 2
        while let page = pages.next() {
            #expect(page.block.rawValue == block)
            #expect((page.withView { $0.isAllZero }) as Bool)
            #expect((!page.isDirty) as Bool)
            page.withEditor { editor in
                editor.initialize()
                Stack.stamp(&editor, block, 1)
            }
            block += 1
        }
        #expect(block == 5)
        try stack.buffers.flushAll(session: session)
        #expect(try stack.stampOnDisk(relation, 4) == Stack.Stamp(block: 4, version: 1))
        #expect(stack.buffers.statistics.extends == 3)
        stack.buffers.checkInvariants()
    }

    @Test func pagesNotTakenAreGivenBack() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation()
        let session = try stack.session()
        do {
            var pages = try stack.buffers.extend(relation, by: 4, session: session)
            _ = pages.next()
        }
        stack.buffers.checkInvariants()
        #expect(stack.buffers.isResident(3, of: relation))
    }

    @Test func oneSessionTakesItsShareOfThePool() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation()
        let session = try stack.session()
        #expect(stack.buffers.pinLimit == 4)
        #expect(try stack.buffers.extend(relation, by: 1000, session: session).count == 4)
    }

    @Test func aFailureLeavesNothing() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 1)
        let session = try stack.session()
        stack.faults.failsExtensions.store(true, ordering: .relaxed)
        let error = #expect(throws: StorageError.self) {
            _ = try stack.buffers.extend(relation, by: 3, session: session)
        }
        #expect(error?.code == .extendFailed)
        stack.buffers.checkInvariants()
        #expect(!stack.buffers.isResident(1, of: relation))
        stack.faults.failsExtensions.store(false, ordering: .relaxed)
        #expect(try stack.buffers.extend(relation, by: 3, session: session).first == 1)
    }

    @Test func dataBehindTheEndIsNotOverwritten() throws {
        let stack = try Stack(TestedMethod(.synchronous))
        let relation = try stack.makeRelation(blocks: 3)
        let session = try stack.session()
        _ = try stack.buffers.page(2, of: relation, session: session)
        // The file is cut behind the manager's back.
        try relation.storage.truncate(.main, to: 2, session: session)
        let error = #expect(throws: StorageError.self) {
            _ = try stack.buffers.extend(relation, session: session)
        }
        #expect(error?.message.contains("unexpected data beyond EOF in block 2") == true)
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func sessionsExtendSideBySide(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation()
        try TestThreads.run(4) { thread in
            let session = try stack.session()
            for _ in 0..<25 {
                var pages = try stack.buffers.extend(relation, by: 2, session: session)
                while let page = pages.next() {
                    let block = page.block.rawValue
                    page.withEditor { editor in
                        #expect((editor.view.isAllZero) as Bool)
                        editor.initialize()
                        Stack.stamp(&editor, block, UInt32(thread))
                    }
                }
            }
        }
        #expect(try relation.storage.blockCount(.main) == 200)
        let session = try stack.session()
        try stack.buffers.flushAll(session: session)
        for block: UInt32 in 0..<200 {
            #expect(try stack.stampOnDisk(relation, block)?.block == block)
        }
        stack.buffers.checkInvariants()
    }
}
