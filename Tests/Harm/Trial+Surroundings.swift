import Foundation
import StorageTesting

/// Trials of intact stores in odd surroundings.
extension Trial {
    /// A tree without write permission, read by an ordinary user: all reading commands work.
    mutating func runReadOnly() throws(HarmError) {
        mutation.description = ["nothing may be written"]
        mutation.needsOrdinaryUser = true
        giveAway()
        for (name, entry) in mutation.image.entries {
            let path = StoreImage.bytes("\(store)/\(name)")
            if case .directory = entry { chmod(path, 0o555) } else { chmod(path, 0o444) }
        }
        if random.below(2) == 0 { StoreImage.remove("\(store)/strata.lock") }
        chmod(store, 0o555)
        let states = try read(when: "read-only")
        let verified = try strata(["verify"] + storeOptions)
        if verified.code != 0 { note("verify fails in a read-only tree", verified) }
        for (name, state) in states where state != .right {
            note("\(name) is \(state) in a read-only tree", verified)
        }
        chmod(store, 0o755)
    }

    /// Any command with standard descriptors that are closed or full.
    mutating func runDescriptors() throws(HarmError) {
        let target = base.relations[random.below(base.relations.count)]
        let readers = [
            ["verify"], ["relations"], ["recover", "--dry-run"],
            ["scan", "--relation", target.name],
        ]
        let kinds = UInt64(MutationKind.allCases.count)
        let choice = Int(seed / kinds % UInt64(readers.count + Writer.allCases.count + 1))
        var command = ["--help"]
        if choice < readers.count { command = readers[choice] + storeOptions }
        let isHelp = choice == readers.count + Writer.allCases.count
        if !isHelp && choice >= readers.count {
            let writer = Writer.allCases[choice - readers.count]
            self.writer = writer.rawValue
            command = arguments(of: writer, target) + storeOptions
        }
        // 1 to 26: each of the three open, closed, or full if possible.
        let combination = 1 + random.below(26)
        let states = [combination % 3, combination / 3 % 3, combination / 9]
        let standards: [Standard?] = states.map {
            $0 == 0 ? nil : $0 == 1 ? .closed : .full
        }
        let input: Standard = states[0] == 0 ? .file("/dev/null") : .closed
        mutation.description = ["input, output, errors \(states) (0 open, 1 closed, 2 full)"]
        let before = Snapshot(of: store)
        let lock = ToolRunner.contents("\(store)/strata.lock").count
        let outcome = try strata(
            command, input: input, output: standards[1], errors: standards[2], codes: [0, 1, 64])
        if states[1] != 0 && outcome.code == 0 {
            note("its output is lost, and it succeeds", outcome)
        }
        if choice < readers.count, let difference = before.difference(to: Snapshot(of: store)) {
            note("\(command[0]) changed the store: \(difference)", outcome)
        }
        if ToolRunner.contents("\(store)/strata.lock").count > max(lock, 20) {
            note("its output went into the lock file", outcome)
        }
        for relation in base.relations {
            let isTarget = relation.name == target.name && choice >= readers.count
            var versions = relation.versions
            if isTarget { versions += [replaced(relation), appended(relation), relation.rows] }
            let (state, scanned) = try scan(relation.name, expecting: versions)
            if state == .right || (isTarget && (state == .earlier || state == .gone)) { continue }
            note("\(relation.name) is \(state) afterwards", scanned)
        }
        let verified = try strata(["verify"] + storeOptions)
        if verified.code != 0 { note("verify finds damage afterwards", verified) }
    }

    private func replaced(_ relation: BaseRelation) -> [UInt8] {
        relation.name == "c" ? supplies.oddRows : supplies.rows
    }

    private func appended(_ relation: BaseRelation) -> [UInt8] {
        relation.rows + Supplies.body(replaced(relation))
    }

    /// The lock file is replaced while a load has the store open, and another load starts.
    mutating func runReplacedLock() throws(HarmError) {
        let way = ["removed", "renamed", "another file", "a copy", "untouched"][random.below(5)]
        mutation.description = ["the lock file is \(way) while a load has the store open"]
        let pipe = "\(runner.folder)/pipe"
        StoreImage.remove(pipe)
        guard mkfifo(pipe, 0o600) == 0 else { throw HarmError("mkfifo: errno \(errno)") }
        defer { StoreImage.remove(pipe) }
        let first = ["load", "-", "--relation", "held", "--schema", "n integer"] + storeOptions
        // Open for both, so that no opening waits and the load sees no end before its time.
        var feed = open(pipe, O_RDWR | O_CLOEXEC)
        defer { if feed >= 0 { close(feed) } }
        let child = try runner.start(
            first, input: .file(pipe), output: .file("\(runner.folder)/held.output"),
            errors: .file("\(runner.folder)/held.errors"))
        // The load opens the store once it has looked at the first 64 KiB.
        let early = "n\n" + (1...20_000).map { "\($0)\n" }.joined()
        let header = Array(early.utf8)
        // `F_SETPIPE_SZ`: so that the write does not wait for a load that fails before it reads.
        guard fcntl(feed, 1031, 1 << 20) >= header.count,
            Foundation.write(feed, header, header.count) == header.count
        else { throw HarmError("feeding a pipe: errno \(errno)") }
        let lock = "\(store)/strata.lock"
        if !waitUntilLocked(lock) {
            kill(child, SIGKILL)
            var outcome = runner.wait(for: child, first)
            outcome.errors = ToolRunner.contents("\(runner.folder)/held.errors")
            note("a load that has rows does not open the store", outcome)
            return
        }
        let content = FileImage(bytes: ToolRunner.contents(lock))
        switch way {
        case "removed": unlink(lock)
        case "renamed": rename(lock, lock + ".old")
        case "another file": try StoreImage.replace(lock, by: .file(FileImage(bytes: [])))
        case "a copy": try StoreImage.replace(lock, by: .file(content))
        default: break
        }
        let second = try strata(
            ["load", supplies.file, "--relation", "fresh", "--schema", Rows.schema] + storeOptions)
        let late = (20_001...20_400).map { "\($0)\n" }.joined()
        let rows = Array(late.utf8)
        _ = Foundation.write(feed, rows, rows.count)
        close(feed)
        feed = -1
        var outcome = runner.wait(for: child, first)
        outcome.errors = ToolRunner.contents("\(runner.folder)/held.errors")
        check(outcome)
        for (name, result, rows) in [
            ("fresh", second, supplies.rows),
            ("held", outcome, Array((early + late).utf8)),
        ] where result.code == 0 {
            let (state, scanned) = try scan(name, expecting: [rows])
            if state != .right { note("\(name) was acknowledged, and is \(state)", scanned) }
        }
        for relation in base.relations {
            let (state, scanned) = try scan(relation.name, expecting: relation.versions)
            judge(relation, state, scanned, when: "afterwards")
        }
        let verified = try strata(["verify"] + storeOptions)
        if verified.code != 0 { note("verify finds damage afterwards", verified) }
    }

