import StorageTesting
import Strata
import Testing
import Threads

/// Anything in the place of one relation's file concerns that relation alone.
@Suite("A bad name in a store") struct BadNameTests {
    enum Kind: String, CaseIterable {
        case directory, loop, pipe, unreadable, missing, empty
    }

    private static func place(_ kind: Kind, at path: String) throws {
        #expect(rename(path, path.replacing("/base/1/", with: "/saved-")) == 0)
        switch kind {
        case .directory: #expect(mkdir(path, 0o700) == 0)
        case .loop: #expect(symlink(path, path) == 0)
        case .pipe: #expect(mkfifo(path, 0o600) == 0)
        case .unreadable: #expect(link(path.replacing("/base/1/", with: "/saved-"), path) == 0)
        case .missing: break
        case .empty: try writeFile(path, [])
        }
    }

    private static func putBack(_ kind: Kind, at path: String) {
        if kind == .directory { rmdir(path) } else { unlink(path) }
        #expect(rename(path.replacing("/base/1/", with: "/saved-"), path) == 0)
    }

    private func file(_ engine: Engine, _ name: String) -> String {
        let manager = engine.description(of: name)!.managerName
        let stem = "\(engine.directory)/\(engine.description(of: name)!.locator)"
        return manager == "compressed" ? stem + ".chunks" : stem
    }

