import Foundation
import StorageTesting
import Synchronization
import Threads

/// Many trials at once, and their totals.
final class Campaign: Sendable {
    struct Settings: Sendable {
        var tool = ""
        var bases = ""
        var firstSeed: UInt64 = 0
        var trials = 0
        var seconds = 0.0
        var kinds = Set(MutationKind.allCases)
        var workers = 2
        var limitSeconds = 30.0
        var withLarge = false
        var isQuiet = false
        var isBrief = false
    }

    private struct Tally {
        var next: UInt64
        var started = 0
        var ended = 0
        var kinds: [MutationKind: Int] = [:]
        var writers: [String: Int] = [:]
        var findings: [Finding] = []
        var unnoticed: [MutationKind: Int] = [:]
        var greatestResidentBytes = 0
        var greatestAddressBytes = 0
        var failure: String?
    }

    private let settings: Settings
    private let tally: Mutex<Tally>
    private let end: Date

    init(_ settings: Settings) {
        self.settings = settings
        tally = Mutex(Tally(next: settings.firstSeed))
        end = settings.seconds > 0 ? Date().addingTimeInterval(settings.seconds) : .distantFuture
    }

    /// Runs all trials. Returns true if nothing was found.
    func run() throws -> Bool {
        let scratch = TemporaryDirectory()
        chmod(scratch.path, 0o755)
        let runner = { (name: String) throws(HarmError) -> ToolRunner in
            let folder = "\(scratch.path)/\(name)"
            guard mkdir(folder, 0o755) == 0 else { throw HarmError("mkdir \(folder): \(errno)") }
            return ToolRunner(
                tool: self.settings.tool, folder: folder, limitSeconds: self.settings.limitSeconds)
        }
        let first = try runner("first")
        let bases = settings.bases.isEmpty ? "\(scratch.path)/bases" : settings.bases
        try BaseMaker.make(in: bases, runner: first, withLarge: settings.withLarge)
        var names = ["closed", "killed"]
        if settings.withLarge { names.append("large") }
        let stores = try names.map { try Base($0, in: bases) }
        let supplies = try Supplies(in: first.folder, runner: first)
        let runners = try (0..<settings.workers).map { try runner("\($0)") }
        DispatchQueue.concurrentPerform(iterations: runners.count) { worker in
            while let seed = self.nextSeed() {
                var trial = Trial(
                    seed: seed, bases: stores, supplies: supplies, runner: runners[worker],
                    isBrief: self.settings.isBrief)
                do throws(HarmError) {
                    try trial.run()
                } catch {
                    self.tally.withLock { $0.failure = "seed \(seed): \(error)" }
                    return
                }
                self.note(trial)
            }
        }
        return report()
    }

    /// Writes a line at once.
    static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    private func nextSeed() -> UInt64? {
        let all = MutationKind.allCases
        return tally.withLock { tally in
            guard tally.started < settings.trials || settings.trials == 0, Date() < end,
                tally.failure == nil
            else { return nil }
            while !settings.kinds.contains(all[Int(tally.next % UInt64(all.count))]) {
                tally.next += 1
            }
            tally.started += 1
            defer { tally.next += 1 }
            return tally.next
        }
    }

    private func note(_ trial: Trial) {
        tally.withLock { tally in
            tally.ended += 1
            tally.kinds[trial.kind, default: 0] += 1
            if let writer = trial.writer { tally.writers[writer, default: 0] += 1 }
            if trial.unnoticed > 0 { tally.unnoticed[trial.kind, default: 0] += 1 }
            tally.greatestResidentBytes = max(
                tally.greatestResidentBytes, trial.greatestResidentBytes)
            tally.greatestAddressBytes = max(
                tally.greatestAddressBytes, trial.greatestAddressBytes)
            tally.findings += trial.findings
            for finding in trial.findings { Self.say("FOUND \(finding)") }
            if settings.trials == 1 { Self.say("\(trial.kind.rawValue): \(trial.harm)") }
            if !settings.isQuiet && tally.ended % 1000 == 0 {
                Self.say("\(tally.ended) trials, \(tally.findings.count) findings")
            }
        }
    }

    private func report() -> Bool {
        tally.withLock { tally in
            Self.say("\(tally.ended) trials from seed \(settings.firstSeed) on")
            for kind in MutationKind.allCases where tally.kinds[kind] != nil {
                let found = tally.findings.filter { $0.kind == kind }.count
                let unnoticed = tally.unnoticed[kind, default: 0]
                Self.say(
                    "  \(kind.rawValue): \(tally.kinds[kind]!) trials, \(found) findings"
                        + (unnoticed > 0 ? ", \(unnoticed) with forged rows" : ""))
            }
            for writer in Writer.allCases {
                Self.say(
                    "  \(writer.rawValue) followed \(tally.writers[writer.rawValue, default: 0])")
            }
            Self.say("  at most \(tally.greatestResidentBytes >> 20) MB resident")
            Self.say(
                "  at most \(tally.greatestAddressBytes >> 20) MB of addresses,"
                    + " \(Trial.addressLimit >> 20) MB allowed")
            if let failure = tally.failure { Self.say("the harness failed: \(failure)") }
            Self.say("\(tally.findings.count) findings")
            return tally.findings.isEmpty && tally.failure == nil
        }
    }
}
