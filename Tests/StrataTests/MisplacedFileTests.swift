import StorageTesting
import Strata
import Testing
import Threads

/// Files that stand where the store would put one of its own.
@Suite("Misplaced files") struct MisplacedFileTests {
    static let ownNames = [
        "strata.lock", "strata.clean", "strata.catalog.new", "strata.control.new",
        "strata.journal.kept.new",
    ]

    /// All names, with files of plain and of compressed relations.
    static let cases = ownNames.flatMap { name in
        ["16384", "16384.chunks", "16384.map"].map { (name, $0) }
    }

    private func makeStore(_ manager: String? = nil) throws -> TestStore {
        let store = TestStore()
        try store.with { engine, session in
            try engine.load("m", 20, mark: 1, session, manager: manager)
            try engine.load("m2", 20, mark: 2, session)
        }
        return store
    }

    /// - Parameter isLink: whether the relation's file keeps its own name, too.
    @Test(arguments: cases, [true, false])
    func areNeitherEmptiedNorRemoved(_ test: (place: String, file: String), _ isLink: Bool) throws {
        let name = test.place
        let store = try makeStore(test.file.contains(".") ? "compressed" : nil)
        let (file, place) = ("\(store.path)/base/1/\(test.file)", "\(store.path)/\(name)")
        let bytes = try readFile(file)
        unlink(place)
        #expect((isLink ? link(file, place) : rename(file, place)) == 0)
        for round in 0..<2 {
            do {
                try store.with { engine, session in
                    let told = engine.recovery.actions.map(\.description)
                    #expect(told.contains { $0.contains("\"\(name)\"") }, "\(told)")
                    try engine.dropRelation(named: round == 0 ? "m2" : "m3", session: session)
                    try engine.load("m3", 2, mark: 3, session)
                }
                #expect(name != "strata.lock")
            } catch {
                #expect(name == "strata.lock" && "\(error)".contains(name), "\(error)")
            }
            #expect(try readFile(place) == bytes)
            if isLink { #expect(try readFile(file) == bytes) }
        }
        if isLink { unlink(place) } else { #expect(rename(place, file) == 0) }
        try store.with { engine, session in
            let marks = try engine.relation(named: "m").marks(session)
            #expect(marks.count == 20)
        }
    }

    /// A relation's file in place of the journal's. Writing needs the journal, so it is refused.
    @Test(
        arguments: ["strata.journal.0", "strata.journal.1", "strata.journal.kept"],
        ["16384", "16384.chunks", "16384.map", "16384_fsm"])
    func areNotTakenForAnUnusedJournal(_ name: String, _ file: String) throws {
        let store = try makeStore(file.contains(".") ? "compressed" : nil)
        let (path, place) = ("\(store.path)/base/1/\(file)", "\(store.path)/\(name)")
        // A page of zeroes, as an extension leaves.
        if file.hasSuffix("_fsm") { try writeFile(path, Array(repeating: 0, count: blockSize)) }
        let bytes = try readFile(path)
        #expect(rename(path, place) == 0)
        for isClosed in [true, false] {
            if !isClosed { unlink(store.path + "/strata.clean") }
            let error = expectError(.journalDamaged) { try store.open().close() }
            #expect(error?.location.path == name)
            #expect(try readFile(place) == bytes)
        }
        #expect(rename(place, path) == 0)
        try store.with { engine, session in
            let marks = try engine.relation(named: "m").marks(session)
            #expect(marks.count == 20)
        }
    }

    /// What a crash leaves of a journal that was being made is nothing that matters: zeroes, or a
    /// part of its header, which stands there twice.
    @Test(arguments: [0, 5, 100, 2060, 3584, 4096], [true, false])
    func anUnfinishedJournalIsNoDamage(_ count: Int, _ isZeroes: Bool) throws {
        let store = try makeStore()
        var bytes = Array(repeating: UInt8(0), count: count)
        if !isZeroes && count < 4096 {
            let place = count > 2048 ? 2048 : 0
            for (index, byte) in "STRATAJO".utf8.enumerated() where place + index < count {
                bytes[place + index] = byte
            }
        }
        let path = store.path + "/strata.journal.0"
        try writeFile(path, bytes)
        try store.with { engine, session in
            #expect(engine.recovery.actions.isEmpty)
            let marks = try engine.relation(named: "m").marks(session)
            #expect(marks.count == 20)
        }
        #expect(!names(in: store.path).contains("strata.journal.0"))
    }

    /// A file at the journal's name that appears while the store is open is not written through.
    @Test(arguments: IOMethodMatrix.real)
    func aFileInPlaceOfTheNextJournalStays(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in _ = try engine.load("m", 20, mark: 1, session) }
        let place = store.path + "/strata.journal.0"
        let other = store.path + "/base/1/16384"
        let engine = try store.open()
        let session = try engine.makeSession()
        #expect(link(other, place) == 0)
        let before = try readFile(other)
        try engine.relation(named: "m").page(BlockNumber(1), session: session).fill(2)
        let error = expectError(.fileExists) { try engine.checkpoint(session) }
        #expect(error?.location.path == "strata.journal.0")
        #expect(try readFile(other) == before)
        unlink(place)
        try engine.checkpoint(session)
        #expect(try engine.relation(named: "m").marks(session)[1] == 2)
        #expect(link(other, store.path + "/strata.journal.1") == 0)
        session.close()
        try engine.close()
        #expect(names(in: store.path).contains("strata.journal.1"))
    }

    /// Files at the names of a new relation's that appear while the store is open.
    @Test(
        arguments: ["16386", "16386.1", "16386.chunks", "16386.map", "16386_fsm", "16386_vm.1"],
        ["magnetic", "compressed"])
    func aNewRelationTakesNoFileThatIsThere(_ name: String, _ manager: String) throws {
        let store = try makeStore()
        let path = "\(store.path)/base/1/\(name)"
        let bytes: [UInt8] = [1, 2, 3]
        try store.with { engine, session in
            try writeFile(path, bytes)
            let made = try engine.load("n", 3, mark: 3, session, manager: manager)
            #expect(made.locator.number == 16387)
            let load = try engine.beginLoad(
                LoadTarget(relation: "o", schema: TestStore.schema, managerName: manager),
                session: session)
            load.abort()
            try engine.checkpoint(session)
        }
        #expect(try readFile(path) == bytes)
        try store.with { engine, session in
            #expect(engine.recovery.actions == [.leftAlone(path: "base/1/\(name)")])
        }
        #expect(try readFile(path) == bytes)
    }

    /// An empty store is not removed with it.
    @Test(arguments: [true, false]) func anEmptyStoreWithOneIsNotEmpty(_ isForeign: Bool) throws {
        let store = TestStore()
        try store.open().close()
        let mark = store.path + "/strata.clean"
        let bytes = Array("STRATACD, a relation's file".utf8)
        if isForeign { try writeFile(mark, bytes) }
        #expect(try Engine.removeEmptyStore(FilePath(store.path)) == !isForeign)
        #expect(isDirectory(store.path) == isForeign)
        if isForeign { #expect(try readFile(mark) == bytes) }
    }

    /// What is left of the store's own files is removed.
    @Test func remainsOfTheStoresOwnFilesGo() throws {
        let store = try makeStore()
        let catalog = try readFile(store.path + "/strata.catalog")
        for count in [0, 5, 100, catalog.count] {
            let path = store.path + "/strata.catalog.new"
            try writeFile(path, Array(catalog.prefix(count)))
            let lock = count == 5 ? [0, 0, 0, 0, 0] : Array("4711\n".utf8)
            try writeFile(store.path + "/strata.lock", lock)
            try store.with { engine, _ in #expect(engine.recovery.actions.isEmpty) }
            #expect(!names(in: store.path).contains("strata.catalog.new"))
            #expect(try readFile(store.path + "/strata.lock").isEmpty)
        }
    }

    @Test func aMissingDirectoryOfSharedRelationsIsMadeAnew() throws {
        let store = try makeStore()
        for isClosed in [true, false] {
            if !isClosed { unlink(store.path + "/strata.clean") }
            #expect(rmdir(store.path + "/global") == 0)
            let looking = try store.open { $0.access = .readOnly }
            let session = try looking.makeSession()
            #expect(try looking.relation(named: "m").marks(session).count == 20)
            session.close()
            try looking.close()
            #expect(!isDirectory(store.path + "/global"))
            try store.with { engine, session in
                try engine.load("m", 1, mark: 1, session, mode: .replace)
                try engine.load("m", 19, mark: 1, session, mode: .append)
            }
            #expect(isDirectory(store.path + "/global"))
        }
    }

    /// A sound mark at the other end of a link.
    @Test(arguments: [true, false]) func aMarkThatIsALinkIsReplaced(_ isSymbolic: Bool) throws {
        let store = try makeStore()
        let (mark, other) = (store.path + "/strata.clean", store.path + "/../mark")
        #expect(rename(mark, other) == 0)
        #expect((isSymbolic ? symlink(other, mark) : link(other, mark)) == 0)
        let bytes = try readFile(other)
        for round in 0..<2 {
            try store.with { engine, session in
                #expect(engine.recovery.endedCleanly || round == 0)
                try engine.load("n", 2, mark: 1, session, mode: .replace)
            }
            #expect(try readFile(other) == bytes)
        }
    }

    /// Copies of the store's own files, which begin much as the mark does.
    @Test(arguments: ["strata.catalog", "strata.control", "strata.journal.0"])
    func anotherFileOfTheStoreInPlaceOfTheMarkStays(_ name: String) throws {
        let store = try makeStore()
        let mark = store.path + "/strata.clean"
        let engine = try store.open { $0.tornPageProtection = .doubleWrite }
        let session = try engine.makeSession()
        try engine.relation(named: "m").page(BlockNumber(1), session: session).withEditor {
            editor in
            try editor.fill(1, 1)
        }
        try engine.checkpoint(session)
        let bytes = try readFile("\(store.path)/\(name)")
        #expect(bytes.starts(with: Array("STRATA".utf8)))
        session.close()
        try engine.close()
        try writeFile(mark, bytes)
        for _ in 0..<2 {
            try store.with { engine, _ in
                #expect(engine.recovery.actions == [.leftAlone(path: "strata.clean")])
            }
            #expect(try readFile(mark) == bytes)
        }
    }

    /// No mark, but as long as one.
    @Test(arguments: [1, 30, 60, 61]) func aShortFileThatIsNoMarkStays(_ count: Int) throws {
        let store = try makeStore()
        let path = store.path + "/strata.clean"
        let bytes = Array("Notes on what stands in this folder, and on why it must never go".utf8)
        try writeFile(path, Array(bytes.prefix(count)))
        for _ in 0..<2 {
            try store.with { engine, session in
                #expect(engine.recovery.actions == [.leftAlone(path: "strata.clean")])
                try engine.load("n", 2, mark: 1, session, mode: .replace)
            }
            #expect(try readFile(path) == Array(bytes.prefix(count)))
        }
    }

    /// Reading goes on without the copies that cannot be read, and says so.
    @Test(arguments: IOMethodMatrix.real, [true, false])
    func aJournalThatIsNoneStopsNoReading(_ method: TestedMethod, _ isDirectory: Bool) throws {
        let store = TestStore(method)
        try store.with { engine, session in _ = try engine.load("m", 20, mark: 1, session) }
        let path = store.path + "/strata.journal.0"
        if isDirectory {
            #expect(mkdir(path, 0o700) == 0)
        } else {
            try writeFile(path, Array(repeating: 7, count: 3 * blockSize))
        }
        let before = try snapshot(store.path)
        let engine = try store.open { $0.access = .readOnly }
        let session = try engine.makeSession()
        #expect(try engine.relation(named: "m").marks(session).count == 20)
        let told = engine.recovery.actions.map(\.description)
        #expect(told.contains { $0.contains("strata.journal.0") }, "\(told)")
        var found: [VerificationFinding] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { found.append($0) })
        #expect(found.map(\.path) == ["strata.journal.0"])
        session.close()
        try engine.close()
        #expect(try snapshot(store.path) == before)
        expectError(.journalDamaged) { _ = try store.open() }
        #expect(names(in: store.path).contains("strata.journal.0"))
    }

    /// A name that only begins with a relation's number is no name of its files.
    @Test(arguments: ["magnetic", "compressed"])
    func namesThatNoManagerGivesStay(_ manager: String) throws {
        let store = TestStore()
        func load(_ mode: LoadTarget.Mode, _ engine: Engine, _ session: Session) throws {
            let load = try engine.beginLoad(
                LoadTarget(
                    relation: "m", schema: TestStore.schema, mode: mode, managerName: manager),
                session: session)
            try load.add(9, mark: 1)
            try load.commit()
        }
        try store.with { engine, session in try load(.create, engine, session) }
        let strays = [
            "16384.bak", "16384_old", "16384.chunks.gz", "16384.map.old", "16384.01",
            "16384_fsm.x",
        ].map { "base/1/\($0)" }
        for path in strays { try writeFile("\(store.path)/\(path)", Array(path.utf8)) }
        for mode in [LoadTarget.Mode.append, .replace, .replace] {
            try store.with { engine, session in
                for path in strays {
                    #expect(engine.recovery.actions.contains(.leftAlone(path: path)), "\(path)")
                }
                try load(mode, engine, session)
                try engine.checkpoint(session)
            }
        }
        try store.with { engine, session in
            try engine.dropRelation(named: "m", session: session)
            try engine.checkpoint(session)
            #expect(try engine.removeOrphans(session: session) == [])
        }
        for path in strays {
            #expect(try readFile("\(store.path)/\(path)") == Array(path.utf8), "\(path)")
        }
        #expect(try store.relationFiles().map { "base/1/\($0)" } == strays.sorted())
    }

    /// The removal of a segment that was left alone before is in the log.
    @Test func aRemovedSegmentIsLogged() throws {
        let store = TestStore()
        try store.with { engine, session in _ = try engine.load("m", 8, mark: 1, session) }
        try writeFile(store.path + "/base/1/16384.2", Array(repeating: 7, count: blockSize))
        try store.with { engine, session in
            _ = try engine.load("m", 2, mark: 2, session, mode: .append)
        }
        let entries = store.log.messages.filter { $0.contains("removed \"base/1/16384.2\"") }
        #expect(entries.count == 1, "\(store.log.messages)")
    }

    /// Only regular files are removed as orphans, or named as such.
    @Test func orphansAreRegularFiles() throws {
        let store = try makeStore()
        let directory = store.path + "/base/1/"
        #expect(mkfifo(directory + "20000", 0o600) == 0)
        #expect(symlink(directory + "16384", directory + "20001") == 0)
        #expect(symlink(directory + "none", directory + "20002") == 0)
        #expect(mkdir(directory + "20003", 0o700) == 0)
        try writeFile(directory + "20004", [1])
        try store.with { engine, session in
            let found = try engine.orphans()
            let removed = try engine.removeOrphans(session: session)
            #expect(found == ["base/1/20004"] && removed == found)
        }
        let left = names(in: store.path + "/base/1").filter { $0.hasPrefix("2") }
        #expect(left == ["20000", "20001", "20002", "20003"])
    }
}
