import StorageTesting
import Strata
import Testing

/// Power cuts at any call of a store's life: what was acknowledged is there, and nothing else is
/// wrong.
@Suite("Stores and power cuts")
struct PowerCutTests {
    @Test(
        "Committed work is there completely", arguments: ["magnetic", "compressed"],
        Array(0..<12))
    func powerCuts(_ manager: String, _ number: Int) throws {
        let seed = IOMethodMatrix.seed &+ UInt64(number)
        let whole = StoreLife(manager, seed, SimulatedDisk())
        try whole.run()
        let boundaries = whole.disk.changeCount
        var random = SplitMix64(seed: seed, stream: 5)
        for _ in 0..<25 {
            let cut = 1 + random.below(boundaries)
            let disk = SimulatedDisk()
            disk.cutPower(afterCalls: cut)
            let life = StoreLife(manager, seed, disk)
            try? life.run()
            let faults = life.faults(in: disk.crash(seed: random.next()))
            #expect(
                faults.isEmpty,
                "seed \(seed), power cut after \(cut) of \(boundaries) calls: \(faults)")
        }
    }
}

/// Loads, appends, replacements, changes, drops and compactions, and what may be found of them.
private final class StoreLife {
    /// The marks that each page may have; nil for no such relation.
    typealias Contents = [Set<UInt8>]?

    let disk: SimulatedDisk
    private let manager: String
    private var random: SplitMix64
    private var mark: UInt8 = 0
    /// The possible contents of each relation: as acknowledged, and as being made.
    private var possible: [String: [Contents]] = [:]
    private var exists = false

    init(_ manager: String, _ seed: UInt64, _ disk: SimulatedDisk) {
        self.manager = manager
        self.disk = disk
        random = SplitMix64(seed: seed, stream: 1)
    }

    private func options(_ disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions.simulated(on: disk)
        options.combineLimit = 4
        options.createdSegmentBlocks = 8
        options.compressedDisk.properties.chunkBytes = 4 * blockSize
        options.compressedDisk.compactsByItself = false
        return options
    }

    func run() throws {
        let engine = try Engine.open("/", options: options(disk))
        exists = true
        let session = try engine.makeSession()
        defer {
            session.close()
            try? engine.close()
        }
        for _ in 0..<14 {
            let name = ["a", "b"][random.below(2)]
            switch random.below(9) {
            case 0, 1: try load(name, .replace, engine, session)
            case 2, 3: try load(name, .append, engine, session)
            case 4: try drop(name, engine, session)
            case 5: try engine.compactIfThere(name, session)
            case 6: try extend(name, engine, session)
            default: try change(name, engine, session)
            }
        }
    }

    private func settled(_ name: String) -> Contents { possible[name]?.last ?? nil }

    /// Tries a change of a relation. Old and new contents are possible until it is acknowledged.
    private func become(_ contents: Contents, _ name: String, _ body: () throws -> Void) rethrows {
        possible[name] = [settled(name), contents]
        try body()
        possible[name] = [contents]
    }

    private func load(
        _ name: String, _ mode: LoadTarget.Mode, _ engine: Engine, _ session: Session
    ) throws {
        let old = settled(name)
        if mode == .append && old == nil { return }
        mark += 1
        let count = 1 + random.below(14)
        let new = Array(repeating: Set([mark]), count: count)
        try become(mode == .append ? (old ?? []) + new : new, name) {
            let load = try engine.beginLoad(
                LoadTarget(
                    relation: name, schema: mode == .append ? nil : TestStore.schema, mode: mode,
                    managerName: mode == .append ? nil : manager),
                session: session)
            try load.add(count, mark: mark)
            try load.commit(rowCount: UInt64(count))
        }
    }

    private func extend(_ name: String, _ engine: Engine, _ session: Session) throws {
        guard let old = settled(name) else { return }
        mark += 1
        let count = 1 + random.below(6)
        let relation = try engine.relation(named: name)
        try become(old + Array(repeating: [mark], count: count), name) {
            var added = 0
            while added < count {
                var pages = try relation.extend(by: count - added, session: session)
                while let page = pages.next() {
                    try page.fill(mark)
                    added += 1
                }
            }
            try checkpoint(engine, session)
        }
    }

    /// Makes a checkpoint as a whole, or in steps with the background writer's in between.
    private func checkpoint(_ engine: Engine, _ session: Session) throws {
        if random.below(2) == 0 { return try engine.checkpoint(session) }
        let own = try engine.makeSession()
        defer { own.close() }
        let writer = BackgroundWriter(engine.buffers, session: own)
        let checkpoint = try engine.beginCheckpoint(session)
        repeat { try writer.step() } while try checkpoint.step(pages: 1 + random.below(8))
    }

    private func drop(_ name: String, _ engine: Engine, _ session: Session) throws {
        guard settled(name) != nil else { return }
        try become(nil, name) { try engine.dropRelation(named: name, session: session) }
    }

    private func change(_ name: String, _ engine: Engine, _ session: Session) throws {
        guard var pages = settled(name) else { return }
        mark += 1
        let old = pages
        for _ in 0...random.below(6) {
            let block = random.below(pages.count)
            pages[block] = [mark]
        }
        // Each page may be found changed.
        possible[name] = [zip(old, pages).map { $0.union($1) }]
        let relation = try engine.relation(named: name)
        for (block, marks) in pages.enumerated() where marks == [mark] {
            let page = try relation.page(BlockNumber(UInt32(block)), session: session)
            page.setMark(mark)
        }
        try checkpoint(engine, session)
        possible[name] = [pages]
    }

    /// Deviations from the possible contents.
    func faults(in survivor: SimulatedDisk) -> [String] {
        do {
            var options = options(survivor)
            options.creation = exists ? .never : .ifMissing
            let engine = try Engine.open("/", options: options)
            let session = try engine.makeSession()
            defer {
                session.close()
                try? engine.close()
            }
            var faults: [String] = []
            for (name, contents) in possible {
                let marks =
                    engine.description(of: name) == nil
                    ? nil : try engine.relation(named: name).marks(session)
                let isPossible = contents.contains { contents in
                    guard let contents, let marks else { return contents == nil && marks == nil }
                    return contents.count == marks.count
                        && zip(contents, marks).allSatisfy { $0.contains($1) }
                }
                if !isPossible {
                    faults.append(
                        "\(name) is \(marks.map { "\($0)" } ?? "gone"), not of \(contents)")
                }
            }
            _ = try engine.verify(
                session: session,
                observer: VerificationObserver { finding in
                    // Part of a block behind the end, left by an interrupted extension, is reported
                    // until the relation grows. It loses nothing.
                    let end = finding.relation.flatMap { engine.description(of: $0)?.blockCount }
                    if finding.kind == .wrongLength && finding.block == end { return }
                    faults.append("\(finding)")
                })
            return faults
        } catch {
            return exists ? ["\(error)"] : []
        }
    }
}

extension Engine {
    fileprivate func compactIfThere(_ name: String, _ session: Session) throws {
        guard description(of: name) != nil else { return }
        try compact(relation: name, session: session)
    }
}
