import AsyncIO
import StorageTesting
import Testing

@Suite struct HandleTests {
    let log = RecordingLog()

    @Test func releasedHandleIsHandedOutAgainFirst() throws {
        let session = try makeSystem(.synchronous).makeSession()
        let first = try session.acquireHandle()
        let id = first.id
        let reference = first.waitReference
        first.release()
        #expect(session.isDone(reference))
        let second = try session.acquireHandle()
        #expect(second.id == id, "the idle list is last in, first out")
        #expect(second.waitReference != reference, "the generation differs")
        second.release()
    }

    @Test func onlyOneHandleIsHandedOut() throws {
        let session = try makeSystem(.synchronous).makeSession()
        let handle = try session.acquireHandle()
        expectError(.misuse) { _ = try session.acquireHandle() }
        expectError(.misuse) { _ = try session.tryAcquireHandle() }
        handle.release()
        try session.acquireHandle().release()
    }

    @Test func droppedHandleIsLoggedAtTheEndOfItsScope() throws {
        let session = try makeSystem(.synchronous, log: log).makeSession()
        try session.withResourceOwner { owner in
            do { _ = try session.acquireHandle(owner: owner) }
            #expect(log.messages.isEmpty, "the scope may still end by an error")
            try session.acquireHandle(owner: owner).release()
        }
        #expect(log.messages == ["leaked AIO handle"])
    }

    @Test func droppedHandleWithoutOwnerIsLoggedAtOnce() throws {
        let session = try makeSystem(.synchronous, log: log).makeSession()
        do { _ = try session.acquireHandle() }
        #expect(log.messages == ["leaked AIO handle"])
        try session.acquireHandle().release()
    }

    @Test func droppedHandleIsSilentWhenTheScopeFails() throws {
        let session = try makeSystem(.synchronous, log: log).makeSession()
        #expect(throws: CancellationError.self) {
            try session.withResourceOwner { owner in
                do { _ = try session.acquireHandle(owner: owner) }
                throw CancellationError()
            }
        }
        #expect(log.messages.isEmpty)
        try session.acquireHandle().release()
    }

    @Test func closedSessionRefusesHandles() throws {
        let system = try makeSystem(.synchronous)
        let session = try system.makeSession()
        session.close()
        session.close()
        expectError(.closed) { _ = try session.acquireHandle() }
        #expect(system.shutdown())
        expectError(.closed) { _ = try system.makeSession() }
    }

    @Test func sessionsRunOutAndComeBack() throws {
        let system = try makeSystem(.synchronous) { $0.maximumSessions = 2 }
        let first = try system.makeSession()
        let second = try system.makeSession()
        expectError(.resourcesExhausted) { _ = try system.makeSession() }
        #expect(!system.shutdown(), "sessions are open")
        second.close()
        let third = try system.makeSession()
        #expect(third.index == second.index)
        withExtendedLifetime(first) {}
    }

    @Test(arguments: [0, -1, 1025]) func concurrencyOutsideItsRangeIsRefused(count: Int) {
        let error = #expect(throws: StorageError.self) {
            try makeSystem(.synchronous) { $0.concurrency = .fixed(count) }
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.remedy?.contains("1 to 1024") == true)
    }

    @Test(arguments: [(16384, 64, 64), (128, 64, 2), (10, 64, 1), (1_000_000, 8, 64)])
    func automaticConcurrencyDividesTheBudget(budget: Int, sessions: Int, expected: Int) throws {
        let system = try makeSystem(.synchronous) {
            $0.concurrency = .automatic
            $0.concurrencyBudget = budget
            $0.maximumSessions = sessions
        }
        #expect(system.handlesPerSession == expected)
    }

    @Test func vectorsThatTouchAreJoined() throws {
        let session = try makeSystem(.synchronous) { $0.maximumVectors = 2 }.makeSession()
        let memory = IOMemory(4 * 4096)
        let handle = try session.acquireHandle()
        func piece(_ index: Int) -> UnsafeMutableRawBufferPointer {
            UnsafeMutableRawBufferPointer(rebasing: memory.bytes[index * 4096..<(index + 1) * 4096])
        }
        try handle.appendVector(piece(0))
        try handle.appendVector(piece(1))
        try handle.appendVector(piece(3))
        #expect(handle.vectorByteCount == 3 * 4096)
        expectError(.misuse) { try handle.appendVector(piece(2)) }
        let values: [UInt64] = [1, 2, 3]
        expectError(.misuse) { try handle.setData(values.span) }
        handle.release()
    }
}
