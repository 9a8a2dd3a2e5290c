import Foundation

/// The benchmark: all stores, one value length.
struct Phases {
    let report: Report
    let directory: String
    let work: Workload
    let cacheBytes: Int
    let stores: [String]

    private var suffix: String { "/\(work.valueLength)" }

    private func path(_ store: String) -> String {
        directory + "/\(store)-\(work.valueLength)"
    }

    private func open(_ store: String, _ path: String) throws -> any Contender {
        try Contenders.open(
            store, Opening(path: path, cacheBytes: cacheBytes, work: work))
    }

    /// Loads each store twice, and keeps the one that was loaded at random.
    func load() throws {
        let orders = [
            ("order", (0..<UInt32(work.keyCount)).map { $0 }), ("random", work.shuffled()),
        ]
        for store in stores {
            for (order, numbers) in orders {
                let place = path(store) + (order == "order" ? "-order" : "")
                try? FileManager.default.removeItem(atPath: place)
                let contender = try open(store, place)
                if order == "order", work.valueLength == 100 {
                    report.note("\(store): \(contender.settings)")
                }
                let worker = try contender.worker()
                let begin = now()
                for start in stride(from: 0, to: numbers.count, by: contender.loadBatch) {
                    let end = min(start + contender.loadBatch, numbers.count)
                    try worker.load(numbers[start..<end], inOrder: order == "order")
                }
                try contender.finishLoad()
                let seconds = now() - begin
                worker.close()
                var row = Row(name: "kv/load/\(order)\(suffix)", store: store, unit: "entries/s")
                row.sample.add(Double(numbers.count) / seconds)
                report.add(row)
                try contender.settle()
                try contender.close()
                var space = Row(
                    name: "kv/space/\(order)\(suffix)", store: store, unit: "bytes/entry")
                space.sample.add(spaceTaken(place) / Double(numbers.count))
                report.add(space)
                if order == "order" { try FileManager.default.removeItem(atPath: place) }
            }
        }
    }

    /// All stores open at once, each measured in each turn.
    func readAndUpdate(hasUpdates: Bool) throws {
        let contenders = try stores.map { (store: $0, contender: try open($0, path($0))) }
        let workers = try contenders.map { one in
            (store: one.store, workers: try (0..<2).map { _ in try one.contender.worker() })
        }
        // Everything is in memory before anything is measured.
        for (_, workers) in workers {
            for worker in workers {
                // A cache of a connection's own is filled too.
                for first in stride(from: 0, to: work.keyCount, by: 1000) {
                    _ = try worker.scan(from: first, 1000)
                }
            }
            _ = try measure(workers, seconds: 1, seed: 99) { worker, random in
                (256, try worker.read(256, below: work.keyCount, &random))
            }
        }
        for threads in [1, 2] {
            for (name, bound) in [("hot", min(10_000, work.keyCount)), ("resident", work.keyCount)]
            {
                try turns(
                    "kv/read/\(name)\(suffix)/\(threads)", "reads/s", workers, threads, 5, 0.4
                ) { worker, random in (256, try worker.read(256, below: bound, &random)) }
            }
            try turns("kv/scan\(suffix)/\(threads)", "entries/s", workers, threads, 3, 0.3) {
                worker, random in
                (1000, try worker.scan(from: random.below(work.keyCount - 1000), 1000))
            }
        }
        if hasUpdates {
            for threads in [1, 2] {
                try turns("kv/update\(suffix)/\(threads)", "operations/s", workers, threads, 5, 0.8)
                {
                    worker, random in
                    if random.next() & 1 == 0 {
                        try worker.update(random.below(work.keyCount))
                        return (1, 0)
                    }
                    return (1, try worker.read(1, below: work.keyCount, &random))
                }
            }
        }
        for (_, workers) in workers { for worker in workers { worker.close() } }
        for (_, contender) in contenders { try contender.close() }
    }

    private func turns(
        _ name: String, _ unit: String, _ workers: [(store: String, workers: [any Worker])],
        _ threads: Int, _ count: Int, _ seconds: Double,
        _ body: @escaping (any Worker, inout Random) throws -> (operations: Int, wrong: Int)
    ) throws {
        var rows = workers.map { Row(name: name, store: $0.store, unit: unit) }
        for turn in 0..<count {
            for (index, one) in workers.enumerated() {
                let measured = try measure(
                    Array(one.workers.prefix(threads)), seconds: seconds, seed: turn, body)
                rows[index].sample.add(measured.rate)
            }
        }
        for row in rows { report.add(row) }
    }

    /// Reads with a limit on memory of a quarter of the keys and values.
    func limitedReads() throws {
        let dataBytes = work.keyCount * (Workload.keyLength + work.valueLength)
        let limit = dataBytes / 4
        for threads in [1, 2] {
            for store in stores {
                for isAsync in store == Contenders.ours ? [false, true] : [false] {
                    let shown = isAsync ? store + "-async" : store
                    var row = Row(
                        name: "kv/read/limited\(suffix)/\(threads)", store: shown, unit: "reads/s")
                    do {
                        let group = try MemoryLimit(bytes: limit)
                        defer { group.remove() }
                        let reads = LimitedReads(
                            path(store), store, work, cacheBytes: limit / 2, threads: threads,
                            isAsync: isAsync)
                        for rate in try reads.run(in: group) { row.sample.add(rate) }
                    } catch {
                        report.note("\(row.name): \(error)")
                        row.missing = "not measured"
                    }
                    report.add(row)
                }
            }
        }
    }
}
