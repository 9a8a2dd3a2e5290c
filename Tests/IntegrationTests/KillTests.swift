import AsyncIO
import Foundation
import StorageTesting
import Testing

/// A real process that is killed at any moment, repeatedly, on a real file system.
///
/// `STRATA_KILLS` sets how often. The seed determines what the process does and when it is killed,
/// but not which of its steps that hits.
@Suite("Killed at any moment", .serialized)
struct KillTests {
    static let kills = ProcessInfo.processInfo.environment["STRATA_KILLS"].flatMap { Int($0) } ?? 24
    static let client = Tool.executable.deletingLastPathComponent()
        .appending(path: "CrashClient").path

    @Test("a store has what was acknowledged", arguments: IOMethodMatrix.real)
    func kills(method: TestedMethod) throws {
        let store = CommandStore()
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 3)
        var model = StoreModel()
        let rounds = max(1, Self.kills / IOMethodMatrix.real.count)
        for round in 0..<rounds {
            let seed = IOMethodMatrix.seed % 1000 * 100 + UInt64(round)
            for line in try run(method, store.path, seed: seed, &random) {
                let isKnown = model.note(line)
                #expect(isKnown, "seed \(IOMethodMatrix.seed), round \(round): \(line)")
            }
            let (found, findings) = try show(method, store.path)
            let faults = model.settle(found) + findings
            #expect(faults.isEmpty, "seed \(IOMethodMatrix.seed), round \(round): \(faults)")
        }
        print("\(method): killed \(rounds) times, \(model.acknowledged) changes acknowledged")
        if rounds >= 8 { #expect(model.acknowledged > 0) }
        let verified = try Command.run("verify", "--store", store.path)
        #expect(verified.status == 0, "\(verified)")
    }

    /// Starts the program, kills it, and returns its output.
    private func run(
        _ method: TestedMethod, _ store: String, seed: UInt64, _ random: inout SplitMix64
    ) throws -> [Substring] {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: Self.client)
        process.arguments = ["run", store, method.choice.name, "\(seed)"]
        process.standardOutput = pipe
        try process.run()
        var told = Data()
        // Sometimes it is killed while it opens and recovers the store; otherwise after part of its
        // work, however fast the machine is.
        let lines = random.below(6) > 0 ? 1 + random.below([10, 100, 400][random.below(3)]) : 0
        while told.reduce(0, { $0 + ($1 == 10 ? 1 : 0) }) < lines {
            let more = pipe.fileHandleForReading.availableData
            if more.isEmpty { break }
            told += more
        }
        usleep(UInt32(random.below(lines > 0 ? 4000 : 60_000)))
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        told += try pipe.fileHandleForReading.readToEnd() ?? Data()
        return String(decoding: told, as: UTF8.self).split(separator: "\n")
    }

    /// The marks of each relation's pages, and faults of the store.
    private func show(_ method: TestedMethod, _ store: String) throws
        -> (relations: [String: [Int]], findings: [String])
    {
        let words = [Self.client, "show", store, method.choice.name].map(Command.quoted)
        let result = try Command.shell("exec " + words.joined(separator: " "))
        let lines = result.output.split(separator: "\n")
        var (relations, findings) = Self.parse(lines)
        if lines.last != "ok" { findings.append("it did not open: \(result)") }
        return (relations, findings)
    }

    /// What the program showed: the marks of each relation's pages, and faults of the store.
    static func parse(_ lines: [Substring]) -> (relations: [String: [Int]], findings: [String]) {
        var relations: [String: [Int]] = [:]
        var findings: [String] = []
        for line in lines where line != "ok" {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            if words.count == 3 && words[0] == "relation" {
                relations[String(words[1])] = words[2].split(separator: ",").compactMap { Int($0) }
            } else {
                findings.append(String(line))
            }
        }
        return (relations, findings)
    }
}
