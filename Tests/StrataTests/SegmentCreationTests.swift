import StorageTesting
import Strata
import Testing
import Threads

/// Segments that come into being although a call of their creation failed.
@Suite struct SegmentCreationTests {
    private static func options(_ disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions.simulated(on: disk)
        options.createdSegmentBlocks = 8
        return options
    }

    /// Makes the Nth call fail that opens files or reads their status while a relation grows into a
    /// second segment, and continues until all pages are durable.
    ///
    /// - Returns: what power cuts then leave, by seed; nil if there were fewer such calls.
    private static func disksAfterGrowing(failing call: Int) throws -> [UInt64: SimulatedDisk]? {
        let disk = SimulatedDisk()
        // Syncing one directory does nothing for another.
        disk.keepsNameOrder = false
        let engine = try Engine.open("/", options: options(disk))
        let session = try engine.makeSession()
        defer {
            session.close()
            try? engine.close()
        }
        let relation = try engine.load("r", 4, mark: 1, session)
        disk.fail(call: call, of: [.open, .status], with: EIO)
        var failures = 0
        while relation.blockCount < 12 {
            do {
                var pages = try relation.extend(by: 4, session: session)
                while let page = pages.next() { try page.fill(2) }
            } catch {
                failures += 1
                if failures > 3 { throw error }
                // Asking for the length finds the file that the failed call has made.
                _ = try relation.open.storage.blockCount(.main)
            }
        }
        if disk.hasPlannedFailure { return nil }
        try engine.checkpoint(session)
        var disks: [UInt64: SimulatedDisk] = [:]
        for cut in 0..<8 {
            let seed = IOMethodMatrix.seed &+ UInt64(cut)
            disks[seed] = disk.crash(seed: seed)
        }
        return disks
    }

    /// The segment's name is durable with its pages, whichever call made the file.
    @Test func areThereAfterAPowerCut() throws {
        var call = 1
        while let disks = try Self.disksAfterGrowing(failing: call) {
            for (seed, disk) in disks {
                let engine = try Engine.open("/", options: Self.options(disk))
                let session = try engine.makeSession()
                let marks = try engine.relation(named: "r").marks(session)
                #expect(
                    marks.prefix(4).allSatisfy { $0 == 1 }
                        && marks.filter { $0 == 2 }.count == 8,
                    "seed \(seed), call \(call)")
                session.close()
                try engine.close()
            }
            call += 1
        }
        #expect(call > 2)
    }
}
