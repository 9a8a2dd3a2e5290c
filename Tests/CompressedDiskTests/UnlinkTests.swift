import AsyncIO
import StorageManager
import StorageTesting
import Testing

@testable import CompressedDisk

/// Objects of a relation that stay open while a fork is removed.
@Suite("Unlinking what is open") struct UnlinkTests {
    /// Whatever was open before, all objects are about the same fork: two that each had a state of
    /// their own would give out the same places.
    @Test("Objects from before and after agree", arguments: IOMethodMatrix.real, [true, false])
    func objectsAgree(_ method: TestedMethod, _ isMadeByTheOldOne: Bool) throws {
        let directory = TemporaryDirectory()
        try RealStore.make(directory.path, method, blocks: 12)
        try RealStore.with(directory.path, method) { store in
            let old = store.storage
            #expect(try old.blockCount(.main) == 12)
            try store.manager.unlink(RealStore.locator, fork: .main)
            #expect(try !old.exists(.main))
            #expect(RealStore.error { _ = try old.blockCount(.main) }?.code == .notFound)
            let system = store.system
            let registry = try StorageManagerRegistry(system: system)
            let id = StorageManagerID(rawValue: 1)
            try registry.register(store.manager, id: id)
            let new = try registry.open(RealStore.locator, managedBy: id).storage
            let maker = isMadeByTheOldOne ? old : new
            try maker.create(.main, ifMissing: false)
            try maker.zeroExtend(.main, from: 0, count: 8, sync: .register)
            let memory = PageMemory(4)
            for (first, storage) in [(0, old), (4, new)] as [(UInt32, any RelationStorage)] {
                memory.fillAll(from: first)
                try storage.write(
                    .main, block: BlockNumber(first), from: memory.addresses.span,
                    sync: .register)
            }
            for storage in [old, new] {
                #expect(try storage.blockCount(.main) == 8)
                for first in [0, 4] as [UInt32] {
                    try storage.read(
                        .main, block: BlockNumber(first), into: memory.addresses.span)
                    #expect((0..<4).allSatisfy { memory.holds($0, first + UInt32($0)) })
                }
            }
            try store.manager.syncPending(store.session)
            #expect(try store.check().isEmpty)
        }
        try RealStore.with(directory.path, method) { store in
            #expect((0..<8).allSatisfy { store.read($0) == .right })
        }
    }
}
