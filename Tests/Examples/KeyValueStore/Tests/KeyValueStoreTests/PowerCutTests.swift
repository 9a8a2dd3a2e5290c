import Foundation
import KeyValueTesting
import StorageTesting
import Strata
import Testing

@testable import KeyValueStore

/// A store on a simulated disk whose power is cut at any call. What was committed is there after
/// it, and what is there is what was done, up to some change.
@Suite struct PowerCutTests {
    private static var seeds: Int {
        ProcessInfo.processInfo.environment["KV_SEEDS"].flatMap { Int($0) } ?? 40
    }

    private func options(_ disk: SimulatedDisk) -> KeyValueOptions {
        var options = smallOptions()
        options.engine.fileSystem = Folder(disk, "pages")
        options.engine.ioExecutor = disk
        options.engine.ioMethod = .synchronous
        options.engine.maximumSessions = 4
        options.engine.combineLimit = 4
        options.engine.createdSegmentBlocks = 16
        options.logFileSystem = Folder(disk, "log")
        options.segmentBytes = 32 << 10
        return options
    }

    /// One store through several power cuts.
    private struct Life {
        let operations: Operations
        var random: SplitMix64
        var disk: SimulatedDisk
        /// How many changes were made, at least and at most.
        var committed = 0
        var made = 0
        var state: [[UInt8]: [UInt8]] = [:]
        var cuts = 0
        var repeated = 0
        var checkpoints = 0

        init(seed: UInt64) {
            operations = Operations(seed: seed, writer: 0, keyCount: 120)
            random = SplitMix64(seed: seed, stream: 5)
            disk = SimulatedDisk(seed: seed, faults: SimulatedDiskFaults())
            disk.isFaulty = false
        }

        /// Uses a store until the power goes.
        mutating func use(_ store: KeyValueStore) throws {
            let connections = [try store.connect(), try store.connect()]
            defer { for connection in connections { connection.close() } }
            do {
                for _ in 0..<300 {
                    if random.below(40) == 0 {
                        try store.checkpoint()
                        checkpoints += 1
                    }
                    let operation = operations[made]
                    made += 1
                    let connection = connections[random.below(2)]
                    if try Operations.perform(operation, connection) { committed = made }
                }
            } catch {
                // Whatever fails without power is no fault of the store.
                if !disk.isWithoutPower { throw error }
            }
        }

        /// Compares a store with what was done.
        mutating func check(_ store: KeyValueStore) throws {
            let connection = try store.connect()
            defer { connection.close() }
            _ = try connection.checkTree()
            var contents: [[UInt8]: [UInt8]] = [:]
            for entry in connection.scan() { contents[entry.key] = entry.value }
            var now: [[UInt8]: [UInt8]] = [:]
            for number in 0..<committed {
                let operation = operations[number]
                now[operation.key] = operation.value
            }
            guard let found = operations.count(in: contents, from: &now, committed...made) else {
                throw KeyValueError.damaged(
                    "not what was done: \(contents.count) entries, committed \(committed),"
                        + " made \(made)")
            }
            (committed, made) = (found, found)
        }
    }

    private func run(_ seed: UInt64) throws -> (cuts: Int, repeated: Int) {
        var life = Life(seed: seed)
        for round in 0..<5 {
            var store: KeyValueStore?
            var attempts = 0
            while store == nil {
                // Recovery meets power cuts too.
                if attempts < 2, life.random.below(3) == 0 {
                    life.disk.cutPower(
                        afterCalls: life.disk.changeCount + life.random.below(60))
                }
                do {
                    store = try KeyValueStore.open("/", options: options(life.disk))
                } catch {
                    guard life.disk.isWithoutPower else { throw error }
                    life.disk = life.disk.crash(seed: life.random.next())
                    life.cuts += 1
                }
                attempts += 1
            }
            guard let store else { return (0, 0) }
            life.repeated += store.recovered.changes
            if !life.disk.isWithoutPower {
                life.disk.cutPower(afterCalls: .max)
                try life.check(store)
                if round == 4 {
                    try store.close()
                    break
                }
                let most = 1 << (2 + life.random.below(9))
                life.disk.cutPower(afterCalls: life.disk.changeCount + life.random.below(most))
                try life.use(store)
            }
            life.cuts += 1
            life.disk =
                life.random.below(4) == 0
                ? life.disk.kill() : life.disk.crash(seed: life.random.next())
        }
        return (life.cuts, life.repeated)
    }

    @Test func powerMayGoAtAnyCall() throws {
        let first = UInt64.random(in: 1..<1_000_000_000)
        var total = (cuts: 0, repeated: 0)
        for seed in first..<first + UInt64(Self.seeds) {
            do {
                let (cuts, repeated) = try run(seed)
                total.cuts += cuts
                total.repeated += repeated
            } catch {
                Issue.record("seed \(seed): \(error)")
            }
        }
        #expect(total.repeated > 0)
        print("\(Self.seeds) seeds from \(first): \(total.cuts) cuts, \(total.repeated) repeated")
    }
}
