import Foundation
import Strata

/// Makes the base stores, with the tool under test where possible.
struct BaseMaker {
    let runner: ToolRunner
    let folder: String
    /// The number of rows that one "unit" of a store has.
    private var steps = 0
    private var versions: [String: Int] = [:]
    private let root: String
    private let fileManager = FileManager.default

    private var store: String { "\(root)/store" }

    init(_ name: String, runner: ToolRunner, folder: String) throws {
        self.runner = runner
        self.folder = folder
        root = "\(folder)/\(name)"
        StoreImage.remove(root)
        for part in ["earlier", "rows"] {
            try fileManager.createDirectory(
                atPath: "\(root)/\(part)", withIntermediateDirectories: true)
        }
    }

    /// Makes everything that is missing in a folder.
    static func make(in folder: String, runner: ToolRunner, withLarge: Bool) throws {
        let isThere = { (name: String) in
            FileManager.default.fileExists(atPath: "\(folder)/\(name)/relations")
        }
        if !isThere("closed") {
            var maker = try BaseMaker("closed", runner: runner, folder: folder)
            try maker.makeClosed()
        }
        if !isThere("killed") {
            var maker = try BaseMaker("killed", runner: runner, folder: folder)
            try maker.makeKilled()
        }
        if withLarge && !isThere("large") {
            var maker = try BaseMaker("large", runner: runner, folder: folder)
            try maker.makeLarge()
        }
    }

    private func strata(_ arguments: [String]) throws -> ToolOutcome {
        let outcome = try runner.run(arguments + ["--store", store])
        guard outcome.code == 0 else {
            throw HarmError("\(outcome.commandLine) failed: \(outcome.lastWords)")
        }
        return outcome
    }

    private mutating func load(_ relation: String, _ csv: String, _ more: [String]) throws {
        let file = "\(runner.folder)/rows.csv"
        try csv.write(toFile: file, atomically: false, encoding: .utf8)
        _ = try strata(["load", file, "--relation", relation] + more)
        try keep(relation)
    }

    /// Records a relation's present rows, and the whole store.
    private mutating func keep(_ relation: String?) throws {
        if let relation {
            let rows = try strata(["scan", "--relation", relation]).output
            let version = versions[relation, default: 0]
            versions[relation] = version + 1
            try Data(rows).write(to: URL(filePath: "\(root)/rows/\(relation).\(version)"))
        }
        try StoreImage(reading: store).write(to: "\(root)/earlier/\(steps)")
        steps += 1
    }

    private func list(_ names: [String], touched: Set<String>, of store: String) throws {
        var options = EngineOptions()
        options.ioMethod = .synchronous
        options.access = .readOnly
        let engine = try Engine.open(store, options: options)
        var text = ""
        for name in names {
            guard let found = engine.description(of: name) else {
                throw HarmError("there is no \(name)")
            }
            let state = touched.contains(name) ? "touched" : "loaded"
            text += "\(name) \(found.locator.number) \(found.managerName) \(state)\n"
        }
        try engine.close()
        try text.write(toFile: "\(root)/relations", atomically: false, encoding: .utf8)
    }

    private static func options(creating: Bool) -> EngineOptions {
        var options = EngineOptions()
        options.ioMethod = .synchronous
        options.backgroundWriter = nil
        // Small segments and a small pool, so that changed pages are written soon.
        options.createdSegmentBlocks = 4
        options.poolBytes = 24 * 8192
        options.maximumSessions = 4
        options.creation = creating ? .ifMissing : .never
        return options
    }

    private mutating func makeClosed() throws {
        try Engine.open(store, options: Self.options(creating: true)).close()
        let schema = ["--schema", Rows.schema]
        let compressed = ["--manager", "compressed", "--chunk"]
        try load("a", Rows.csv(0..<700), schema)
        try load("b", Rows.csv(0..<900, salt: 5), schema + compressed + ["16k"])
        try load("c", Rows.oddCSV(0..<60), ["--schema", Rows.oddSchema])
        try load("a", Rows.csv(700..<1000), ["--append"])
        try load("d", Rows.csv(0..<1200, salt: 9), schema + compressed + ["64k"])
        try load("b", Rows.csv(900..<1100, salt: 5), ["--append"])
        try load("gone", Rows.csv(0..<50), schema)
        _ = try strata(["drop", "--relation", "gone"])
        try fileManager.removeItem(atPath: "\(root)/rows/gone.0")
        try touch()
        try keep(nil)
        try list(["a", "b", "c", "d"], touched: ["d"], of: store)
    }

