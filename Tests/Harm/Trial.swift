import Foundation
import StorageTesting

/// Something that must not happen.
struct Finding: CustomStringConvertible {
    let seed: UInt64
    let kind: MutationKind
    let harm: String
    let command: String
    let what: String
    let lastWords: String

    var description: String {
        "seed \(seed), \(kind.rawValue): \(what)\n    harm: \(harm)\n    command: \(command)\n    "
            + lastWords.split(separator: "\n").suffix(3).joined(separator: "\n    ")
    }
}

/// The result of a scan.
enum ScanState: Equatable {
    /// All right rows, and no error.
    case right
    /// All rows of an earlier state, and no error.
    case earlier
    /// Other rows, and no error.
    case wrong
    /// Right rows, then an error.
    case failed
    /// Rows that are not right, then an error.
    case failedWrong
    /// There is no such relation.
    case gone
}

/// A copy of a store that is damaged, read, written to, and judged.
struct Trial {
    let seed: UInt64
    let kind: MutationKind
    let base: Base
    let supplies: Supplies
    let runner: ToolRunner
    var random: SplitMix64
    var mutation: Mutation
    var method: String

    private(set) var findings: [Finding] = []
    /// The number of wrong rows that nothing could have noticed.
    private(set) var unnoticed = 0
    private(set) var greatestResidentBytes = 0
    private(set) var greatestAddressBytes = 0
    var writer: String?
    /// The relations to scan: all, or in a brief trial those that the damage concerns, the one that
    /// is written to, and another.
    private(set) var scanned: [BaseRelation] = []
    let isBrief: Bool
    /// The store as it was after the damage.
    private(set) var initial: Snapshot?

    /// The most resident memory that a command may have.
    static let residentLimit = 300 << 20
    /// The address space that a command may have; the harness makes the system enforce it.
    static let addressLimit = 3 << 30
    /// The most processor time of a command.
    static let processorLimit = 15.0

    var store: String { "\(runner.folder)/store" }

    init(
        seed: UInt64, bases: [Base], supplies: Supplies, runner: ToolRunner, isBrief: Bool
    ) {
        self.seed = seed
        self.isBrief = isBrief
        self.supplies = supplies
        self.runner = runner
        let kinds = MutationKind.allCases
        kind = kinds[Int(seed % UInt64(kinds.count))]
        var random = SplitMix64(seed: seed, stream: 14)
        let large = bases.firstIndex { $0.name == "large" }
        let small = bases.filter { $0.name != "large" }
        if let large, random.below(24) == 0 {
            base = bases[large]
        } else if kind == .journalField, random.below(5) > 0 {
            base = small.first { $0.isKilled } ?? small[0]
        } else {
            base = small[random.below(small.count)]
        }
        let own = base.name
        mutation = Mutator.draw(
            kind, base, others: small.filter { $0.name != own },
            random: SplitMix64(seed: seed, stream: 15))
        method = ["sync", "worker", "automatic"][random.below(3)]
        self.random = random
    }

    /// A line that describes the trial.
    var harm: String {
        "\(base.name) store; " + mutation.description.joined(separator: "; ")
    }

    mutating func note(_ what: String, _ outcome: ToolOutcome?) {
        findings.append(
            Finding(
                seed: seed, kind: kind, harm: harm, command: outcome?.commandLine ?? "",
                what: what, lastWords: outcome?.lastWords ?? ""))
    }

    mutating func noteUnnoticed() { unnoticed += 1 }

    /// Runs the tool, and checks what must hold for any run.
    mutating func strata(
        _ arguments: [String], input: Standard = .file("/dev/null"), output: Standard? = nil,
        errors: Standard? = nil, codes: Set<Int32> = [0, 1]
    ) throws(HarmError) -> ToolOutcome {
        let outcome = try runner.run(
            arguments, asOrdinaryUser: mutation.needsOrdinaryUser, input: input, output: output,
            errors: errors)
        check(outcome, codes)
        return outcome
    }

