import StorageTesting
import Strata
import Testing
import Threads

/// Further forks by way of relations, and the map of free space among them.
@Suite struct RelationForkTests {
    @Test(arguments: IOMethodMatrix.all, ["magnetic", "compressed", "memory"])
    func anyForkGrows(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            let relation = try engine.load("t", 3, mark: 1, session, manager: manager)
            for fork in [Fork.freeSpaceMap, .visibilityMap, .initialization] {
                #expect(try relation.blockCount(of: fork) == 0)
                var added: UInt32 = 0
                while added < 5 {
                    var pages = try relation.extend(fork: fork, by: 2, session: session)
                    #expect(pages.first.rawValue == added)
                    while let page = pages.next() {
                        #expect(page.withView { $0.isAllZero })
                        try page.fill(UInt8(added))
                        added += 1
                    }
                }
                #expect(try relation.blockCount(of: fork) == added)
                try relation.truncate(fork, to: 3, session: session)
                #expect(try relation.blockCount(of: fork) == 3)
            }
            // The main fork is as it was.
            #expect(relation.rowCount == 3 && relation.blockCount == 3)
            expectError(.misuse) { _ = try relation.extend(by: 0, session: session) }
        }
        if manager == "memory" { return }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(
                engine.description(of: "t")?.furtherForks
                    == [.freeSpaceMap: 3, .visibilityMap: 3, .initialization: 3])
            #expect(try relation.blockCount(of: .visibilityMap) == 3)
            _ = try relation.page(2, fork: .visibilityMap, session: session)
            try engine.dropRelation(named: "t", session: session)
            expectError(.notFound) {
                _ = try relation.extend(fork: .visibilityMap, session: session)
            }
        }
    }

    /// A load of the relation keeps neither its map nor its other forks from growing.
    @Test func growsBesideALoad() throws {
        let store = TestStore()
        try store.with { engine, session in
            let relation = try engine.load("t", 3, mark: 1, session)
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            _ = try relation.extend(fork: .visibilityMap, session: session)
            try relation.recordFreeSpace(100, at: 1, session: session)
            expectError(.relationBusy) { _ = try relation.extend(session: session) }
            try load.add(2, mark: 2)
            try load.commit(rowCount: 2)
            #expect(relation.rowCount == 5)
        }
    }

    /// A further fork that has lost blocks is not taken for a whole one, except a map.
    @Test func lostBlocks() throws {
        let store = TestStore()
        try store.with { engine, session in
            let relation = try engine.load("t", 9, mark: 1, session)
            while try relation.blockCount(of: .visibilityMap) < 6 {
                _ = try relation.extend(fork: .visibilityMap, by: 6, session: session)
            }
            try relation.recordFreeSpace(3000, at: 4, session: session)
        }
        unlink(store.path + "/base/1/16384_fsm")
        unlink(store.path + "/base/1/16384_vm")
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(try relation.findPage(with: 1, session: session) == nil)
            try relation.recordFreeSpace(3000, at: 4, session: session)
            expectError(.relationDamaged) {
                _ = try relation.extend(fork: .visibilityMap, session: session)
            }
            expectError(.relationDamaged) {
                try relation.truncate(.visibilityMap, to: 1, session: session)
            }
            try relation.truncate(.visibilityMap, to: 0, session: session)
            _ = try relation.extend(fork: .visibilityMap, session: session)
            try engine.checkpoint(session)
            var found: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { found.append($0) })
            #expect(found.isEmpty)
        }
    }

    @Test(arguments: IOMethodMatrix.all, ["magnetic", "compressed", "memory"])
    func pagesWithRoomAreFound(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            let relation = try engine.load("t", 12, mark: 1, session, manager: manager)
            #expect(try relation.findPage(with: 1, session: session) == nil)
            try relation.recordFreeSpace(1000, at: 4, session: session)
            try relation.recordFreeSpace(3000, at: 11, session: session)
            try relation.vacuumFreeSpaceMap(session: session)
            #expect(try relation.recordedFreeSpace(at: 4, session: session) == 992)
            #expect(try relation.findPage(with: 2000, session: session) == 11)
            #expect(
                try relation.findPage(with: 500, recording: 0, at: 11, session: session) == 4)
            try relation.recordFreeSpace(3000, at: 11, session: session)
            expectError(.notFound) {
                try relation.recordFreeSpace(1, at: 12, session: session)
            }
            expectError(.misuse) { _ = try relation.findPage(with: 8161, session: session) }
            // The map changes no row count.
            #expect(relation.rowCount == 12)
            let copy = try #require(
                try engine.copyRelation(
                    named: "t", to: LoadTarget(relation: "c", managerName: manager),
                    session: session))
            #expect(try copy.findPage(with: 2000, session: session) == 11)
        }
        if manager == "memory" { return }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(relation.rowCount == 12)
            try relation.vacuumFreeSpaceMap(session: session)
            #expect(try relation.findPage(with: 2000, session: session) == 11)
            try relation.truncate(to: 11, session: session)
            #expect(try relation.findPage(with: 2000, session: session) == nil)
            #expect(try relation.findPage(with: 500, session: session) == 4)
            // The blocks that come have no room before someone says so.
            while relation.blockCount < 12 { _ = try relation.extend(session: session) }
            #expect(try relation.findPage(with: 2000, session: session) == nil)
        }
    }

    /// Blocks that a crash takes away are not found, though the map is younger than it.
    @Test func aCrashLeavesAUsableMap() throws {
        let store = TestStore()
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.load("t", 5, mark: 1, session)
            try relation.recordFreeSpace(64, at: 0, session: session)
            try engine.checkpoint(session)
            while relation.blockCount < 10 { _ = try relation.extend(by: 5, session: session) }
            try relation.recordFreeSpace(8000, at: 9, session: session)
            try relation.vacuumFreeSpaceMap(session: session)
            #expect(try relation.findPage(with: 8000, session: session) == 9)
            try engine.buffers.flushAll(session: session)
            session.close()
        }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(relation.blockCount == 5)
            #expect(try relation.findPage(with: 8000, session: session) == nil)
            #expect(try relation.findPage(with: 64, session: session) == 0)
        }
    }
}

