import StorageTesting
import Synchronization
import Testing

@testable import Strata

/// Appends that fill up the last page beside other threads, and among power cuts.
@Suite("Filled-up last pages among faults") struct FillingFaultTests {
    private final class Appends: Sendable {
        let isOver = Atomic<Bool>(false)
    }

    @Test("Scans, copies, verification and checkpoints beside appends", arguments: [1, 2, 3])
    func beside(_ seed: UInt64) throws {
        let store = TestStore(TestedMethod(.worker))
        let engine = try store.open { $0.maximumSessions = 8 }
        let session = try engine.makeSession()
        try engine.createRelation(
            LoadTarget(relation: "t", schema: TestStore.schema), session: session)
        for value in 0..<3 as Range<Int64> { try SingleRows.append(value, engine, session) }
        let rows: Int64 = 300
        let appends = Appends()
        try TestThreads.run(4) { index in
            let session = try engine.makeSession()
            defer { session.close() }
            if index == 0 {
                for value in 3..<rows { try SingleRows.append(value, engine, session) }
                appends.isOver.store(true, ordering: .releasing)
                return
            }
            var round = 0
            while !appends.isOver.load(ordering: .acquiring) {
                round += 1
                let relation = try engine.relation(named: "t")
                switch index {
                case 1:
                    let values = try SingleRows.values(relation, session)
                    #expect(values == Array(0..<Int64(values.count)))
                case 2:
                    #expect(try SingleRows.findings(engine, session).isEmpty)
                    try engine.checkpoint(session)
                default:
                    let copy = try engine.copyRelation(
                        named: "t", to: LoadTarget(relation: "copy \(round)"), session: session)
                    let values = try SingleRows.values(#require(copy), session)
                    #expect(values == Array(0..<Int64(values.count)))
                    #expect(copy?.rowCount == UInt64(values.count))
                    try engine.dropRelation(named: "copy \(round)", session: session)
                }
            }
        }
        let relation = try engine.relation(named: "t")
        #expect(try SingleRows.values(relation, session) == Array(0..<rows))
        session.close()
        try engine.close()
    }

    private static func options(_ disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions.simulated(on: disk)
        options.backgroundWriter = nil
        return options
    }

    /// Appends rows, with checkpoints and a change of the page by other means now and then.
    ///
    /// - Returns: how many appends were acknowledged.
    private static func live(on disk: SimulatedDisk) -> (acknowledged: Int, created: Bool) {
        var done = 0
        var created = false
        do {
            let engine = try Engine.open("/", options: options(disk))
            let session = try engine.makeSession()
            defer { session.close() }
            try engine.createRelation(
                LoadTarget(relation: "t", schema: TestStore.schema), session: session)
            created = true
            for value in 0..<12 as Range<Int64> {
                try SingleRows.append(value, engine, session)
                done += 1
                if value % 5 == 4 { try engine.checkpoint(session) }
                if value == 6 {
                    let relation = try engine.relation(named: "t")
                    let page = try relation.page(BlockNumber(0), session: session)
                    // Marks the page as changed, so that it is written by the pool.
                    page.withEditor { _ in }
                }
            }
        } catch {}
        return (done, created)
    }

    @Test("Power cuts at every call leave each append or none of it")
    func powerCuts() throws {
        let seed = IOMethodMatrix.seed
        let whole = SimulatedDisk()
        #expect(Self.live(on: whole).acknowledged == 12)
        var random = SplitMix64(seed: seed, stream: 21)
        for cut in 1...whole.changeCount {
            let disk = SimulatedDisk()
            disk.cutPower(afterCalls: cut)
            let (acknowledged, created) = Self.live(on: disk)
            let crashed = disk.crash(seed: random.next())
            if !created { continue }
            let engine = try Engine.open("/", options: Self.options(crashed))
            let session = try engine.makeSession()
            let values = try SingleRows.values(engine.relation(named: "t"), session)
            #expect(
                values == Array(0..<Int64(values.count))
                    && (acknowledged...acknowledged + 1).contains(values.count),
                "seed \(seed), cut \(cut): \(acknowledged) acknowledged, \(values) found")
            let found = try SingleRows.findings(engine, session)
            #expect(found.isEmpty, "seed \(seed), cut \(cut): \(found)")
            session.close()
            try engine.close()
        }
    }
}