    /// Waits until a process has the lock. Returns false if that takes long.
    ///
    /// Asks the kernel, since a lock of this process, however short, could refuse the other one.
    private func waitUntilLocked(_ path: String) -> Bool {
        for _ in 0..<20_000 {
            var status = stat()
            if stat(path, &status) == 0, Self.isLocked(status.st_ino) { return true }
            usleep(2000)
        }
        return false
    }

    /// Whether a process has locked the file for itself with `flock`.
    private static func isLocked(_ file: UInt) -> Bool {
        let locks = String(decoding: ToolRunner.contents("/proc/locks"), as: UTF8.self)
        return locks.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 5 && fields[1] == "FLOCK" && fields[3] == "WRITE"
                && fields[5].hasSuffix(":\(file)")
        }
    }

    /// Paths that are empty or not UTF-8.
    mutating func runArguments() throws(HarmError) {
        if random.below(2) == 0 {
            mutation.description = ["--store is empty"]
            let root = FileManager.default.fileExists(atPath: "/strata.lock")
            for command in [["verify"], ["relations"], ["load", supplies.file, "--relation", "x"]] {
                let outcome = try strata(command + ["--store", ""], codes: [1, 64])
                if outcome.code == 0 { note("--store \"\" is taken", outcome) }
                if !root && FileManager.default.fileExists(atPath: "/strata.lock") {
                    note("it made /strata.lock", outcome)
                    unlink("/strata.lock")
                }
            }
            return
        }
        let folder = "\(runner.folder)/names"
        StoreImage.remove(folder)
        mkdir(folder, 0o755)
        defer { StoreImage.remove(folder) }
        let name = "\(folder)/caf\u{FFFD}"
        mutation.description = ["the store's name is not UTF-8"]
        guard rename(store, StoreImage.bytes(name)) == 0 else { return }
        let before = Listing.names(folder)
        for relation in base.relations {
            let outcome = try strata(["scan", "--relation", relation.name, "--store", name])
            if Self.state(of: outcome, relation.versions) != .right {
                note("a store whose name is not UTF-8 is not read", outcome)
            }
        }
        let loaded = try strata(arguments(of: .load, base.relations[0]) + ["--store", name])
        if loaded.code != 0 { note("a store whose name is not UTF-8 is not written", loaded) }
        let after = Listing.names(folder)
        if before.count != after.count { note("it made another directory: \(after)", loaded) }
    }

    /// Escape sequences in names must not reach the terminal.
    mutating func runEscapes() throws(HarmError) {
        let escape = "\u{1b}[31m"
        mutation.description = ["escape sequences in names"]
        let file = "\(runner.folder)/escapes\(escape).csv"
        try? "id,na\(escape)me\n1,x\n".write(toFile: file, atomically: false, encoding: .utf8)
        defer { StoreImage.remove(file) }
        let foreign = "\(store)/base/1/\(escape)red"
        try StoreImage.replace(foreign, by: .file(FileImage(bytes: [1])))
        var commands = [
            ["load", file, "--relation", "x"] + storeOptions,
            ["load", supplies.file, "--relation", "x\(escape)", "--schema", Rows.schema]
                + storeOptions,
            ["load", "nowhere\(escape)", "--relation", "x"] + storeOptions,
            ["scan", "--relation", "x\(escape)"] + storeOptions,
            ["scan", "--relation", "a", "--columns", "x\(escape)"] + storeOptions,
            ["copy", "--from", "a", "--to", "\(escape)"] + storeOptions,
            ["drop", "--relation", "\(escape)"] + storeOptions,
            ["compact", "--relation", "\(escape)"] + storeOptions,
            ["relations", "--store", "nowhere\(escape)"], ["verify", "--store", "\(escape)"],
            ["load", supplies.file, "--relation", "y", "--schema", "id\(escape) bigint"]
                + storeOptions,
            ["\(escape)"], ["scan", "--\(escape)"], ["scan", "--format", "\(escape)"],
        ]
        commands.append(["relations"] + storeOptions)
        commands.append(["recover"] + storeOptions)
        for command in commands { _ = try strata(command, codes: [0, 1, 64]) }
        _ = try read(when: "beside escape sequences")
    }
}
