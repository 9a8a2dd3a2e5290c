internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// Duties across power cuts.
extension ConformanceRun {
    private static let blocks: UInt32 = 21
    /// Blocks written again after the sync. All others must stay unchanged.
    private static let rewritten: Set<UInt32> = [2, 3, 9, 14, 20]

    /// Synced data survives a power cut at any later call, whatever happens to later writes.
    func checkPowerCuts() throws {
        if manager.capabilities.isVolatile { return }
        // Only IO through the manager's surroundings can be cut off.
        let whole = SimulatedDisk()
        let (synced, end) = try work(on: whole)
        guard end > synced, !whole.paths.isEmpty else { return }
        var random = SplitMix64(seed: method.seed ?? 21)
        for cut in synced..<end {
            let disk = SimulatedDisk()
            disk.cutPower(afterCalls: cut)
            _ = try? work(on: disk)
            try look(
                at: disk.crash(seed: random.next()), "a power cut after \(cut) of \(end) calls")
        }
    }

    private func with<Result>(
        _ disk: SimulatedDisk,
        _ body: (any StorageManager, any RelationStorage, Session) throws -> Result
    ) throws -> Result {
        var configuration = IOConfiguration()
        configuration.executor = disk
        configuration.maximumSessions = 2
        let system = try IOSystem(configuration: configuration)
        var access = FileAccessConfiguration()
        access.fileSystem = disk
        let made = try Self.start(make, FileAccess(directory: "/", configuration: access), system)
        let session = try system.makeSession()
        defer {
            made.registry.shutdown(session: session)
            session.close()
        }
        let relation = try made.registry.open(
            RelationLocator(database: 1, number: 16384), managedBy: Self.id)
        return try body(made.manager, relation.storage, session)
    }

    /// - Returns: the number of calls up to the sync, and in all.
    private func work(on disk: SimulatedDisk) throws -> (synced: Int, end: Int) {
        try with(disk) { manager, storage, session in
            try storage.create(.main, ifMissing: false)
            try storage.zeroExtend(
                .main, from: 0, count: Int(Self.blocks), sync: .register)
            try write(storage, 0, Int(Self.blocks), value: 500)
            try manager.syncPending(session)
            let synced = disk.changeCount
            for block in Self.rewritten.sorted() { try write(storage, block, 1, value: 900) }
            try storage.zeroExtend(
                .main, from: BlockNumber(Self.blocks), count: 4, sync: .register)
            try write(storage, Self.blocks, 2, value: 950)
            try manager.syncPending(session)
            return (synced, disk.changeCount)
        }
    }

    private func look(at disk: SimulatedDisk, _ moment: String) throws {
        try with(disk) { _, storage, _ in
            expect(try storage.exists(.main), "the relation is gone after \(moment)")
            let count = try storage.blockCount(.main)
            expect(
                count >= Self.blocks, "\(count) of \(Self.blocks) blocks are left after \(moment)")
            for block in 0..<min(count, Self.blocks) where !Self.rewritten.contains(block) {
                let page = PageMemory(1)
                do throws(StorageError) {
                    try storage.read(.main, block: BlockNumber(block), into: page.addresses.span)
                    expect(page.holds(0, 500 + block), "block \(block) changed after \(moment)")
                } catch {
                    report("block \(block) cannot be read after \(moment): \(error)")
                }
            }
        }
    }
}
