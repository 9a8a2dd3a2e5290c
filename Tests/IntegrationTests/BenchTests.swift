import Foundation
import StorageTesting
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The benchmark runs, checks what it reads, prints its results, and leaves nothing behind. No test
/// checks how fast anything is.
@Suite struct BenchTests {
    private let folder = TemporaryDirectory()

    private func bench(_ arguments: String...) throws -> Tool.Outcome {
        try Tool.run(["bench"] + arguments + ["--directory", folder.path])
    }

    private var remains: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: folder.path) }
    }

    private func row(_ line: Substring) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
        return try #require(object as? [String: Any])
    }

    /// The names of the rows that each case gives, in order.
    static let rows = [
        "hot": ["hot/direct", "hot/stream"], "warm": ["warm", "warm/threads/\(cores)"],
        "touch": ["touch", "touch/open", "memory"],
        "cold": ["cold/buffered", "cold/buffered/cpu", "cold/direct", "cold/direct/cpu"],
        "device": ["device/random", "device/sequential", "device/ramp"],
        "random": [1, 2, 4, 8, 16, 32, 64, 128].map { "random/\($0)" },
        "load": ["load/narrow", "load/wide"],
        "compress": ["load", "size", "warm", "cold", "growth", "compacted"].map {
            "compress/\($0)"
        },
        "write": [
            "write", "write/checkpoint", "write/spread", "write/background",
            "write/doublewrite",
        ],
        "contend": contests,
        "async": [
            "async/resident", "async/device", "async/device/pool", "async/latency",
            "async/memory/queue", "async/memory/page",
        ],
    ]

    private static let cores = max(2, ProcessInfo.processInfo.activeProcessorCount)

    private static var contests: [String] {
        ["contend/hot/1", "contend/optimistic/1"]
            + (cores > 2 ? [2, cores] : [2]).flatMap { threads in
                [
                    "atomics", "disjoint", "hot", "optimistic", "parallelscan", "half",
                    "parallelscan-warm",
                ].map { "contend/\($0)/\(threads)" }
            }
    }

    @Test(arguments: Array(rows.keys), ["sync", "worker", "automatic"])
    func eachRowTellsItsMeasurements(_ name: String, _ method: String) throws {
        let outcome = try bench(
            name, "--json", "--size", "1MB", "--rounds", "3", "--io-method", method)
        try #require(outcome.code == 0, "\(outcome.errors)")
        #expect(outcome.errors.contains("of disk in \(folder.path)/strata-bench-"))
        #expect(try remains.isEmpty)
        // Few disks support it.
        let names = try outcome.lines.map { try row($0)["case"] as? String ?? "" }
            .filter { $0 != "write/atomicwrites" }
        // Without a choice of depth there is only one.
        let isSingle = name == "random" && method == "sync"
        let expected = isSingle ? ["random/1"] : Self.rows[name]
        // Only one core is used by the synchronous method, and no memory looked at under it.
        #expect(
            names
                == expected?.filter {
                    method != "sync" || !$0.contains("/threads/") && !$0.contains("/memory/")
                })
        for line in outcome.lines {
            let row = try row(line)
            func number(_ field: String) throws -> Double {
                try #require(row[field] as? Double, "\(field) in \(line)")
            }
            let shown = try #require(row["method"] as? String)
            #expect(
                method == "automatic" ? ["io_uring", "worker"].contains(shown) : shown == method)
            #expect(!(try #require(row["unit"] as? String)).isEmpty)
            #expect(try number("value") > 0 && number("ceiling") > 0)
            #expect(try number("minimum") <= number("value"))
            #expect(try number("value") <= number("maximum"))
            #expect(try number("minimumRatio") <= number("ratio"))
            #expect(try number("ratio") <= number("maximumRatio"))
            #expect(try number("cpuMicrosecondsPerPage") >= 0)
            #expect(try number("rounds") == 3)
            // Costs have an upper bar, throughputs a lower one.
            if row["bar"] is NSNull {
                #expect(row["met"] is NSNull)
                continue
            }
            let (ratio, bar) = (try number("ratio"), try number("bar"))
            let isCost = [
                "ns/page", "µs/page", "s", "% of pool", "blocks", "of live", "ms p99", "bytes/task",
            ].contains(row["unit"] as? String)
            #expect(try #require(row["met"] as? Bool) == (isCost ? ratio <= bar : ratio >= bar))
        }
    }

    @Test func peopleGetATableOfAllCases() throws {
        let outcome = try bench("all", "--size", "1MB", "--rounds", "1", "--io-method", "sync")
        try #require(outcome.code == 0, "\(outcome.errors)")
        #expect(try remains.isEmpty)
        let names = outcome.lines.dropFirst().map { String($0.prefix { $0 != " " }) }
            .filter { $0 != "write/atomicwrites" }
        let expected = Set(Self.rows.values.joined())
        #expect(
            Set(names)
                == expected.filter { name in
                    name == "random/1"
                        || !["random/", "/threads/", "/memory/"].contains { name.contains($0) }
                })
        #expect(outcome.lines[0].hasPrefix("case "))
        for line in outcome.lines.dropFirst() {
            let hasBar = line.contains("≥") || line.contains("≤")
            #expect(hasBar == (line.hasSuffix("met") || line.hasSuffix("missed")))
        }
    }

    @Test func resultsAreDrawn() throws {
        let picture = folder.path + "/picture.svg"
        let outcome = try bench(
            "all", "--size", "1MB", "--rounds", "1", "--io-method", "worker", "--plot", picture)
        try #require(outcome.code == 0, "\(outcome.errors)")
        let drawn = try String(contentsOfFile: picture, encoding: .utf8)
        #expect(try XMLDocument(xmlString: drawn).rootElement()?.name == "svg")
        for words in ["warm", "cold/direct", "write/checkpoint", "worker", "128"] {
            #expect(drawn.contains(">\(words)</text>"), "\(words)")
        }
        let refused = try bench(
            "hot", "--size", "1MB", "--rounds", "1", "--plot", folder.path + "/missing/a.svg")
        #expect(refused.code == 1)
        #expect(refused.errors.contains("cannot write"))
    }

    @Test func aServerThatCannotBeReachedIsToldOf() throws {
        let outcome = try bench(
            "load", "--size", "1MB", "--rounds", "1", "--postgres", "host=\(folder.path)")
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("psql"))
        #expect(try remains.isEmpty)
    }

    @Test func allMethodsAreComparedInOneRun() throws {
        let outcome = try bench(
            "hot", "--json", "--size", "1MB", "--rounds", "1", "--io-method", "all")
        try #require(outcome.code == 0, "\(outcome.errors)")
        var methods: Set<String> = []
        for line in outcome.lines { methods.insert(try row(line)["method"] as? String ?? "") }
        let isUringOut = outcome.errors.contains("io_uring is left out")
        #expect(methods == (isUringOut ? ["sync", "worker"] : ["sync", "worker", "io_uring"]))
    }

    @Test func anInterruptedRunRemovesItsData() throws {
        let (process, input) = try Tool.start([
            "bench", "hot", "--size", "1MB", "--rounds", "10000", "--directory", folder.path,
        ])
        defer { try? input.close() }
        try TestThreads.waitOrFail("the data to be made") {
            let made = try remains.first
            return made.map { FileManager.default.fileExists(atPath: "\(folder.path)/\($0)/store") }
                ?? false
        }
        kill(process.processIdentifier, SIGINT)
        process.waitUntilExit()
        #expect(process.terminationReason == .exit)
        #expect(process.terminationStatus == 128 + SIGINT)
        #expect(try remains.isEmpty)
    }

    @Test func whatCannotBeMeasuredIsRefused() throws {
        for arguments in [
            ["bench"], ["bench", "lukewarm"], ["bench", "hot", "--io-method", "telepathy"],
            ["bench", "hot", "--size", "1kB"], ["bench", "hot", "--rounds", "0"],
            ["bench", "device", "--latency", "0"], ["bench", "device", "--parallelism", "0"],
        ] {
            let outcome = try Tool.run(arguments)
            #expect(outcome.code == 64, "\(arguments)")
            #expect(outcome.output.isEmpty)
        }
        let missing = try Tool.run(["bench", "hot", "--directory", folder.path + "/missing"])
        #expect(missing.code == 1)
        #expect(missing.errors.contains("/missing\": No such file or directory"))
        let huge = try bench("hot", "--size", "8TB")
        #expect(huge.code == 1)
        #expect(huge.errors.contains("has room for"))
        #expect(try remains.isEmpty)
    }
}