    mutating func check(_ outcome: ToolOutcome, _ codes: Set<Int32> = [0, 1]) {
        greatestResidentBytes = max(greatestResidentBytes, outcome.residentBytes)
        greatestAddressBytes = max(greatestAddressBytes, outcome.addressBytes)
        checkWords(outcome)
        if outcome.isHung {
            note("it hangs", outcome)
        } else if outcome.signal != 0 {
            note("signal \(outcome.signal) ended it", outcome)
        } else if let code = outcome.code, !codes.contains(code) {
            note("exit code \(code)", outcome)
        }
        if outcome.residentBytes > Self.residentLimit {
            note("it had \(outcome.residentBytes >> 20) MB resident", outcome)
        }
        if outcome.processorSeconds > Self.processorLimit {
            note("it took \(outcome.processorSeconds) s of processor time", outcome)
        }
        let isScan = outcome.arguments.first == "scan"
        for said in isScan ? [outcome.errors] : [outcome.output, outcome.errors]
        where said.contains(where: { ($0 < 32 && $0 != 10) || $0 == 127 }) {
            note("control characters reach the terminal", outcome)
        }
    }

    /// The options that select the store and the IO method.
    var storeOptions: [String] { ["--store", store, "--io-method", method] }

    // MARK: Reading

    /// Whether the damage may affect a relation.
    func isConcerned(_ relation: BaseRelation) -> Bool {
        concernsStore || mutation.changed.contains { relation.owns($0) }
    }

    /// Whether the damage affects what all relations need.
    var concernsStore: Bool {
        mutation.changed.contains { path in
            path == "base" || path == "base/1"
                || (path.hasPrefix("strata.") && !path.hasSuffix(".new"))
        }
    }

    /// Scans a relation and returns the result.
    mutating func scan(
        _ name: String, expecting versions: [[UInt8]]
    ) throws(HarmError) -> (state: ScanState, outcome: ToolOutcome) {
        let outcome = try strata(["scan", "--relation", name] + storeOptions)
        return (Self.state(of: outcome, versions), outcome)
    }

    static func state(of outcome: ToolOutcome, _ versions: [[UInt8]]) -> ScanState {
        if outcome.code == 0 {
            if outcome.output == versions.last { return .right }
            return isEarlier(outcome.output, versions) ? .earlier : .wrong
        }
        if outcome.lastWords.contains("no relation \"") { return .gone }
        let isRight = versions.contains { rows in
            outcome.output.count <= rows.count
                && memcmp(rows, outcome.output, outcome.output.count) == 0
                && (outcome.output.isEmpty || outcome.output.last == 10)
        }
        return isRight ? .failed : .failedWrong
    }

    /// Whether a scan printed a version, with any of the rows that were appended to it later: those
    /// on the page that was its last.
    private static func isEarlier(_ output: [UInt8], _ versions: [[UInt8]]) -> Bool {
        output.last == 10 && versions.contains { output.starts(with: $0) }
            && versions.contains { $0.starts(with: output) }
    }

    /// Judges a scan of a relation whose rows were not changed.
    mutating func judge(
        _ relation: BaseRelation, _ state: ScanState, _ outcome: ToolOutcome, when: String
    ) {
        switch state {
        case .right: return
        case .earlier where mutation.isStale: return
        case .failed, .gone:
            if isConcerned(relation) {
                if !namesHarm(outcome, relation) { note("it does not say what is wrong", outcome) }
                return
            }
            note("\(relation.name) is refused \(when), which was not harmed", outcome)
        case .earlier, .wrong, .failedWrong:
            if mutation.isForged && isConcerned(relation) { return noteUnnoticed() }
            let rows = outcome.output.reduce(0) { $1 == 10 ? $0 + 1 : $0 } - 1
            let right = relation.rows.reduce(0) { $1 == 10 ? $0 + 1 : $0 } - 1
            note(
                "\(relation.name) has wrong rows \(when), \(rows) instead of \(right)"
                    + (state == .failedWrong ? ", then an error" : " and exit code 0"), outcome)
        }
    }

