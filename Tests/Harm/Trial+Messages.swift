import Foundation
import StorageTesting

/// Trials of the tool's messages: they name the damage and the reason.
extension Trial {
    /// The kinds of misleading messages.
    mutating func runMessages() throws(HarmError) {
        let kinds = UInt64(MutationKind.allCases.count)
        switch seed / kinds % 7 {
        case 0: try runLinkedLock()
        case 1: try runFileSizeLimit()
        case 2: try runSettings()
        case 3: try runLongSegment()
        case 4: try runRejects()
        case 5: try runWrongKind()
        default: try runLostParts()
        }
    }

    /// Words that all of them contain, in lower case.
    private func said(_ outcome: ToolOutcome) -> String {
        String(decoding: outcome.errors, as: UTF8.self).lowercased()
    }

    /// Expects an error that contains some words, and none of others.
    private mutating func expect(
        _ outcome: ToolOutcome, _ words: [String], without others: [String] = []
    ) {
        let said = said(outcome)
        if outcome.code == 0 { return note("it succeeds", outcome) }
        for word in words where !said.contains(word) { note("it does not say \(word)", outcome) }
        for word in others where said.contains(word) { note("it says \(word)", outcome) }
    }

    private func relation(of manager: String) -> BaseRelation {
        base.relations.first { $0.manager == manager }!
    }

    private mutating func runLinkedLock() throws(HarmError) {
        mutation.description = ["the lock file is a link"]
        mutation.changed = ["strata.lock"]
        let target = ["\(runner.folder)/lock", "strata.lock", "nowhere"][random.below(3)]
        StoreImage.remove("\(runner.folder)/lock")
        try StoreImage.replace("\(runner.folder)/lock", by: .file(FileImage(bytes: [])))
        try StoreImage.replace("\(store)/strata.lock", by: .link(to: target))
        for command in [["verify"], ["relations"], ["recover"]] {
            let outcome = try strata(command + storeOptions)
            expect(outcome, ["strata.lock", "symbolic link"], without: ["cycle"])
        }
    }

    /// A limit on the size of files is not a full disk.
    private mutating func runFileSizeLimit() throws(HarmError) {
        // What it says goes to a file as well.
        let blocks = [4, 5, 8, 12, 16, 24, 32][random.below(7)]
        let writer: Writer = [.load, .append, .replace, .copy][random.below(4)]
        let target = base.relations[random.below(base.relations.count)]
        mutation.description = ["files have at most \(blocks) KiB, \(writer.rawValue)"]
        self.writer = writer.rawValue
        let limited = ToolRunner(
            tool: "/bin/sh", folder: runner.folder, limitSeconds: runner.limitSeconds)
        var outcome = try limited.run(
            ["-c", "ulimit -f \(blocks * 2); exec \"$0\" \"$@\"", runner.tool]
                + arguments(of: writer, target) + storeOptions)
        outcome.arguments.removeFirst(3)
        check(outcome)
        let words = said(outcome)
        // Its output may be larger than the limit.
        if outcome.code == 0 || words.contains("standard output") { return }
        if words.contains("no space left") { note("it says that the disk is full", outcome) }
        for word in ["ulimit -f"] where !words.contains(word) {
            note("it does not say \(word)", outcome)
        }
        for relation in base.relations where relation.name != target.name {
            let (state, scanned) = try scan(relation.name, expecting: relation.versions)
            judge(relation, state, scanned, when: "afterwards")
        }
    }

    /// Impossible settings are named as the tool names them.
    private mutating func runSettings() throws(HarmError) {
        let size = ["4TB", "9000g", "100000TB", "8191PB", "127kB", "0"][random.below(6)]
        mutation.description = ["--buffers \(size)"]
        let commands = [
            ["verify"], ["relations"], ["recover"], ["compact"],
            ["scan", "--relation", base.relations[0].name],
        ]
        let command = commands[random.below(commands.count)]
        let outcome = try strata(
            command + storeOptions + ["--buffers", size], codes: [1, 64])
        expect(outcome, ["--buffers"], without: ["number of buffers", "poolbytes"])
    }

