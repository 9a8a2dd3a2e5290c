import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Synchronization
import Testing

@testable import CompressedDisk

/// What was cut off a relation stays cut off, whatever was in flight at the time, and even if its
/// map is lost.
@Suite("Truncating compressed relations")
struct TruncationTests {
    @Test("A write in flight does not bring back what was cut off", arguments: [true, false])
    func writeInFlight(isBuiltOn: Bool) throws {
        let store = try HeldStore(chunkPages: 4)
        defer { store.end() }
        try store.storage.zeroExtend(.main, from: 0, count: 4, sync: .register)
        let old = PageMemory(4)
        old.fillAll(from: 0)
        try store.storage.write(.main, block: 0, from: old.addresses.span, sync: .register)

        let hold = store.simulated.hold { $0.operation == .write }
        let first = try store.startWrite(0, 100)
        try hold.waitUntilHolding(1)
        try store.storage.truncate(.main, to: 2, session: store.session)
        try store.storage.zeroExtend(.main, from: 2, count: 2, sync: .register)
        // Another write that is built on the first, which has all four pages.
        let second = isBuiltOn ? try store.startWrite(1, 101) : nil
        hold.release()
        for write in [first, second].compactMap({ $0 }) {
            try store.session.wait(for: write.reference)
            #expect(write.outcome.result.status == .ok)
        }
        let found = PageMemory(4)
        for _ in 0..<2 {
            try store.storage.read(.main, block: 0, into: found.addresses.span)
            #expect(found.holds(0, 100) && found.holds(1, isBuiltOn ? 101 : 1))
            #expect(found.isZero(2) && found.isZero(3))
            try store.manager.syncPending(store.session)
            store.storage.close(.main, session: store.session)
        }
    }

    @Test("A chunk being read is not reused, even once the relation was closed")
    func readInFlight() throws {
        let store = try HeldStore(chunkPages: 2)
        defer { store.end() }
        try store.storage.zeroExtend(.main, from: 0, count: 40, sync: .register)
        func write(_ block: UInt32, _ value: UInt32) throws {
            let memory = PageMemory(2)
            memory.fillAll(from: value)
            try store.storage.write(
                .main, block: BlockNumber(block), from: memory.addresses.span, sync: .register)
        }
        try write(0, 7)
        try store.manager.syncPending(store.session)
        let hold = store.simulated.hold { $0.operation == .read }
        let read = PageMemory(2)
        let outcome = IOReturn()
        let handle = try store.session.acquireHandle(reporting: outcome)
        let reference = handle.waitReference
        let addresses = read.addresses
        try store.storage.startRead(handle, .main, block: 0, into: addresses.span)
        try hold.waitUntilHolding(1)
        try write(0, 17)
        try store.manager.syncPending(store.session)
        store.storage.close(.main, session: store.session)
        // All free space is given out now.
        for block in stride(from: 2, to: 40 as UInt32, by: 2) {
            try write(block, block)
            try store.manager.syncPending(store.session)
        }
        hold.release()
        try store.session.wait(for: reference)
        #expect(outcome.result.status == .ok)
        #expect(read.holdsAll(from: 7))
        try store.storage.read(.main, block: 0, into: addresses.span)
        #expect(read.holdsAll(from: 17))
    }