    /// Runs every reading command, and returns the results of the scans.
    mutating func read(when: String) throws(HarmError) -> [String: ScanState] {
        var snapshot = Snapshot(of: store)
        var states: [String: ScanState] = [:]
        func compare(_ trial: inout Trial, _ outcome: ToolOutcome) {
            let now = Snapshot(of: trial.store)
            if let difference = snapshot.difference(to: now) {
                trial.note("\(outcome.arguments[0]) changed the store: \(difference)", outcome)
            }
            snapshot = now
        }
        let verified = try strata(["verify"] + storeOptions)
        compare(&self, verified)
        let listed = try strata(["relations"] + storeOptions)
        compare(&self, listed)
        judgeList(listed)
        let recovered = try strata(["recover", "--dry-run"] + storeOptions)
        compare(&self, recovered)
        if recovered.code != 0 && !concernsStore && verified.code == 0 && !namesStuck(recovered) {
            note("recover fails, though verify finds nothing", recovered)
        }
        for relation in scanned {
            let (state, outcome) = try scan(relation.name, expecting: relation.versions)
            compare(&self, outcome)
            states[relation.name] = state
            judge(relation, state, outcome, when: when)
            if state == .failed || state == .failedWrong, verified.code == 0 {
                note("verify finds nothing, and a scan of \(relation.name) fails", outcome)
            }
        }
        return states
    }

    /// Whether it says that remains of an unfinished change stay, and their files were harmed.
    /// Verification looks at relations only.
    private func namesStuck(_ outcome: ToolOutcome) -> Bool {
        let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n")
        return lines.contains { line in
            guard line.contains("could not undo") else { return false }
            return mutation.changed.contains { path in
                let stem = path.prefix { !"_.".contains($0) }
                return !stem.isEmpty && line.contains("relation \(stem):")
            }
        }
    }

    /// All relations are listed. If that fails, the error names a damaged one.
    private mutating func judgeList(_ outcome: ToolOutcome) {
        if concernsStore { return }
        let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n")
        for relation in base.relations
        where !lines.contains(where: { $0.hasPrefix(relation.name + " ") }) {
            note("\(relation.name) is not listed", outcome)
        }
        if outcome.code == 0 { return }
        let concerned = base.relations.filter { isConcerned($0) }
        if !concerned.contains(where: { namesHarm(outcome, $0) }) {
            note("relations fails, and names nothing that was harmed", outcome)
        }
    }

    /// Runs the whole trial.
    mutating func run() throws(HarmError) {
        StoreImage.remove(store)
        try mutation.image.write(to: store)
        defer { StoreImage.remove(store) }
        initial = Snapshot(of: store)
        scanned = base.relations
        switch kind {
        case .readOnlyTree: try runReadOnly()
        case .descriptors: try runDescriptors()
        case .replacedLock: try runReplacedLock()
        case .arguments: try runArguments()
        case .escapes: try runEscapes()
        case .messages: try runMessages()
        default:
            if mutation.needsOrdinaryUser { giveAway() }
            let target = target()
            let other = base.relations[random.below(base.relations.count)].name
            scanned = base.relations.filter {
                !isBrief || isConcerned($0) || $0.name == target.name || $0.name == other
            }
            let before = try read(when: "before")
            try write(to: target, before)
        }
    }

    /// Makes another user the store's owner.
    func giveAway() {
        guard geteuid() == 0 else { return }
        let user = ToolRunner.ordinaryUser
        lchown(store, user, user)
        for name in mutation.image.entries.keys {
            lchown(StoreImage.bytes("\(store)/\(name)"), user, user)
        }
    }
}
