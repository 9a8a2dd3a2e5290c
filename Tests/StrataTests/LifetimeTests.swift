import AsyncIO
import BufferManager
import StorageTesting
import Strata
import Testing

/// A released engine keeps nothing: a process that opens thousands must not run out of memory.
@Suite struct LifetimeTests {
    @Test(arguments: IOMethodMatrix.all, [true, false])
    func nothingIsLeft(of method: TestedMethod, closed: Bool) throws {
        weak var engineLeft: Engine?
        weak var systemLeft: IOSystem?
        weak var buffersLeft: BufferManager?
        weak var managersLeft: StorageManagerRegistry?
        weak var compressedLeft: (any StorageManager)?
        do {
            let store = TestStore(method)
            let engine = try store.open()
            let session = try engine.makeSession()
            _ = try engine.load("r", 20, mark: 1, session)
            let other = try engine.beginLoad(
                LoadTarget(relation: "c", schema: TestStore.schema, managerName: "compressed"),
                session: session)
            try other.add(20, mark: 1)
            let compressed = try other.commit(rowCount: 20)
            try compressed.page(BlockNumber(3), session: session).withExclusiveLock { bytes in
                bytes.storeBytes(of: 1, toByteOffset: 100, as: UInt8.self)
            }
            let relation = try engine.relation(named: "r")
            try relation.page(BlockNumber(3), session: session).withExclusiveLock { bytes in
                bytes.storeBytes(of: 1, toByteOffset: 100, as: UInt8.self)
            }
            try engine.buffers.flushAll(session: session)
            session.close()
            (engineLeft, systemLeft) = (engine, engine.system)
            (buffersLeft, managersLeft) = (engine.buffers, engine.managers)
            compressedLeft = engine.managers.manager(named: "compressed")?.manager
            if closed { try engine.close() }
        }
        #expect(engineLeft == nil)
        #expect(systemLeft == nil)
        #expect(buffersLeft == nil)
        #expect(managersLeft == nil)
        #expect(compressedLeft == nil)
    }
}
