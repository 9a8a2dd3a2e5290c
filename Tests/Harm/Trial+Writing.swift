import Foundation
import StorageTesting

/// What trials load, and what scanning it outputs.
struct Supplies {
    let file: String
    let oddFile: String
    let rows: [UInt8]
    let oddRows: [UInt8]

    /// Writes the files, and loads them once to record the output of scanning.
    init(in folder: String, runner: ToolRunner) throws {
        file = "\(folder)/fresh.csv"
        oddFile = "\(folder)/odd.csv"
        let texts = [
            (file, Rows.csv(5000..<5150, salt: 77), Rows.schema),
            (oddFile, Rows.oddCSV(500..<530), Rows.oddSchema),
        ]
        let store = "\(folder)/supplies"
        StoreImage.remove(store)
        defer { StoreImage.remove(store) }
        var scanned: [[UInt8]] = []
        for (number, (file, text, schema)) in texts.enumerated() {
            try text.write(toFile: file, atomically: false, encoding: .utf8)
            let at = ["--store", store, "--relation", "r\(number)"]
            let loaded = try runner.run(["load", file, "--schema", schema] + at)
            let outcome = try runner.run(["scan"] + at)
            guard loaded.code == 0, outcome.code == 0 else {
                throw HarmError("the supplies cannot be loaded: \(loaded.lastWords)")
            }
            scanned.append(outcome.output)
        }
        rows = scanned[0]
        oddRows = scanned[1]
    }

    /// Rows without their header.
    static func body(_ rows: [UInt8]) -> [UInt8] {
        rows.firstIndex(of: 10).map { Array(rows[($0 + 1)...]) } ?? []
    }
}

/// A command that changes a store.
enum Writer: String, CaseIterable {
    case load, append, replace, copy, compact, recover, drop
}

extension Trial {
    /// A relation to write to: mostly a damaged one.
    mutating func target() -> BaseRelation {
        let concerned = base.relations.filter { isConcerned($0) }
        let choices = concerned.isEmpty || random.below(3) == 0 ? base.relations : concerned
        return choices[random.below(choices.count)]
    }

    func arguments(of writer: Writer, _ target: BaseRelation) -> [String] {
        let name = target.name
        let isOdd = name == "c"
        let file = isOdd ? supplies.oddFile : supplies.file
        switch writer {
        case .load:
            return ["load", supplies.file, "--relation", "fresh", "--schema", Rows.schema]
                + (seed & 1 == 0 ? ["--manager", "compressed"] : [])
        case .append: return ["load", file, "--relation", name, "--append"]
        case .replace:
            return [
                "load", file, "--relation", name, "--replace", "--schema",
                isOdd ? Rows.oddSchema : Rows.schema,
            ]
        case .copy:
            let manager = seed & 1 == 0 ? "compressed" : "magnetic"
            return ["copy", "--from", name, "--to", "twin", "--manager", manager]
        case .compact: return seed & 1 == 0 ? ["compact"] : ["compact", "--relation", name]
        case .recover: return ["recover"]
        case .drop: return ["drop", "--relation", name]
        }
    }

    /// Runs a writing command after the reading ones, and judges the result.
    mutating func write(
        to target: BaseRelation, _ before: [String: ScanState]
    ) throws(HarmError) {
        let kinds = UInt64(MutationKind.allCases.count)
        let writer = Writer.allCases[Int(seed / kinds % UInt64(Writer.allCases.count))]
        self.writer = writer.rawValue
        let outcome = try strata(arguments(of: writer, target) + storeOptions)
        let isDone = outcome.code == 0
        if writer == .compact, outcome.arguments[1] != "--relation", !concernsStore {
            let said = String(decoding: outcome.output, as: UTF8.self)
            for relation in base.relations
            where !isConcerned(relation) && !said.contains("compacted \(relation.name):") {
                note("\(relation.name) is not compacted, which was not harmed", outcome)
            }
        }
        for path in mutation.survivors.sorted() {
            let now = Snapshot(of: store).entries[path]
            if now != initial?.entries[path] {
                note(
                    "\(path) is not as it was: \(now.map(String.init(describing:)) ?? "gone")",
                    outcome)
            }
        }
        for relation in scanned {
            var versions = relation.versions
            let isTarget = relation.name == target.name
            if isTarget, let rows = rows(after: writer, relation) {
                versions = isDone ? [rows] : versions + [rows, relation.rows]
            }
            let (state, scanned) = try scan(relation.name, expecting: versions)
            if isTarget && isDone {
                judgeTarget(relation, writer, state, before[relation.name]!, scanned)
            } else if isTarget && state == .earlier {
                // The command failed after all was done.
                continue
            } else {
                judge(relation, state, scanned, when: "after \(writer.rawValue)")
                if before[relation.name] == .right && state != .right && !mutation.isForged {
                    note("\(writer.rawValue) harmed \(relation.name), which was right", scanned)
                }
            }
        }
        if isDone { try judgeNew(writer, target, before[target.name]!) }
        if try strata(["verify"] + storeOptions).code == nil { return }
        try putBack(writer, target, isDone)
    }

