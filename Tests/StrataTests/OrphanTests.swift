import StorageTesting
import Strata
import Testing
import Threads

/// Files of no relation: opening lists them, keeps them, and does not give out their numbers.
@Suite("Files of no relation") struct OrphanTests {
    private static let strays = [
        "base/1/16380", "base/1/16385", "base/1/16385.1", "base/1/16386.chunks", "base/1/16386.map",
        "base/1/16386.map.new", "base/1/16387_fsm", "base/1/20000", "base/1/4294967295",
        "base/1/t3_16384", "global/16384",
    ]

    @Test func stayHoweverOftenTheStoreIsOpened() throws {
        let store = TestStore()
        try store.with { engine, session in
            for name in ["a", "b", "c"] { try engine.load(name, 2, mark: 1, session) }
            try engine.dropRelation(named: "b", session: session)
            try engine.dropRelation(named: "c", session: session)
        }
        let names = Self.strays + ["base/1/notes.txt"]
        for name in names { try writeFile("\(store.path)/\(name)", Array(name.utf8)) }
        for _ in 0..<3 {
            try store.with { engine, session in
                for name in names {
                    #expect(engine.recovery.actions.contains(.leftAlone(path: name)), "\(name)")
                }
                #expect(!engine.recovery.changesStore)
                let orphans = try engine.orphans()
                #expect(orphans == Self.strays.sorted())
            }
            for name in names {
                #expect(try readFile("\(store.path)/\(name)") == Array(name.utf8), "\(name)")
            }
        }
        // Numbers of existing files are skipped.
        try store.with { engine, session in
            for name in ["d", "e"] {
                let relation = try engine.load(name, 2, mark: 4, session)
                #expect(relation.locator.number == (name == "d" ? 16388 : 16389))
            }
            let marks = try engine.relation(named: "a").marks(session)
            #expect(marks == [1, 1])
        }
        try store.with { engine, session in
            let removed = try engine.removeOrphans(session: session)
            #expect(removed == Self.strays.sorted())
            let rest = try engine.orphans()
            let marks = try engine.relation(named: "d").marks(session)
            #expect(rest == [] && marks == [4, 4])
        }
        try store.with { engine, _ in
            #expect(engine.recovery.actions == [.leftAlone(path: "base/1/notes.txt")])
        }
    }

    /// With an older catalog newer relations are unknown; with the newer catalog they are back.
    @Test(arguments: ["magnetic", "compressed"])
    func ofANewerCatalogThanTheRestoredOne(_ manager: String) throws {
        let store = TestStore()
        func load(_ name: String, _ mark: UInt8, _ engine: Engine, _ session: Session) throws {
            let target = LoadTarget(
                relation: name, schema: TestStore.schema, managerName: manager)
            let load = try engine.beginLoad(target, session: session)
            try load.add(20, mark: mark)
            try load.commit()
        }
        let path = store.path + "/strata.catalog"
        try store.with { engine, session in try load("a", 1, engine, session) }
        let old = try readFile(path)
        try store.with { engine, session in try load("b", 2, engine, session) }
        let new = try readFile(path)
        try writeFile(path, old)
        for round in 0..<3 {
            try store.with { engine, session in
                #expect(!engine.recovery.endedCleanly || round > 0)
                #expect(engine.relations.map(\.name) == ["a"])
                #expect(engine.recovery.actions.contains { "\($0)".contains("base/1/16385") })
            }
        }
        try writeFile(path, new)
        try store.with { engine, session in
            let marks = try engine.relation(named: "b").marks(session)
            #expect(marks == Array(repeating: 2, count: 20))
        }
    }

    /// Until a session has ended, its own files are in use.
    @Test func doNotIncludeThoseOfSessions() throws {
        let store = TestStore()
        let name = try store.with { engine, session in
            let locator = RelationLocator(database: 1, number: 20000, localTo: session.index)
            let manager = try #require(engine.managers.manager(named: "magnetic"))
            let relation = try engine.managers.open(locator, managedBy: manager.id)
            try relation.storage.create(.main, ifMissing: false)
            try relation.storage.create(.freeSpaceMap, ifMissing: false)
            #expect(try engine.orphans() == [])
            engine.managers.close(relation, session: session)
            #expect(try engine.orphans() == [])
            #expect(try engine.removeOrphans(session: session) == [])
            return "\(locator)"
        }
        try store.with { engine, session in
            #expect(engine.recovery.actions.contains(.leftAlone(path: name)))
            #expect(try engine.orphans() == [name, name + "_fsm"])
            let locator = RelationLocator(
                database: 1, number: 20000, localTo: Int(name.dropFirst(8).prefix(1))! - 1)
            let manager = try #require(engine.managers.manager(named: "magnetic"))
            let relation = try engine.managers.open(locator, managedBy: manager.id)
            #expect(try engine.orphans() == [])
            engine.managers.close(relation, session: session)
            var told: [String] = []
            let removed = try engine.removeOrphans(session: session) { path, failure in
                #expect(failure == nil)
                told.append(path)
            }
            #expect(removed == [name, name + "_fsm"] && told == removed)
        }
    }

    /// A power cut that does not keep names in order may leave only later files of an unfinished
    /// load.
    @Test func allFilesOfAnUnfinishedLoadGo() throws {
        let store = TestStore()
        var catalog: [UInt8] = []
        try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "a", schema: TestStore.schema), session: session)
            catalog = try readFile(store.path + "/strata.catalog")
            load.abort()
        }
        try writeFile(store.path + "/strata.catalog", catalog)
        // As a crash leaves it; a closed store has a mark of a later catalog.
        unlink(store.path + "/strata.clean")
        for name in ["16384.2", "16384_fsm.1", "16384.map.new"] {
            try writeFile("\(store.path)/base/1/\(name)", [1])
        }
        try store.with { engine, _ in
            #expect(engine.recovery.actions.count == 1)
            #expect(names(in: store.path + "/base/1") == [])
        }
        try store.with { engine, _ in #expect(engine.recovery.actions.isEmpty) }
    }
}