    @Test("What was cut off stays so without the map, after any cuts and growth")
    func lostMap() throws {
        let disk = SimulatedDisk()
        try PlainStore.with(disk, chunkPages: 4) { store in
            try store.storage.create(.main, ifMissing: false)
            try store.grow(to: 40)
            try store.write(0, 40, value: 1)
            for (cut, end) in [(6, 40), (14, 40), (30, 35)] {
                try store.storage.truncate(.main, to: UInt32(cut), session: store.session)
                try store.manager.syncPending(store.session)
                try store.grow(to: end)
                try store.manager.syncPending(store.session)
            }
            // The last cut is after the last growth.
            try store.storage.truncate(.main, to: 33, session: store.session)
            try store.manager.syncPending(store.session)
        }
        disk.remove("base/1/16384.map")
        try PlainStore.with(disk.copy(), chunkPages: 4) { store in
            let count = try store.storage.blockCount(.main)
            #expect(count == 33)
            let found = PageMemory(Int(count))
            try store.storage.read(.main, block: 0, into: found.addresses.span)
            for block in 0..<found.count {
                #expect(
                    block < 6 ? found.holds(block, 1 + UInt32(block)) : found.isZero(block),
                    "block \(block)")
            }
        }
    }

    @Test("A truncation that a crash undid does not count later", arguments: 1...12)
    func undoneTruncation(cut: Int) throws {
        let whole = SimulatedDisk()
        try PlainStore.with(whole, chunkPages: 4) { store in
            try store.storage.create(.main, ifMissing: false)
            try store.grow(to: 20)
            try store.write(0, 20, value: 1)
            try store.manager.syncPending(store.session)
        }
        let disk = whole.copy()
        try PlainStore.with(disk, chunkPages: 4) { store in
            _ = try store.storage.blockCount(.main)
            disk.cutPower(afterCalls: disk.changeCount + cut)
            try store.storage.truncate(.main, to: 3, session: store.session)
            try? store.manager.syncPending(store.session)
        }
        let survivor = disk.crash(seed: IOMethodMatrix.seed &+ UInt64(cut))
        func look() throws -> Int {
            var count = 0
            try PlainStore.with(survivor, chunkPages: 4) { store in
                count = Int(try store.storage.blockCount(.main))
                let found = PageMemory(count)
                try store.storage.read(.main, block: 0, into: found.addresses.span)
                #expect(found.holdsAll(from: 1))
                // Reading changes nothing; the first change records the present state.
                try store.write(0, 1, value: 1)
                try store.manager.syncPending(store.session)
                try store.manager.check(PlainStore.locator, fork: .main) { Issue.record("\($0)") }
            }
            return count
        }
        let count = try look()
        #expect(count == 20 || count == 3)
        survivor.remove("base/1/16384.map")
        #expect(try look() == count)
    }
}

/// A compressed relation on a simulated disk.
struct PlainStore {
    static let locator = RelationLocator(database: 1, number: 16384)

    let system: IOSystem
    let manager: CompressedDisk
    let session: Session
    let storage: any RelationStorage

    static func with(
        _ disk: any FileSystem & IOExecutor, chunkPages: Int, _ body: (PlainStore) throws -> Void
    ) throws {
        let all = try OpenManager(on: disk, chunkPages: chunkPages)
        defer { all.close() }
        try body(
            PlainStore(
                system: all.system, manager: all.manager, session: all.session,
                storage: try all.open()))
    }

    func grow(to count: Int) throws {
        let old = Int(try storage.blockCount(.main))
        try storage.zeroExtend(
            .main, from: BlockNumber(UInt32(old)), count: count - old, sync: .register)
    }

    func write(_ block: UInt32, _ count: Int, value: UInt32) throws {
        let memory = PageMemory(count)
        memory.fillAll(from: value)
        try storage.write(
            .main, block: BlockNumber(block), from: memory.addresses.span, sync: .register)
    }
}

/// A compressed relation under a method that holds IO back.
final class HeldStore {
    private let directory = TemporaryDirectory()
    private let all: OpenManager
    let simulated: SimulatedMethod
    let storage: any RelationStorage
    var system: IOSystem { all.system }
    var manager: CompressedDisk { all.manager }
    var session: Session { all.session }
    private var memories: [PageMemory] = []

    init(chunkPages: Int) throws {
        all = try OpenManager(
            try FileAccess(directory: directory.path),
            try TestedMethod(seed: IOMethodMatrix.seed, faults: .harmless).makeSystem(),
            chunkPages: chunkPages)
        simulated = try #require(SimulatedMethod.of(all.system))
        storage = try all.open(PlainStore.locator)
        try storage.create(.main, ifMissing: false)
    }

    func end() { all.close() }

    /// Another relation's main fork, created.
    func another(_ number: UInt32) throws -> any RelationStorage {
        let storage = try all.open(RelationLocator(database: 1, number: number))
        try storage.create(.main, ifMissing: false)
        return storage
    }

    func startWrite(_ block: UInt32, _ value: UInt32) throws -> (
        reference: WaitReference, outcome: IOReturn
    ) {
        let page = PageMemory(1)
        page.fill(0, value)
        memories.append(page)
        let outcome = IOReturn()
        let handle = try session.acquireHandle(reporting: outcome)
        let reference = handle.waitReference
        let addresses = page.addresses
        try storage.startWrite(
            handle, .main, block: BlockNumber(block), from: addresses.span, sync: .register)
        return (reference, outcome)
    }
}
