import Foundation
import StorageTesting
import Strata

/// Kills commands of the tool at any moment, repeatedly on one store, and checks that acknowledged
/// work survives.
struct Kills {
    enum Work: String, CaseIterable {
        case load, append, replace, drop, copy, compact, recover
    }

    let runner: ToolRunner
    private var random: SplitMix64
    private let seed: UInt64
    /// What each relation must contain.
    private var relations: [String: String] = [:]
    private var seconds: [Work: Double] = [:]
    private(set) var killed: [Work: Int] = [:]
    private(set) var ended = 0
    private(set) var findings: [String] = []

    private var store: String { "\(runner.folder)/store" }

    init(seed: UInt64, runner: ToolRunner) throws {
        self.runner = runner
        self.seed = seed
        random = SplitMix64(seed: seed, stream: 16)
        var options = EngineOptions()
        options.ioMethod = .synchronous
        options.createdSegmentBlocks = 16
        try Engine.open(store, options: options).close()
    }

    /// Starts a command and kills it, unless it has ended before.
    mutating func step() throws {
        let names = relations.keys.sorted()
        let works: [Work] =
            names.count < 2
            ? [.load, .load, .copy]
            : [.load, .append, .append, .replace, .replace, .drop, .copy, .compact, .recover]
        let work = names.isEmpty ? .load : works[random.below(works.count)]
        let name = names.isEmpty ? "" : names[random.below(names.count)]
        let number = random.below(1 << 30)
        let made = "r\(number)"
        let rows = Rows.csv(0..<(1 + random.below(4000)), salt: number)
        let file = "\(runner.folder)/rows.csv"
        try rows.write(toFile: file, atomically: false, encoding: .utf8)
        let manager = ["--manager", random.below(2) == 0 ? "compressed" : "magnetic"]
        let schema = ["--schema", Rows.schema]
        let target = work == .load || work == .copy ? made : name
        var after: String? = relations[target]
        var arguments: [String]
        switch work {
        case .load:
            arguments = ["load", file, "--relation", made] + schema + manager
            after = rows
        case .append:
            arguments = ["load", file, "--relation", name, "--append"]
            after = relations[name]! + rows.drop { $0 != "\n" }.dropFirst()
        case .replace:
            arguments = ["load", file, "--relation", name, "--replace"] + schema + manager
            after = rows
        case .drop:
            arguments = ["drop", "--relation", name]
            after = nil
        case .copy:
            arguments = ["copy", "--from", name, "--to", made] + manager
            after = relations[name]
        case .compact: arguments = ["compact", "--relation", name]
        case .recover: arguments = ["recover"]
        }
        arguments += [
            "--store", store, "--io-method", ["sync", "worker", "automatic"][random.below(3)],
        ]
        let isDone = try run(work, arguments)
        try judge(work, arguments, target, after, isDone: isDone)
        // Few and small relations, so that rounds do not get ever longer.
        for name in relations.keys where relations.count > 4 || relations[name]!.count > 1 << 20 {
            _ = try runner.run(["drop", "--relation", name, "--store", store])
            relations[name] = nil
        }
    }

    /// Runs a command. Returns true if it ended by itself, false if it was killed.
    private mutating func run(_ work: Work, _ arguments: [String]) throws -> Bool {
        let begin = Date()
        let child = try runner.start(
            arguments, input: .file("/dev/null"), output: .file("\(runner.folder)/output"),
            errors: .file("\(runner.folder)/errors"))
        usleep(UInt32(Double(random.below(1000)) / 1000 * 1.2e6 * seconds[work, default: 0.03]))
        kill(child, SIGKILL)
        let outcome = runner.wait(for: child, arguments)
        if outcome.signal == SIGKILL {
            killed[work, default: 0] += 1
            // The command takes longer than estimated.
            seconds[work, default: 0.03] *= 1.02
            return false
        }
        seconds[work, default: 0.03] =
            0.7 * seconds[work, default: 0.03] + 0.3 * Date().timeIntervalSince(begin)
        ended += 1
        if outcome.code != 0 {
            let words = String(
                decoding: ToolRunner.contents("\(runner.folder)/errors"), as: UTF8.self)
            note("code \(outcome.code ?? -1), signal \(outcome.signal): \(words)", arguments)
        }
        return outcome.code == 0
    }

    private mutating func note(_ what: String, _ arguments: [String]) {
        findings.append(
            "seed \(seed): \(what)\n    after: strata \(arguments.joined(separator: " "))")
    }

    /// Checks that the store has what was acknowledged, and all or nothing of what was killed.
    private mutating func judge(
        _ work: Work, _ arguments: [String], _ target: String, _ after: String?, isDone: Bool
    ) throws {
        let before = relations[target]
        if isDone { relations[target] = after }
        for name in Set(relations.keys).union([target]) {
            let outcome = try runner.run(["scan", "--relation", name, "--store", store])
            let found: String? =
                outcome.code == 0 ? String(decoding: outcome.output, as: UTF8.self) : nil
            let isGone = outcome.code != 0 && outcome.lastWords.contains("no relation \"")
            if outcome.code != 0 && !isGone {
                note("\(name): \(outcome.lastWords)", arguments)
            } else if name == target && !isDone {
                if found != before && found != after {
                    note("\(name) is neither old nor new", arguments)
                }
                relations[name] = found
            } else if found != relations[name] {
                note("\(name) has lost what was acknowledged", arguments)
                relations[name] = found
            }
        }
        let verified = try runner.run(["verify", "--store", store])
        if verified.code != 0 { note("verify: \(verified.lastWords)", arguments) }
    }
}

extension Kills {
    /// Kills as often as requested. Returns true if nothing was lost.
    static func run(_ settings: Campaign.Settings) throws -> Bool {
        let scratch = TemporaryDirectory()
        let runner = ToolRunner(
            tool: settings.tool, folder: scratch.path, limitSeconds: settings.limitSeconds)
        var kills = try Kills(seed: settings.firstSeed, runner: runner)
        var runs = 0
        // Sometimes a command ends before it is killed.
        while kills.killed.values.reduce(0, +) < settings.trials, runs < settings.trials * 6 + 100 {
            try kills.step()
            runs += 1
        }
        for finding in kills.findings { Campaign.say("FOUND \(finding)") }
        for work in Work.allCases {
            Campaign.say("  \(work.rawValue): killed \(kills.killed[work, default: 0]) times")
        }
        let count = kills.killed.values.reduce(0, +)
        Campaign.say(
            "\(count) kills in \(runs) runs, \(kills.ended) came to their"
                + " end, \(kills.findings.count) findings")
        return kills.findings.isEmpty
    }
}