    /// A file that something else has lengthened does not mean another segment size.
    private mutating func runLongSegment() throws(HarmError) {
        let relation = relation(of: "magnetic")
        let path = "base/1/\(relation.number)"
        mutation.description = ["\(path) is longer than a segment"]
        mutation.changed = [path]
        guard case .file(var file) = mutation.image.entries[path] else { return }
        file.hole = Int64(1 + random.below(4000)) << 30
        try StoreImage.replace("\(store)/\(path)", by: .file(file))
        for command in [["verify"], ["scan", "--relation", relation.name]] {
            let outcome = try strata(command + storeOptions)
            expect(outcome, [path], without: ["segment size"])
        }
    }

    /// Impossible files for rejects are refused before there is a store to load into.
    private mutating func runRejects() throws(HarmError) {
        let fresh = "\(runner.folder)/fresh"
        StoreImage.remove(fresh)
        defer { StoreImage.remove(fresh) }
        let rejects = [
            supplies.file, "\(fresh)/rejects", "\(runner.folder)/none/rejects", runner.folder,
        ][random.below(4)]
        mutation.description = ["--rejects \(rejects)"]
        let outcome = try strata(
            [
                "load", supplies.oddFile, "--relation", "x", "--store", fresh, "--schema",
                Rows.oddSchema, "--on-error", "skip", "--rejects", rejects,
            ], codes: [1, 64])
        if outcome.code == 0 { note("the rejects are taken", outcome) }
        if FileManager.default.fileExists(atPath: fresh) {
            note("there is a store before the rejects were refused", outcome)
        }
    }

    /// If something other than a file is in a file's place, the message names it and the reason.
    private mutating func runWrongKind() throws(HarmError) {
        let relation = base.relations[random.below(base.relations.count)]
        let suffix = relation.manager == "compressed" ? ".chunks" : ""
        let path = "base/1/\(relation.number)\(suffix)"
        mutation.changed = [path]
        mutation.description = ["\(path) is a directory"]
        try StoreImage.replace("\(store)/\(path)", by: .directory(mode: 0o755))
        for command in [
            ["verify"], ["relations"], ["scan", "--relation", relation.name],
            ["copy", "--from", relation.name, "--to", "twin"],
        ] {
            expect(try strata(command + storeOptions), ["\(relation.number)", "directory"])
        }
    }

    /// All reading commands name a relation that has lost chunks.
    private mutating func runLostParts() throws(HarmError) {
        let relation = relation(of: "compressed")
        let path = "base/1/\(relation.number).chunks"
        mutation.changed = [path]
        guard let size = mutation.image.file(path)?.bytes.count, size > 8192 else { return }
        let length = 4096 + random.below((size - 4096) / 4096) * 4096
        mutation.description = ["\(path) is cut from \(size) to \(length) bytes"]
        mutation.image.edit(path) { $0.removeSubrange(length...) }
        try StoreImage.replace("\(store)/\(path)", by: mutation.image.entries[path]!)
        _ = try read(when: "with lost chunks")
        for command in [["relations"], ["verify"], ["copy", "--from", relation.name, "--to", "x"]] {
            expect(try strata(command + storeOptions), ["\(relation.number)", "lost"])
        }
    }
}

/// What must hold for every message of the tool.
extension Trial {
    /// Looks for advice that the tool's users cannot follow.
    mutating func checkWords(_ outcome: ToolOutcome) {
        let said = String(decoding: outcome.errors, as: UTF8.self)
        for word in ["Options.", "Configuration."] where said.contains(word) {
            note("it names a setting of the library's", outcome)
        }
        for word in ["Cannot allocate memory", "could not map"] where said.contains(word) {
            if !outcome.arguments.contains("--buffers") {
                note("it needs more than 3 GiB of addresses", outcome)
            }
        }
    }

    /// Whether the messages name a relation or one of the damaged files.
    func namesHarm(_ outcome: ToolOutcome, _ relation: BaseRelation) -> Bool {
        let said = String(decoding: outcome.errors, as: UTF8.self)
        if said.contains("\"\(relation.name)\"") || said.contains("base/1/\(relation.number)") {
            return true
        }
        return mutation.changed.contains { said.contains($0) }
            || (concernsStore && said.contains("store"))
    }
}
