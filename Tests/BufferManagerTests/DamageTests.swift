import AsyncIO
import BufferManager
import Logging
import StorageManager
import StorageTesting
import Testing

@Suite struct DamageTests {
    private func stack(_ method: TestedMethod, damaged: [UInt32], header: Bool = false) throws
        -> (Stack, OpenRelation, Session)
    {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 8)
        for block in damaged { try Stack.damage(relation, block, header: header) }
        return (stack, relation, try stack.session())
    }

    @Test(arguments: IOMethodMatrix.all)
    func aDamagedPageIsAnErrorAndStaysInvalid(_ method: TestedMethod) throws {
        let (stack, relation, session) = try stack(method, damaged: [3])
        for attempt in 1...2 {
            let error = #expect(throws: StorageError.self) {
                _ = try stack.buffers.page(3, of: relation, session: session)
            }
            #expect(error?.code == .invalidPage)
            #expect(error?.message == "invalid page in block 3 of relation \"base/1/16384\"")
            #expect(error?.location.block == 3)
            #expect(stack.buffers.checksumFailures(of: relation) == UInt64(attempt))
        }
        #expect(!stack.buffers.isResident(3, of: relation))
        #expect(stack.buffers.checksumFailures == 2)
        // After its repair on disk the page is whole: nothing of the failure stays.
        try Stack.writePage(relation, 3, 1)
        let page = try stack.buffers.page(3, of: relation, session: session)
        #expect(page.stamp == Stack.Stamp(block: 3, version: 1))
    }

    @Test(arguments: IOMethodMatrix.all)
    func severalAreOneError(_ method: TestedMethod) throws {
        let (stack, relation, session) = try stack(method, damaged: [2, 4])
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        let error = #expect(throws: StorageError.self) { try stack.read(operation, 1, 4) }
        #expect(
            error?.message
                == "2 invalid pages among blocks 1..4 of relation \"base/1/16384\""
                + " (block 2 held the first invalid page)")
        #expect(error?.location.block == 2)
        // The other pages of that read were published all the same.
        for block: BlockNumber in [1, 3] { #expect(stack.buffers.isResident(block, of: relation)) }
        for block: BlockNumber in [2, 4] { #expect(!stack.buffers.isResident(block, of: relation)) }
        stack.buffers.checkInvariants()
    }

    @Test(arguments: IOMethodMatrix.all)
    func damagedPagesAreZeroedOnRequest(_ method: TestedMethod) throws {
        let (stack, relation, session) = try stack(method, damaged: [2, 4], header: true)
        let operation = try ReadOperation(
            stack.buffers, relation: relation, session: session, options: .zeroesDamagedPages)
        #expect(
            try stack.read(operation, 1, 4)
                == [Stack.Stamp(block: 1, version: 0), nil, Stack.Stamp(block: 3, version: 0), nil])
        #expect(
            stack.log.contains(
                "zeroing out 2 invalid pages among blocks 1..4 of relation \"base/1/16384\""
                    + " (block 2 held the first zeroed page)"))
        try Stack.damage(relation, 6)
        let page = try stack.buffers.page(
            6, of: relation, mode: .zeroOnError, session: session)
        #expect(page.withSharedLock { bytes in bytes.byteCount == 8192 && isZero(bytes) })
        #expect(
            stack.log.contains(
                "invalid page in block 6 of relation \"base/1/16384\"; zeroing out page"))
        #expect(stack.buffers.checksumFailures(of: relation) == 3)
    }

    @Test(arguments: IOMethodMatrix.all)
    func checksumFailuresAreIgnoredOnRequest(_ method: TestedMethod) throws {
        let (stack, relation, session) = try stack(method, damaged: [2, 3])
        try Stack.damage(relation, 5, header: true)
        let operation = try ReadOperation(
            stack.buffers, relation: relation, session: session, options: .ignoresChecksumFailures)
        #expect(try stack.read(operation, 3, 1) == stamps(3..<4))
        #expect(
            stack.log.contains("ignoring checksum failure in block 3 of relation \"base/1/16384\""))
        #expect(try stack.read(operation, 1, 2) == stamps(1..<3))
        // An invalid header is never ignored.
        let error = #expect(throws: StorageError.self) { try stack.read(operation, 4, 3) }
        #expect(error?.message == "invalid page in block 5 of relation \"base/1/16384\"")
        operation.options.insert(.zeroesDamagedPages)
        _ = try stack.buffers.evictAll(session: session)
        let before = stack.buffers.checksumFailures
        _ = try stack.read(operation, 1, 6)
        #expect(stack.buffers.checksumFailures == before + 3)
        // The zeroed page's checksum was wrong too.
        #expect(
            stack.log.contains(
                "zeroing 1 page(s) and ignoring 3 checksum failure(s) among blocks 1..6 of relation"
                    + " \"base/1/16384\" (block 5 held the first zeroed page)"))
    }

    @Test(arguments: IOMethodMatrix.all)
    func settingsApplyWhereReadsDoNotSay(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.zeroesDamagedPages = true
        let stack = try Stack(method, options)
        let relation = try stack.makeRelation(blocks: 2)
        try Stack.damage(relation, 1)
        let page = try stack.buffers.page(1, of: relation, session: stack.session())
        #expect(page.stamp == nil)
        #expect(stack.log.contains("zeroing out page"))
    }

    @Test(arguments: IOMethodMatrix.all)
    func aReadMayTakeNothingFromTheSettings(_ method: TestedMethod) throws {
        var options = Stack.Options()
        options.zeroesDamagedPages = true
        options.ignoresChecksumFailures = true
        let stack = try Stack(method, options)
        let relation = try stack.makeRelation(blocks: 4)
        for block: UInt32 in 1...3 { try Stack.damage(relation, block, header: block == 3) }
        let session = try stack.session()
        let error = #expect(throws: StorageError.self) {
            _ = try stack.buffers.page(1, of: relation, mode: .normal, session: session)
        }
        #expect(error?.code == .invalidPage)
        let operation = try ReadOperation(
            stack.buffers, relation: relation, session: session, options: .refusesDamagedPages)
        #expect(throws: StorageError.self) { try stack.read(operation, 1, 2) }
        // What the read itself forgives is forgiven.
        operation.options = [.refusesDamagedPages, .ignoresChecksumFailures]
        for block: UInt32 in 1...2 {
            #expect(try stack.read(operation, block, 1) == stamps(block..<block + 1))
        }
        #expect(throws: StorageError.self) { try stack.read(operation, 3, 1) }
        let page = try stack.buffers.page(3, of: relation, session: session)
        #expect(page.stamp == nil)
    }

    @Test(arguments: IOMethodMatrix.all)
    func everyDamagedPageIsNamedInTheLog(_ method: TestedMethod) throws {
        let (stack, relation, session) = try stack(method, damaged: [2, 4, 5])
        let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
        #expect(throws: StorageError.self) { try stack.read(operation, 1, 6) }
        let named = stack.log.entries.filter { $0.message.contains("is damaged: checksum") }
        #expect(named.allSatisfy { $0.level == .debug && $0.metadata["page"] == "invalid" })
        for block in [2, 4, 5] {
            let text = "block \(block) of relation \"base/1/16384\" is damaged: checksum"
            #expect(named.count { $0.message.hasPrefix(text) } == 1)
        }
        #expect(named.count == 3)
    }

    /// A page that looks new has no checksum; one that only looks so in its header has a wrong one.
    @Test(arguments: IOMethodMatrix.all)
    func aPageWithAHeaderOfZeroesHasAWrongChecksum(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation(blocks: 2)
        try Stack.change(relation, 1) { page in
            unsafe page.storeBytes(of: 0, toByteOffset: 14, as: UInt16.self)
        }
        let session = try stack.session()
        let operation = try ReadOperation(
            stack.buffers, relation: relation, session: session,
            options: [.zeroesDamagedPages, .ignoresChecksumFailures])
        #expect(try stack.read(operation, 1, 1) == [nil])
        #expect(stack.buffers.checksumFailures(of: relation) == 1)
        #expect(stack.log.contains("zeroing 1 page(s) and ignoring 1 checksum failure(s)"))
    }

    @Test(arguments: IOMethodMatrix.all)
    func aFailureThatNothingWaitedForIsLogged(_ method: TestedMethod) throws {
        let (stack, relation, session) = try stack(method, damaged: [3])
        do {
            let operation = try ReadOperation(stack.buffers, relation: relation, session: session)
            var count = 1
            _ = try stack.buffers.startRead(operation, block: 3, count: &count)
            #expect(!stack.log.contains("in the background"))
        }
        session.close()
        // Where reading is put off until somebody waits, nothing was read.
        let expected = method.isAsynchronous ? 1 : 0
        #expect(
            stack.log.count(
                containing: "an IO in the background failed: invalid page in block 3 of"
                    + " relation \"base/1/16384\"") == expected)
    }

    @Test(arguments: IOMethodMatrix.all)
    func aPageOfZeroesIsNew(_ method: TestedMethod) throws {
        let stack = try Stack(method)
        let relation = try stack.makeRelation()
        try relation.storage.zeroExtend(.main, from: 0, count: 3, sync: .skip)
        let session = try stack.session()
        let page = try stack.buffers.page(2, of: relation, session: session)
        #expect(page.withSharedLock { isZero($0) })
        #expect(stack.buffers.checksumFailures == 0)
    }
}

private func isZero(_ bytes: RawSpan) -> Bool {
    for offset in stride(from: 0, to: bytes.byteCount, by: 8)
    where unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt64.self) != 0 {
        return false
    }
    return true
}
