import StorageTesting
import Strata
import Testing

/// A process that dies leaves its writes in the kernel's cache, where the next one finds them. What
/// is acknowledged after that must survive a power cut, whichever process wrote it.
@Suite("Stores and the death of their process") struct ProcessDeathTests {
    private static func options(_ disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions.simulated(on: disk)
        options.createdSegmentBlocks = 8
        options.backgroundWriter = nil
        return options
    }

    /// Two loads, an append, pages added and changed, and a drop.
    private static func live(on disk: SimulatedDisk) throws {
        let engine = try Engine.open("/", options: options(disk))
        let session = try engine.makeSession()
        defer { session.close() }
        try engine.load("a", 4, mark: 1, session)
        try engine.load("b", 3, mark: 2, session)
        try engine.load("a", 5, mark: 3, session, mode: .append)
        let relation = try engine.relation(named: "a")
        var pages = try relation.extend(by: 2, session: session)
        while let page = pages.next() { try page.fill(4) }
        try relation.page(BlockNumber(1), session: session).fill(5)
        try engine.checkpoint(session)
        try engine.dropRelation(named: "b", session: session)
        try engine.load("a", 2, mark: 6, session, mode: .replace)
    }

    /// The store's contents; nil if the store was not yet created.
    private static func look(
        at disk: SimulatedDisk, exists: Bool, closing: Bool
    ) throws -> [String: [UInt8]] {
        var options = options(disk)
        options.creation = exists ? .never : .ifMissing
        let engine = try Engine.open("/", options: options)
        let session = try engine.makeSession()
        var found: [String: [UInt8]] = [:]
        for relation in engine.relations {
            found[relation.name] = try engine.relation(named: relation.name).marks(session)
        }
        session.close()
        if closing { try engine.close() }
        return found
    }

    @Test func whatTheNextProcessFindsStays() throws {
        let whole = SimulatedDisk()
        try Self.live(on: whole)
        for cut in 0...whole.changeCount {
            let disk = SimulatedDisk()
            disk.keepsNameOrder = cut % 2 == 0
            disk.cutPower(afterCalls: cut)
            try? Self.live(on: disk)
            var left = disk.kill()
            let found = try Self.look(at: left, exists: false, closing: cut % 3 == 0)
            for seed in 0..<2 {
                left = left.kill()
                let survivor = left.kill().crash(seed: UInt64(seed))
                let later = try Self.look(at: survivor, exists: true, closing: false)
                #expect(later == found, "process died after \(cut) calls, power cut \(seed)")
            }
        }
    }
}
