internal import AsyncIO
internal import RelationLoader
internal import Strata
internal import Threads

/// How the cost of an operation grows with what else is in the store: each is measured at two sizes
/// a factor of eight apart.
enum GrowthBench {
    static func measure(_ plan: BenchPlan, _ method: IOMethodChoice) throws(BenchFailure)
        -> [BenchRow]
    {
        var rows: [BenchRow] = []
        for round in 0..<plan.rounds {
            let bench = GrowthRound(plan: plan, method: method, round: round)
            var pairs: [GrowthPair] = []
            let few = max(1, plan.relations / GrowthPair.factor)
            try add(bench.relations(few), bench.relations(few * GrowthPair.factor), to: &pairs)
            pairs += try bench.drops()
            try add(bench.pool(128 << 20), bench.pool(1 << 30), to: &pairs)
            try add(bench.scan(poolShare: 2), bench.scan(poolShare: 16), to: &pairs)
            pairs += try bench.appends()
            pairs.append(try bench.appendsAtOnce())
            if rows.isEmpty { rows = pairs.map { $0.row(method) } }
            for (index, pair) in pairs.enumerated() { pair.add(to: &rows[index]) }
        }
        return rows
    }

    private static func add(
        _ small: [GrowthCost], _ large: [GrowthCost], to pairs: inout [GrowthPair]
    ) {
        pairs += zip(small, large).map { GrowthPair(small: $0, large: $1) }
    }

    /// The most disk space that the case takes, with room for the store's own files.
    static func diskBytes(relations: Int) -> Int {
        2 * relations * blockSize + (1 << 30) + (256 << 20)
    }
}

/// What an operation costs at one size.
struct GrowthCost {
    let name: String
    /// Whether it does something for each thing in the store, so that its cost may grow in
    /// proportion.
    let isLinear: Bool
    /// Processor time of all cores for one operation, or for each thing in the store.
    let seconds: Double

    init(_ name: String, isLinear: Bool = false, _ time: BenchTime, of count: Int) {
        self.name = name
        self.isLinear = isLinear
        seconds = max(time.processor, 1e-9) / Double(max(count, 1))
    }
}

/// What an operation costs at two sizes.
struct GrowthPair {
    let small: GrowthCost
    let large: GrowthCost

    static let factor = 8
    /// The exponents that are allowed where a cost should be flat and where it should be linear.
    private static let flatBar = 0.15
    private static let linearBar = 1.1

    /// To which power of the size the cost of the whole operation grows.
    var exponent: Double {
        log2(large.seconds / small.seconds) / log2(Double(Self.factor)) + (large.isLinear ? 1 : 0)
    }

    func row(_ method: IOMethodChoice) -> BenchRow {
        BenchRow("growth/\(large.name)", method: method.name, unit: "exponent", bar: .atMost(1))
    }

    func add(to row: inout BenchRow) {
        row.add(
            value: exponent, ceiling: large.isLinear ? Self.linearBar : Self.flatBar,
            processorMicroseconds: large.seconds * 1e6)
    }
}

/// One round of case `growth`.
struct GrowthRound {
    let plan: BenchPlan
    let method: IOMethodChoice
    let round: Int

    func store(_ name: String) -> GrowthStore {
        GrowthStore("\(name)-\(method.name)-\(round)", plan, method)
    }

    /// Runs `body` so often, and measures the time of all.
    func time(_ count: Int, _ body: (Int) throws(StorageError) -> Void)
        throws(StorageError) -> BenchTime
    {
        try BenchClock.measure { () throws(StorageError) in
            for index in 0..<count where !plan.cancellation.isCancelled { try body(index) }
        }
    }

    private static let repetitions = 20

    // MARK: Relations

    /// Costs in a store of that many relations.
    func relations(_ count: Int) throws(BenchFailure) -> [GrowthCost] {
        let store = store("relations-\(count)")
        let names = GrowthStore.names(count)
        return try BenchFailure.wrap { () throws(StorageError) in
            try store.with { (engine, session) throws(StorageError) in
                try store.add(names, to: engine, session)
            }
            var engine: Engine?
            let opening = try time(1) { _ throws(StorageError) in engine = try store.open() }
            guard let engine else { return [] }
            let session = try engine.makeSession()
            var costs = [GrowthCost("open", isLinear: true, opening, of: count)]
            costs.append(
                GrowthCost(
                    "list", isLinear: true, try time(1) { _ in _ = engine.relations }, of: count))
            let verifying = try time(1) { _ throws(StorageError) in
                _ = try engine.verify(session: session)
            }
            costs.append(GrowthCost("verify", isLinear: true, verifying, of: count))
            costs += try changes(store, engine, session)
            session.close()
            let closing = try time(1) { _ throws(StorageError) in try engine.close() }
            costs.append(GrowthCost("close", isLinear: true, closing, of: count))
            costs.append(
                GrowthCost("replay", isLinear: true, try replay(store, names), of: count))
            return costs
        }
    }

