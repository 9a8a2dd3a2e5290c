import AsyncIO
import CompressedDisk
import FileAccess
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

/// Writes of pages of one chunk that are in flight together, in any order of completion.
@Suite("Writes of one chunk at a time")
struct OrderTests {
    @Test("No write is lost when one between them fails", arguments: [true, false])
    func failureBetween(firstEndsLast: Bool) throws {
        let directory = TemporaryDirectory()
        let system = try TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless).makeSystem()
        let simulated = try #require(SimulatedMethod.of(system))
        let open = try OpenManager(
            try FileAccess(directory: directory.path), system, chunkPages: 4,
            compactsByItself: true)
        defer { open.close() }
        let (session, storage) = (open.session, try open.open())
        try storage.create(.main, ifMissing: false)
        try storage.zeroExtend(.main, from: 0, count: 4, sync: .register)
        let old = PageMemory(4)
        old.fillAll(from: 0)
        try storage.write(.main, block: 0, from: old.addresses.span, sync: .register)

        var memories: [PageMemory] = []
        func start(_ block: UInt32) throws -> (WaitReference, IOReturn) {
            let page = PageMemory(1)
            page.fill(0, 100 + block)
            memories.append(page)
            let outcome = IOReturn()
            let handle = try session.acquireHandle(reporting: outcome)
            let reference = handle.waitReference
            let addresses = page.addresses
            try storage.startWrite(
                handle, .main, block: BlockNumber(block), from: addresses.span, sync: .register)
            return (reference, outcome)
        }
        let isHeld = Flag()
        let hold = simulated.hold { $0.operation == .write && isHeld.value }
        let first = try start(0)
        try hold.waitUntilHolding(1)
        isHeld.clear()
        simulated.inject(ScheduledFault(.error(EIO), on: .write))
        let second = try start(1)
        try session.wait(for: second.0)
        #expect(second.1.result.status == .error)
        if !firstEndsLast {
            hold.release()
            try session.wait(for: first.0)
        }
        let third = try start(2)
        try session.wait(for: third.0)
        #expect(third.1.result.status == .ok)
        hold.release()
        try session.wait(for: first.0)
        #expect(first.1.result.status == .ok)

        for check in 0..<2 {
            let found = PageMemory(4)
            try storage.read(.main, block: 0, into: found.addresses.span)
            #expect(found.holds(0, 100), "look \(check)")
            // The failed write's page may have either version; its writer was told.
            #expect(found.holds(1, 1) || found.holds(1, 101))
            #expect(found.holds(2, 102))
            #expect(found.holds(3, 3))
            try open.manager.syncPending(session)
            storage.close(.main, session: session)
        }
    }
}

/// A flag that a closure on another thread reads.
private final class Flag: Sendable {
    private let isSet = Atomic<Bool>(true)
    var value: Bool { isSet.load(ordering: .acquiring) }
    func clear() { isSet.store(false, ordering: .releasing) }
}
