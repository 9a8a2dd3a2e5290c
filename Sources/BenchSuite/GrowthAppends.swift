internal import RelationLoader
internal import Strata

/// Appends of single rows.
extension GrowthRound {
    /// The cost of appending a row, and how many pages the rows take.
    func appends() throws(BenchFailure) -> [GrowthPair] {
        let store = store("appends")
        return try BenchFailure.wrap { () throws(StorageError) in
            try store.with { (engine, session) throws(StorageError) in
                try store.add(["appended"], to: engine, session)
                var costs: [GrowthCost] = []
                var done = 0
                for last in [125, 125 * GrowthPair.factor] {
                    let count = last - done
                    let append = try time(count) { _ throws(StorageError) in
                        try Self.append(to: "appended", engine, session)
                    }
                    done = last
                    costs.append(GrowthCost("append", append, of: count))
                }
                return [GrowthPair(small: costs[0], large: costs[1])]
            }
        }
    }

    private static func append(to name: String, _ engine: Engine, _ session: Session)
        throws(StorageError)
    {
        let load = try engine.beginLoad(
            LoadTarget(relation: name, mode: .append), session: session)
        var rows = SoakRows(GrowthStore.schema)
        try rows.appendRow(to: load)
        try load.commit(rowCount: 1)
    }

    /// The cost of appending a row by one thread, and by eight to a relation each: theirs share
    /// durable steps.
    func appendsAtOnce() throws(BenchFailure) -> GrowthPair {
        let store = store("appends-at-once")
        let names = GrowthStore.names(GrowthPair.factor)
        let engine = try BenchFailure.wrap { () throws(StorageError) in
            let engine = try store.open(sessions: 4 + GrowthPair.factor)
            let session = try engine.makeSession()
            defer { session.close() }
            for name in names { try store.add([name], to: engine, session) }
            return engine
        }
        var costs: [GrowthCost] = []
        let cancellation = plan.cancellation
        for threads in [1, GrowthPair.factor] {
            let (time, count) = try BenchThreads.time(threads) { _ throws(BenchFailure) in
                try BenchFailure.wrap { () throws(StorageError) in try engine.makeSession() }
            } _: { (index, session) throws(BenchFailure) in
                defer { session.close() }
                return try BenchFailure.wrap { () throws(StorageError) in
                    var done: UInt64 = 0
                    while done < Self.appendsEach, !cancellation.isCancelled {
                        try Self.append(to: names[index], engine, session)
                        done += 1
                    }
                    return done
                }
            }
            costs.append(GrowthCost("append/at-once", time, of: Int(count)))
        }
        try BenchFailure.wrap { () throws(StorageError) in try engine.close() }
        return GrowthPair(small: costs[0], large: costs[1])
    }

    private static let appendsEach = 250
}