    /// What a relation has once a command has ended; nil if the command does not determine it.
    private func rows(after writer: Writer, _ relation: BaseRelation) -> [UInt8]? {
        let fresh = relation.name == "c" ? supplies.oddRows : supplies.rows
        switch writer {
        case .append: return relation.rows + Supplies.body(fresh)
        case .replace: return fresh
        default: return nil
        }
    }

    /// Judges the relation that a successful command was about.
    private mutating func judgeTarget(
        _ relation: BaseRelation, _ writer: Writer, _ state: ScanState, _ before: ScanState,
        _ outcome: ToolOutcome
    ) {
        switch (writer, state) {
        case (.drop, .gone): return
        case (_, .right) where writer != .drop: return
        case (.drop, _): note("\(relation.name) is there after it was dropped", outcome)
        case (.append, .failed) where before != .right: return
        case (.append, .wrong) where mutation.isStale && before != .right: return
        case (.append, .earlier) where mutation.isStale: return
        case (.append, _), (.replace, _):
            if mutation.isForged { return noteUnnoticed() }
            note("what \(writer.rawValue) acknowledged is not there", outcome)
        default: judge(relation, state, outcome, when: "after \(writer.rawValue)")
        }
    }

    /// Judges the relation that a successful command made.
    private mutating func judgeNew(
        _ writer: Writer, _ target: BaseRelation, _ before: ScanState
    ) throws(HarmError) {
        guard writer == .load || writer == .copy else { return }
        let name = writer == .load ? "fresh" : "twin"
        let versions = writer == .load ? [supplies.rows] : target.versions
        let (state, outcome) = try scan(name, expecting: versions)
        if state == .right || (state == .earlier && mutation.isStale) { return }
        if mutation.isForged { return noteUnnoticed() }
        note("\(writer.rawValue) was acknowledged, and \(name) is \(state)", outcome)
    }

    /// Restores the damaged files, as from a backup; then everything must be there again. Nothing
    /// may have replaced what could not be read. Compacting moves chunks one by one, after which an
    /// earlier file does not fit any more.
    private mutating func putBack(
        _ writer: Writer, _ target: BaseRelation, _ isDone: Bool
    ) throws(HarmError) {
        let directories: Set = ["base", "base/1"]
        if mutation.isForged || mutation.isStale || base.isKilled || kind == .foreign
            || !mutation.changed.isDisjoint(with: directories)
            || (isDone && concernsStore) || writer == .compact
        {
            return
        }
        let harmed = base.relations.filter { isConcerned($0) }
        if isDone && harmed.contains(where: { $0.name == target.name }) { return }
        for path in mutation.changed {
            if let entry = base.image.entries[path] {
                try StoreImage.replace("\(store)/\(path)", by: entry)
            } else {
                StoreImage.remove("\(store)/\(path)")
            }
        }
        mutation.needsOrdinaryUser = false
        for relation in harmed {
            var versions = relation.versions
            if relation.name == target.name, let rows = rows(after: writer, relation) {
                versions = [rows] + versions
            }
            let (state, outcome) = try scan(relation.name, expecting: versions)
            if state == .right || (state == .earlier && relation.name == target.name) { continue }
            note(
                "\(relation.name) is \(state) once what was harmed is put back, after"
                    + " \(writer.rawValue) with exit code \(isDone ? 0 : 1)", outcome)
        }
    }
}
