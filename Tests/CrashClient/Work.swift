import AsyncIO
import BufferManager
import StorageManager
import StorageTesting
import Strata

/// Loads, appends, rewritten pages, extensions, drops, compactions and checkpoints, drawn from a
/// seed.
struct Work {
    private let engine: Engine
    private let session: Session
    private let managers: [String]
    private var random: SplitMix64
    private var mark: Int32
    private static let names = ["a", "b", "c"]

    init(_ engine: Engine, _ session: Session, managers: [String], seed: UInt64) {
        self.engine = engine
        self.session = session
        self.managers = managers
        random = SplitMix64(seed: seed)
        // Higher than the marks of earlier runs, which the seed counts.
        mark = Int32(truncatingIfNeeded: seed % 100_000) * 10_000
    }

    /// Continues until it is killed, or for a long time.
    mutating func run() throws(StorageError) {
        for _ in 0..<9000 {
            mark += 1
            let name = Self.names[random.below(Self.names.count)]
            let isThere = engine.description(of: name) != nil
            let choice = random.below(12)
            guard isThere else {
                try choice < 6 ? load(name, .create) : checkpoint()
                continue
            }
            switch choice {
            case 0: try load(name, .replace)
            case 1, 2: try load(name, .append)
            case 3...6: try rewrite(name)
            case 7: try extend(name)
            case 8: try random.below(3) == 0 ? drop(name) : compact(name)
            default: try checkpoint()
            }
        }
    }

    private func acknowledged() { CrashClient.say("ok") }

    private mutating func load(_ name: String, _ mode: LoadTarget.Mode) throws(StorageError) {
        let count = 1 + random.below(60)
        CrashClient.say("\(mode == .append ? "append" : "load") \(name) \(count) \(mark)")
        let manager = mode == .append ? nil : managers[random.below(managers.count)]
        let load = try engine.beginLoad(
            LoadTarget(
                relation: name, schema: mode == .append ? nil : MarkedPage.schema, mode: mode,
                managerName: manager),
            session: session)
        for _ in 0..<count { MarkedPage.fill(try load.nextPage(), mark) }
        _ = try load.commit(rowCount: UInt64(count))
        acknowledged()
    }

    private mutating func rewrite(_ name: String) throws(StorageError) {
        let relation = try engine.relation(named: name)
        guard relation.blockCount > 0 else { return }
        for _ in 0...random.below(8) {
            let block = UInt32(random.below(Int(relation.blockCount)))
            CrashClient.say("rewrite \(name) \(block) \(mark)")
            MarkedPage.fill(try relation.page(BlockNumber(block), session: session), mark)
        }
    }

    private mutating func extend(_ name: String) throws(StorageError) {
        let relation = try engine.relation(named: name)
        let count = 1 + random.below(20)
        CrashClient.say("extend \(name) \(count) \(mark)")
        var added = 0
        while added < count {
            var pages = try relation.extend(by: min(8, count - added), session: session)
            while let page = pages.next() {
                MarkedPage.fill(page, mark)
                added += 1
            }
        }
        try engine.checkpoint(session)
        acknowledged()
    }

    private func drop(_ name: String) throws(StorageError) {
        CrashClient.say("drop \(name)")
        try engine.dropRelation(named: name, session: session)
        acknowledged()
    }

    private func compact(_ name: String) throws(StorageError) {
        try engine.compact(relation: name, session: session)
    }

    private func checkpoint() throws(StorageError) {
        CrashClient.say("checkpoint")
        try engine.checkpoint(session)
        acknowledged()
    }
}
