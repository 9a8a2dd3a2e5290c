import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Synchronization
import Testing
import Threads

@testable import CompressedDisk

/// Making compressed relations durable.
@Suite("Syncing compressed relations")
struct SyncTests {
    @Test("Many relations are synced at a time")
    func concurrently() throws {
        let store = try HeldStore(chunkPages: 2)
        defer { store.end() }
        let page = PageMemory(2)
        page.fillAll(from: 1)
        for number in 20_000..<20_005 as Range<UInt32> {
            let storage = try store.another(number)
            try storage.zeroExtend(.main, from: 0, count: 2, sync: .register)
            try storage.write(.main, block: 0, from: page.addresses.span, sync: .register)
        }
        let hold = store.simulated.hold { $0.operation == .sync }
        let (manager, session) = (store.manager, store.session)
        let watcher = TestThreads.beside {
            defer { hold.release() }
            // All are in flight before the first has completed.
            try hold.waitUntilHolding(5)
        }
        try manager.syncPending(session)
        try watcher.join()
    }

    /// Removing it waits for the sync, which frees space by the state from before.
    @Test("A relation that is removed while it is made durable")
    func removedMeanwhile() throws {
        let store = try HeldStore(chunkPages: 2)
        defer { store.end() }
        let page = PageMemory(2)
        page.fillAll(from: 1)
        let storage = try store.another(20_000)
        try storage.zeroExtend(.main, from: 0, count: 2, sync: .register)
        // The second write replaces the first one's extent.
        for _ in 0..<2 {
            try storage.write(.main, block: 0, from: page.addresses.span, sync: .register)
        }
        let hold = store.simulated.hold { $0.operation == .sync }
        let (manager, session) = (store.manager, store.session)
        let remover = TestThreads.beside {
            defer { hold.release() }
            try hold.waitUntilHolding(1)
            let unlinking = TestThreads.beside {
                try manager.unlink(RelationLocator(database: 1, number: 20_000), fork: .main)
            }
            // Gives a removal that does not wait the time to end.
            for _ in 0..<100 where !unlinking.isDone { usleep(1000) }
            hold.release()
            try unlinking.join()
        }
        try manager.syncPending(session)
        try remover.join()
        #expect(try !storage.exists(.main))
        try manager.syncPending(session)
    }

    @Test("One relation that cannot be synced does not keep others from being synced")
    func failure() throws {
        let store = try HeldStore(chunkPages: 2)
        defer { store.end() }
        let page = PageMemory(2)
        page.fillAll(from: 1)
        var all: [any RelationStorage] = []
        for number in 20_000..<20_004 as Range<UInt32> {
            let storage = try store.another(number)
            try storage.zeroExtend(.main, from: 0, count: 2, sync: .register)
            try storage.write(.main, block: 0, from: page.addresses.span, sync: .register)
            all.append(storage)
        }
        store.simulated.inject(ScheduledFault(.error(EIO), on: .sync))
        func sync() -> StorageError? {
            do throws(StorageError) {
                try store.manager.syncPending(store.session)
                return nil
            } catch { return error }
        }
        let error = try #require(sync())
        #expect(error.code == .syncFailed)
        let path = try #require(error.location.path)
        // The failure is final, and concerns that file alone.
        let again = try #require(sync())
        #expect(again.code == .syncFailed && again.location.path == path)
        for storage in all {
            let found = PageMemory(2)
            try storage.read(.main, block: 0, into: found.addresses.span)
            #expect(found.holdsAll(from: 1))
        }
    }

    @Test("A map that was replaced and could not be opened is rewritten")
    func staleMap() throws {
        let disk = OpenFailingDisk()
        var value: UInt32 = 0
        try PlainStore.with(disk, chunkPages: 2) { store in
            try store.storage.create(.main, ifMissing: false)
            try store.grow(to: 20)
            var hasFailed = false
            for step in 0..<600 {
                value = UInt32(step) * 100
                try store.write(UInt32(step % 10) * 2, 2, value: value)
                if !hasFailed { disk.failsAfterRename.store(true, ordering: .relaxed) }
                do {
                    try store.manager.syncPending(store.session)
                } catch {
                    hasFailed = true
                }
            }
            #expect(hasFailed)
        }
        try PlainStore.with(disk.disk.copy(), chunkPages: 2) { store in
            let found = PageMemory(20)
            try store.storage.read(.main, block: 0, into: found.addresses.span)
            for step in 590..<600 {
                let block = step % 10 * 2
                #expect(found.holds(block, UInt32(step) * 100), "block \(block)")
                #expect(found.holds(block + 1, UInt32(step) * 100 + 1))
            }
            try store.manager.check(PlainStore.locator, fork: .main) { Issue.record("\($0)") }
        }
    }
}
