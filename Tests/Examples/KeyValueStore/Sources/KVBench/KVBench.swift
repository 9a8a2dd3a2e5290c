import Foundation

/// Compares the example with stores that people embed.
///
///     swift run -c release --package-path Tests/Examples/KeyValueStore kv-bench [--json]
///         [--keys 10000000] [--directory DIRECTORY] [--stores strata-kv,lmdb,rocksdb,sqlite]
///
/// Prints a row for each case and store, then each bar. Ends with 1 if a bar was missed.
@main
struct KVBench {
    static func main() async {
        do {
            let arguments = Array(CommandLine.arguments.dropFirst())
            if arguments.first == "child" {
                try await LimitedReads.child(Array(arguments.dropFirst()))
            } else if try run(arguments) {
                exit(1)
            }
        } catch {
            FileHandle.standardError.write(Data("kv-bench: \(error)\n".utf8))
            exit(2)
        }
    }

    private static func option(_ name: String, _ arguments: [String]) -> String? {
        arguments.firstIndex(of: name).flatMap { index in
            index + 1 < arguments.count ? arguments[index + 1] : nil
        }
    }

    /// - Returns: whether a bar was missed.
    private static func run(_ arguments: [String]) throws -> Bool {
        let keys = option("--keys", arguments).flatMap { Int($0) } ?? 10_000_000
        let directory =
            option("--directory", arguments)
            ?? FileManager.default.currentDirectoryPath + "/.build/kv-bench-data"
        let stores =
            option("--stores", arguments)?.split(separator: ",").map(String.init)
            ?? Contenders.names
        let phases = option("--phases", arguments) ?? "load,read,limited"
        guard keys >= 10_000, stores.allSatisfy({ Contenders.names.contains($0) }) else {
            throw BenchError("at least 10000 keys; stores are \(Contenders.names)")
        }
        let begin = now()
        let report = Report(printsJSON: arguments.contains("--json"))
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let cache = 2 << 30
        let lengths = option("--lengths", arguments) ?? "1000,100"
        for (length, count) in [(1000, keys / 20), (100, keys)]
        where lengths.split(separator: ",").contains("\(length)") {
            let all = Phases(
                report: report, directory: directory,
                work: Workload(keyCount: count, valueLength: length), cacheBytes: cache,
                stores: stores)
            if phases.contains("load") { try all.load() }
            if phases.contains("read") { try all.readAndUpdate(hasUpdates: length == 100) }
            if phases.contains("limited"), length == 100 { try all.limitedReads() }
            if length == 1000, phases.contains("load") {
                for store in stores {
                    try? FileManager.default.removeItem(atPath: directory + "/\(store)-1000")
                }
            }
        }
        addBars(report)
        report.note("\(Int(now() - begin)) seconds")
        if !arguments.contains("--keep") {
            try? FileManager.default.removeItem(atPath: directory)
        }
        return report.hasMissed
    }

    private static func addBars(_ report: Report) {
        func bar(_ name: String, _ rival: String, _ limit: Double, ours: String = Contenders.ours) {
            report.add(
                Bar(
                    name: name, rival: rival, limit: limit,
                    ratio: report.median(name, ours) / report.median(name, rival)))
        }
        func barAgainstBest(_ name: String, _ limit: Double, ours: String = Contenders.ours) {
            let rivals = Contenders.names.dropFirst()
                .filter { report.median(name, $0).isFinite }
            let best = rivals.max { report.median(name, $0) < report.median(name, $1) }
            bar(name, best ?? "none", limit, ours: ours)
        }
        bar("kv/read/resident/100/2", "lmdb", 1.2)
        bar("kv/read/resident/100/2", "rocksdb", 3)
        bar("kv/read/resident/100/2", "sqlite", 8)
        barAgainstBest("kv/read/limited/100/2", 1.5, ours: Contenders.ours + "-async")
        barAgainstBest("kv/update/100/2", 0.95)
    }
}