    /// A compressed relation is read without its map, but its changes could not be recorded.
    @Test func aDirectoryInTheMapsPlaceStopsNoDrop() throws {
        let store = TestStore()
        var map = ""
        try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "a", schema: TestStore.schema, managerName: "compressed"),
                session: session)
            try load.add(20, mark: 1)
            map = "\(engine.directory)/\(try load.commit(rowCount: 20).locator).map"
        }
        unlink(map)
        #expect(mkdir(map, 0o700) == 0)
        try store.with { engine, session in
            #expect(try engine.relation(named: "a").marks(session).count == 20)
            expectError(.damagedMap) { try engine.load("a", 1, mark: 2, session, mode: .append) }
            try engine.dropRelation(named: "a", session: session)
            try engine.checkpoint(session)
        }
        try store.with { engine, session in
            #expect(engine.relations.isEmpty && isDirectory(map))
            try engine.load("a", 2, mark: 3, session)
        }
    }

    /// What a command writes to one relation never reaches another's file through a link.
    @Test(arguments: IOMethodMatrix.all, ["magnetic", "compressed"])
    func nothingIsWrittenThroughALink(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        var files = (a: "", b: "")
        try store.with { engine, session in
            for (name, mark) in [("a", UInt8(1)), ("b", 2)] {
                let load = try engine.beginLoad(
                    LoadTarget(relation: name, schema: TestStore.schema, managerName: manager),
                    session: session)
                try load.add(20, mark: mark)
                try load.commit(rowCount: 20)
            }
            files = (file(engine, "a"), file(engine, "b"))
        }
        let before = try readFile(files.b)
        unlink(files.a)
        #expect(symlink(files.b, files.a) == 0)
        try store.with { engine, session in
            do {
                try engine.load("a", 5, mark: 3, session, mode: .append)
                Issue.record("an append through a link succeeded")
            } catch {
                #expect("\(error)".contains("link"), "\(error)")
            }
            try engine.checkpoint(session)
            let marks = try engine.relation(named: "b").marks(session)
            #expect(marks == Array(repeating: 2, count: 20))
            try engine.load("a", 2, mark: 4, session, mode: .replace)
            #expect(try engine.relation(named: "a").marks(session) == [4, 4])
        }
        #expect(try readFile(files.b) == before)
    }

    /// - Parameter closing: whether the store was closed before.
    @Test(arguments: Kind.allCases, ["magnetic", "compressed"])
    func refusesThatRelationAlone(_ kind: Kind, _ manager: String) throws {
        for closing in [true, false] {
            let store = TestStore()
            var path = ""
            try store.with { engine, session in
                for (name, mark) in [("a", UInt8(1)), ("b", 2)] {
                    let load = try engine.beginLoad(
                        LoadTarget(
                            relation: name, schema: TestStore.schema, managerName: manager),
                        session: session)
                    try load.add(20, mark: mark)
                    try load.commit(rowCount: 20)
                }
                path = file(engine, "a")
            }
            if !closing { unlink(store.path + "/strata.clean") }
            try Self.place(kind, at: path)
            if kind == .unreadable {
                try whileUnreadable(path) { try expectRefusal(store, kind) }
            } else {
                try expectRefusal(store, kind)
            }
            Self.putBack(kind, at: path)
            try store.with { engine, session in
                let marks = try engine.relation(named: "a").marks(session)
                #expect(marks.count == 20)
            }
            try Self.place(kind == .unreadable ? .loop : kind, at: path)
            try store.with { engine, session in
                if closing {
                    try engine.dropRelation(named: "a", session: session)
                } else {
                    try engine.load("a", 3, mark: 5, session, mode: .replace)
                    #expect(try engine.relation(named: "a").marks(session) == [5, 5, 5])
                }
            }
            try store.with { engine, session in
                let marks = try engine.relation(named: "b").marks(session)
                #expect(marks.count == 20)
            }
        }
    }

    private func expectRefusal(_ store: TestStore, _ kind: Kind) throws {
        for access: EngineOptions.Access in [.readOnly, .readWrite] {
            let engine = try store.open { $0.access = access }
            let session = try engine.makeSession()
            #expect(throws: StorageError.self, "\(kind)") {
                try engine.relation(named: "a").marks(session)
            }
            do { _ = try engine.relation(named: "a").marks(session) } catch {
                let text = "\(error)"
                #expect(text.contains("\"a\"") || text.contains("16384"), "\(text)")
            }
            #expect(
                try engine.relation(named: "b").marks(session) == Array(repeating: 2, count: 20))
            var found: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { found.append($0) })
            #expect(!found.isEmpty && found.allSatisfy { $0.relation == "a" }, "\(kind) \(found)")
            session.close()
            try engine.close()
        }
    }

    /// Runs `body` as a user who may not read the file.
    private func whileUnreadable(_ path: String, _ body: () throws -> Void) throws {
        #if canImport(Glibc)
            typealias Function = @convention(c) (UInt32) -> CInt
            if geteuid() == 0 {
                guard let symbol = unsafe dlsym(nil, "setfsuid") else {
                    Issue.record("the C library has no setfsuid")
                    return
                }
                let setfsuid = unsafe unsafeBitCast(symbol, to: Function.self)
                let store = String(path.prefix(upTo: path.firstRange(of: "/base/1/")!.lowerBound))
                func own(_ directory: String, _ user: uid_t) {
                    chown(directory, user, .max)
                    for name in names(in: directory) {
                        let one = "\(directory)/\(name)"
                        if one == path { continue }
                        if isDirectory(one) { own(one, user) } else { chown(one, user, .max) }
                    }
                }
                chmod(store + "/..", 0o755)
                own(store, 65534)
                chmod(path, 0)
                _ = setfsuid(65534)
                defer {
                    _ = setfsuid(0)
                    chmod(path, 0o600)
                    own(store, 0)
                }
                return try body()
            }
        #endif
        chmod(path, 0)
        defer { chmod(path, 0o600) }
        try body()
    }

    /// Copies of its pages are kept until they can be put in place.
    @Test(arguments: [Kind.directory, .loop, .missing, .empty])
    func keepsTheCopiesOfItsPages(_ kind: Kind) throws {
        let store = TestStore()
        try ReadOnlyTests.leave(store)
        let path = store.path + "/base/1/16384"
        try Self.place(kind, at: path)
        for round in 0..<3 {
            try store.with { engine, session in
                let journal = engine.recovery.actions.compactMap { action in
                    if case .replayedJournal(let journal) = action { journal } else { nil }
                }
                #expect(journal.first?.kept == 3, "round \(round)")
                expectError(.relationDamaged) { _ = try engine.relation(named: "a") }
                try engine.load("other\(round)", 5, mark: 9, session)
            }
            #expect(names(in: store.path).contains("strata.journal.kept"))
        }
        let looking = try store.open { $0.access = .readOnly }
        #expect(!looking.needsRecovery)
        try looking.close()
        Self.putBack(kind, at: path)
        try store.with { engine, session in
            let marks = try engine.relation(named: "a").marks(session)
            #expect(marks == (0..<20).map { (3..<6).contains($0) ? 2 : 1 })
            let report = try engine.verify(session: session)
            #expect(report.findings == 0)
        }
        #expect(!names(in: store.path).contains("strata.journal.kept"))
        try store.with { engine, _ in #expect(engine.recovery.actions.isEmpty) }
    }

    /// A dropped relation needs no copies.
    @Test func copiesGoWithTheirRelation() throws {
        let store = TestStore()
        try ReadOnlyTests.leave(store)
        try Self.place(.missing, at: store.path + "/base/1/16384")
        try store.with { engine, session in
            #expect(names(in: store.path).contains("strata.journal.kept"))
            try engine.dropRelation(named: "a", session: session)
        }
        try store.with { _, _ in }
        #expect(!names(in: store.path).contains("strata.journal.kept"))
    }

    /// Directories in the place of temporary files, which opening removes after a crash.
    @Test func temporaryFilesThatAreDirectories() throws {
        let store = TestStore()
        try store.with { engine, session in _ = try engine.load("a", 3, mark: 1, session) }
        #expect(mkdir(store.path + "/strata.catalog.new", 0o700) == 0)
        #expect(mkdir(store.path + "/strata.control.new", 0o700) == 0)
        try store.with { engine, session in
            let marks = try engine.relation(named: "a").marks(session)
            #expect(marks == [1, 1, 1])
            #expect(engine.recovery.actions.count == 2)
            try engine.load("b", 1, mark: 1, session)
        }
        for name in ["strata.catalog.new", "strata.control.new"] {
            #expect(rmdir("\(store.path)/\(name)") == 0)
        }
        try store.with { engine, session in
            let marks = try engine.relation(named: "b").marks(session)
            #expect(marks == [1])
        }
    }
}
