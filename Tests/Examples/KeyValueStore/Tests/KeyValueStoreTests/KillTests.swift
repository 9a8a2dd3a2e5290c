import Foundation
import KeyValueTesting
import StorageTesting
import Testing

@testable import KeyValueStore

/// A process with two writers is killed again and again. Nothing that it said was committed may be
/// missing, and nothing may be there but the changes in their order.
@Suite struct KillTests {
    private static var rounds: Int {
        ProcessInfo.processInfo.environment["KV_KILLS"].flatMap { Int($0) } ?? 10
    }

    private static var client: URL {
        URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appending(path: "kv-crash-client")
    }

    /// Where the client is, next to the tests' bundle.
    private static func clientPath() throws -> URL {
        let bundles = CommandLine.arguments.map { URL(fileURLWithPath: $0) }
        for bundle in bundles + [client] {
            var folder = bundle.deletingLastPathComponent()
            for _ in 0..<4 {
                let path = folder.appending(path: "kv-crash-client")
                if FileManager.default.isExecutableFile(atPath: path.path) { return path }
                folder = folder.deletingLastPathComponent()
            }
        }
        throw KeyValueError.damaged("kv-crash-client was not built: \(CommandLine.arguments)")
    }

    /// Runs the client until it has said so much, and kills it.
    ///
    /// - Returns: for each writer, how many changes it has committed at least.
    private func runAndKill(_ store: String, _ seed: UInt64, _ first: [Int], after lines: Int)
        throws
        -> [Int]
    {
        let process = Process()
        process.executableURL = try Self.clientPath()
        process.arguments = [store, "\(seed)", "\(first[0])", "\(first[1])"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        var output: [UInt8] = []
        while output.count(where: { $0 == UInt8(ascii: "\n") }) < lines {
            let some = pipe.fileHandleForReading.availableData
            if some.isEmpty { break }
            output += some
        }
        kill(process.processIdentifier, SIGKILL)
        output += pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal, "the client ended by itself")
        var committed = first
        // The last line may be incomplete.
        for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: " ").compactMap { Int($0) }
            if parts.count == 2 { committed[parts[0]] = max(committed[parts[0]], parts[1]) }
        }
        return committed
    }

    @Test func nothingCommittedIsLost() throws {
        let seed = UInt64.random(in: 1..<1_000_000)
        print("seed \(seed)")
        var random = SplitMix64(seed: seed)
        let writers = (0..<2).map { Operations(seed: seed, writer: $0, keyCount: 300) }
        var states: [[[UInt8]: [UInt8]]] = [[:], [:]]
        var counts = [0, 0]
        var repeated = 0
        try TemporaryDirectory.with { directory in
            let path = directory + "/store"
            for round in 0..<Self.rounds {
                let committed = try runAndKill(path, seed, counts, after: 1 + random.below(60))
                let store = try KeyValueStore.open(path, options: smallOptions())
                repeated += store.recovered.changes
                let connection = try store.connect()
                _ = try connection.checkTree()
                for (index, writer) in writers.enumerated() {
                    // What was committed, without which nothing is compared.
                    while counts[index] < committed[index] {
                        let operation = writer[counts[index]]
                        states[index][operation.key] = operation.value
                        counts[index] += 1
                    }
                    var contents: [[UInt8]: [UInt8]] = [:]
                    for entry in connection.scan(from: writer.prefix) {
                        if !entry.key.starts(with: writer.prefix) { break }
                        contents[entry.key] = entry.value
                    }
                    let found = writer.count(
                        in: contents, from: &states[index],
                        committed[index]...committed[index] + 2000)
                    try #require(found != nil, "seed \(seed), round \(round), writer \(index)")
                    counts[index] = found!
                }
                connection.close()
                try store.close()
            }
        }
        #expect(repeated > 0, "no round found anything to recover")
        print("\(Self.rounds) kills, \(counts) changes, \(repeated) repeated by recovery")
    }
}