    /// Changes pages of a compressed relation, so that its map has several records, and gives
    /// relations further forks.
    private func touch() throws {
        let engine = try Engine.open(store, options: Self.options(creating: false))
        let session = try engine.makeSession()
        for step in 1...3 {
            try Changes.touch("d", of: engine, session, every: step + 1)
            try engine.checkpoint(session)
        }
        for (name, fork, pages) in [
            ("a", Fork.freeSpaceMap, 3), ("a", .visibilityMap, 6), ("c", .initialization, 1),
            ("d", .freeSpaceMap, 3), ("d", .visibilityMap, 1),
        ] {
            try Changes.addFork(fork, pages, to: name, of: engine, session)
        }
        try engine.checkpoint(session)
        session.close()
        try engine.close()
    }

    private mutating func makeKilled() throws {
        let closed = try Base("closed", in: folder)
        try closed.image.write(to: store)
        let child = ToolRunner(
            tool: CommandLine.arguments[0], folder: runner.folder, limitSeconds: 120)
        let outcome = try child.run(["die", store])
        guard outcome.signal == SIGKILL else {
            throw HarmError("the store was not left in mid-work: \(outcome.lastWords)")
        }
        for relation in closed.relations {
            for (version, rows) in relation.versions.enumerated() {
                try Data(rows).write(
                    to: URL(filePath: "\(root)/rows/\(relation.name).\(version)"))
            }
        }
        for (step, image) in closed.earlier.enumerated() {
            try image.write(to: "\(root)/earlier/\(step)")
        }
        try list(closed.relations.map(\.name), touched: ["a", "d"], of: "\(folder)/closed/store")
    }

    private mutating func makeLarge() throws {
        let schema = ["--schema", Rows.schema]
        try load("a", Rows.csv(0..<48_000), schema)
        try load("b", Rows.csv(0..<90_000, salt: 3), schema + ["--manager", "compressed"])
        try load("c", Rows.oddCSV(0..<60), ["--schema", Rows.oddSchema])
        try list(["a", "b", "c"], touched: [], of: store)
    }
}

/// Changes to a store that no command makes.
enum Changes {
    /// Marks pages as changed without changing a row.
    static func touch(
        _ name: String, of engine: Engine, _ session: Session, every step: Int
    ) throws {
        let relation = try engine.relation(named: name)
        for block in stride(from: UInt32(0), to: relation.blockCount, by: step) {
            let page = try relation.page(BlockNumber(block), session: session)
            page.withEditor { _ in }
        }
    }

    /// Gives a relation another fork, of pages that contain its name.
    static func addFork(
        _ fork: Fork, _ count: Int, to name: String, of engine: Engine, _ session: Session
    ) throws {
        let relation = try engine.relation(named: name).open
        try relation.storage.create(fork, ifMissing: false)
        for number in 0..<count {
            var pages = try engine.buffers.extend(relation, fork: fork, session: session)
            guard let page = pages.next() else { throw HarmError("\(name) did not grow") }
            let bytes = Array("\(name), fork \(fork.name), page \(number)".utf8)
            try page.withEditor { editor in
                editor.initialize()
                _ = try editor.addItem(bytes.span.bytes)
            }
        }
    }

    /// Leaves a store during work: with journals, a dropped relation, a relation in memory, and a
    /// load and an append that never end.
    static func die(_ store: String) throws {
        var options = EngineOptions()
        options.ioMethod = .synchronous
        options.backgroundWriter = nil
        options.poolBytes = 40 * 8192
        options.journalBytes = 256 << 10
        options.maximumSessions = 4
        let engine = try Engine.open(store, options: options)
        let session = try engine.makeSession()
        let schema = try Schema(parsing: "n bigint")
        for (name, manager) in [
            ("dropped", "magnetic"), ("squeezed", "compressed"), ("m", "memory"),
        ] {
            let load = try engine.beginLoad(
                LoadTarget(relation: name, schema: schema, managerName: manager), session: session)
            for _ in 0..<9 { try fill(load) }
            _ = try load.commit(rowCount: 0)
        }
        try touch("a", of: engine, session, every: 1)
        try touch("d", of: engine, session, every: 2)
        try engine.checkpoint(session)
        try engine.dropRelation(named: "dropped", session: session)
        try engine.dropRelation(named: "squeezed", session: session)
        let append = try engine.beginLoad(
            LoadTarget(relation: "c", mode: .append), session: session)
        let load = try engine.beginLoad(
            LoadTarget(relation: "unfinished", schema: schema, managerName: "compressed"),
            session: session)
        for _ in 0..<30 {
            try fill(append)
            try fill(load)
        }
        // Pages of the first are written; the last ones are in memory only.
        try touch("a", of: engine, session, every: 1)
        try touch("d", of: engine, session, every: 1)
        kill(getpid(), SIGKILL)
    }

    private static func fill(_ load: PendingLoad) throws {
        let page = try load.nextPage()
        page.withEditor { $0.initialize() }
    }
}