/// What crashes leave of further forks.
@Suite struct ForkRecoveryTests {
    /// A fork that no checkpoint has counted goes, and what is not the store's stays.
    @Test(arguments: ["magnetic", "compressed"]) func newForksGo(_ manager: String) throws {
        let store = TestStore()
        do {
            let engine = try store.open()
            let session = try engine.makeSession()
            let relation = try engine.load("t", 5, mark: 1, session, manager: manager)
            try relation.recordFreeSpace(64, at: 0, session: session)
            try engine.buffers.flushAll(session: session)
            session.close()
        }
        let base = store.path + "/base/1/"
        try writeFile(base + "16384_init", [1, 2, 3])
        // Half of a map file.
        let end = manager == "magnetic" ? "" : ".chunks"
        let bytes = try readFile(base + "16384_fsm" + end)
        #expect(!bytes.isEmpty)
        try writeFile(base + "16384_fsm" + end, Array(bytes.prefix(100)))
        try store.with { engine, session in
            let removed = engine.recovery.actions.compactMap { action in
                if case .removedFile(let path) = action { path } else { nil }
            }
            #expect(removed.contains("base/1/16384_fsm" + end))
            #expect(removed.allSatisfy { $0.hasPrefix("base/1/16384_fsm") })
            #expect(try readFile(base + "16384_init") == [1, 2, 3])
            let relation = try engine.relation(named: "t")
            #expect(try relation.findPage(with: 1, session: session) == nil)
            try relation.recordFreeSpace(64, at: 3, session: session)
            #expect(try relation.recordedFreeSpace(at: 3, session: session) == 64)
        }
    }

    /// A segment behind the reachable end of a fork is removed as that fork grows, and not later:
    /// by then it is the fork's own.
    @Test func severedSegmentsOfAFork() throws {
        let store = TestStore()
        func grow(_ relation: Relation, _ session: Session, to count: UInt32) throws {
            while try relation.blockCount(of: .visibilityMap) < count {
                var pages = try relation.extend(
                    fork: .visibilityMap, by: 4, session: session)
                while let page = pages.next() {
                    #expect(page.withView { $0.isAllZero })
                    try page.fill(7)
                }
            }
        }
        try store.with { engine, session in
            let relation = try engine.load("t", 5, mark: 1, session)
            try grow(relation, session, to: 4)
        }
        // Segments have eight blocks.
        try writeFile(
            store.path + "/base/1/16384_vm.1", [UInt8](repeating: 9, count: 8 * blockSize))
        var count: UInt32 = 0
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            try grow(relation, session, to: 12)
            count = try relation.blockCount(of: .visibilityMap)
            // The main fork is settled now.
            try engine.load("t", 2, mark: 2, session, mode: .append)
        }
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            #expect(try relation.blockCount(of: .visibilityMap) == count)
            for block in 0..<count {
                let page = try relation.page(
                    BlockNumber(block), fork: .visibilityMap, session: session)
                #expect(try page.withView { try $0.mark(block) } == 7)
            }
        }
    }
}