    /// Costs that should not depend on the relations in the store.
    private func changes(_ store: GrowthStore, _ engine: Engine, _ session: Session)
        throws(StorageError) -> [GrowthCost]
    {
        try engine.checkpoint(session)
        let idle = try time(Self.repetitions) { _ throws(StorageError) in
            try engine.checkpoint(session)
        }
        let change = try time(Self.repetitions) { _ throws(StorageError) in
            try engine.createRelation(LoadTarget(relation: "another"), session: session)
            try engine.dropRelation(named: "another", session: session)
        }
        try engine.checkpoint(session)
        return [
            GrowthCost("checkpoint", idle, of: Self.repetitions),
            // Two changes to begin and commit, one to drop.
            GrowthCost("change", change, of: 3 * Self.repetitions),
        ]
    }

    /// The time of opening the store after a crash that has left a page of each relation in the
    /// journal.
    private func replay(_ store: GrowthStore, _ names: [String]) throws(StorageError) -> BenchTime {
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            defer { session.close() }
            for name in names {
                let page = try engine.relation(named: name).page(0, session: session)
                page.withEditor { _ in }
            }
            try engine.buffers.flushAll(session: session)
        }
        var engine: Engine?
        let opening = try time(1) { _ throws(StorageError) in engine = try store.open() }
        try engine?.close()
        return opening
    }

    // MARK: Drops

    /// The cost of the fiftieth and the four-hundredth drop since the last checkpoint, and of an
    /// unrelated load after each.
    func drops() throws(BenchFailure) -> [GrowthPair] {
        let store = store("drops")
        let names = GrowthStore.names(50 * GrowthPair.factor)
        return try BenchFailure.wrap { () throws(StorageError) in
            try store.with { (engine, session) throws(StorageError) in
                try store.add(names, to: engine, session)
                try engine.checkpoint(session)
                var (drops, loads): ([GrowthCost], [GrowthCost]) = ([], [])
                for last in [50, 50 * GrowthPair.factor] {
                    let first = last - Self.repetitions
                    let earlier = names[..<first].filter { engine.description(of: $0) != nil }
                    for name in earlier { try engine.dropRelation(named: name, session: session) }
                    let drop = try time(Self.repetitions) { index throws(StorageError) in
                        try engine.dropRelation(named: names[first + index], session: session)
                    }
                    drops.append(GrowthCost("drop", drop, of: Self.repetitions))
                    let load = try time(Self.repetitions) { index throws(StorageError) in
                        try store.add(["load \(last) \(index)"], to: engine, session)
                    }
                    loads.append(GrowthCost("load", load, of: Self.repetitions))
                }
                return [
                    GrowthPair(small: drops[0], large: drops[1]),
                    GrowthPair(small: loads[0], large: loads[1]),
                ]
            }
        }
    }

    // MARK: Pools

    /// Costs beside a full pool of that size.
    func pool(_ byteCount: Int) throws(BenchFailure) -> [GrowthCost] {
        let store = store("pool-\(byteCount)")
        return try BenchFailure.wrap { () throws(StorageError) in
            try store.with(poolBytes: byteCount) { (engine, session) throws(StorageError) in
                let large = try engine.createRelation(
                    LoadTarget(relation: "large"), session: session)
                while large.blockCount < byteCount / blockSize, !plan.cancellation.isCancelled {
                    _ = try large.extend(by: 256, session: session)
                }
                try engine.checkpoint(session)
                let names = GrowthStore.names(Self.repetitions)
                let load = try time(Self.repetitions) { index throws(StorageError) in
                    try store.add([names[index]], to: engine, session)
                }
                let small = try engine.relation(named: names[0])
                let flush = try time(Self.repetitions) { _ throws(StorageError) in
                    try engine.buffers.flush(small.open, session: session)
                }
                let drop = try time(Self.repetitions - 1) { index throws(StorageError) in
                    try engine.dropRelation(named: names[index + 1], session: session)
                }
                try engine.checkpoint(session)
                let idle = try time(Self.repetitions) { _ throws(StorageError) in
                    try engine.checkpoint(session)
                }
                return [
                    GrowthCost("pool/load", load, of: Self.repetitions),
                    GrowthCost("pool/flush", flush, of: Self.repetitions),
                    GrowthCost("pool/drop", drop, of: Self.repetitions - 1),
                    GrowthCost("pool/checkpoint", idle, of: Self.repetitions),
                ]
            }
        }
    }

    /// The cost of a page in the first scan of the data, with a pool of that many halves of it that
    /// was never used.
    func scan(poolShare: Int) throws(BenchFailure) -> [GrowthCost] {
        let bytes = max(plan.data.pageCount * blockSize * poolShare / 4, 1 << 20)
        return try plan.data.withRelation(method, poolBytes: bytes) {
            (relation, session) throws(BenchFailure) in
            var scan = RelationScan("growth", plan, relation, session)
            let time = try scan.time(
                BlockRange(0..<relation.blockCount), sum: plan.data.sum,
                options: .scan(of: Int(relation.blockCount), in: relation.engine.buffers))
            return [GrowthCost("pool/scan", time, of: plan.data.pageCount)]
        }
    }
}
