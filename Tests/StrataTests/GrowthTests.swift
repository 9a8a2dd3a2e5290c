import FileAccess
import StorageTesting
import Testing
import Threads

@testable import Strata

/// What an operation does must not depend on what else is in the store. Calls of the file system
/// are counted, since times depend on the machine.
@Suite struct GrowthTests {
    let files = CountedFiles()

    private func with(
        _ store: TestStore, _ count: Int, _ body: (Engine, Session) throws -> Void
    ) throws {
        // A file system of the test's own makes no store's directory.
        try store.with { _, _ in }
        let engine = try store.open {
            $0.fileSystem = files
            $0.poolBytes = 512 * blockSize
        }
        let session = try engine.makeSession()
        let loads = try engine.beginLoads(
            (0..<count).map { LoadTarget(relation: "r\($0)", schema: TestStore.schema) },
            session: session)
        for load in loads { try load.add(1, mark: 1) }
        try engine.commit(loads, rowCounts: loads.map { _ in 1 })
        try body(engine, session)
        session.close()
        try engine.close()
    }

    private func calls(_ body: () throws -> Void) rethrows -> [String: Int] {
        let before = files.counts
        try body()
        return files.counts.merging(before) { $0 - $1 }.filter { $0.value != 0 }
    }

    @Test func aDropCostsNoMoreAfterOthers() throws {
        try with(TestStore(), 60) { engine, session in
            var costs: [[String: Int]] = []
            for index in 0..<50 {
                costs.append(
                    try calls { try engine.dropRelation(named: "r\(index)", session: session) })
            }
            #expect(costs[49] == costs[1])
            let load = try calls { try engine.load("another", 1, mark: 2, session) }
            let later = try calls { try engine.load("a third", 1, mark: 2, session) }
            #expect(load == later)
            #expect(load["truncate", default: 0] <= 1)
        }
    }

    @Test func anIdleCheckpointLooksAtNoRelation() throws {
        var costs: [[String: Int]] = []
        for count in [2, 40] {
            try with(TestStore(), count) { engine, session in
                for relation in engine.relations {
                    _ = try engine.relation(named: relation.name).marks(session)
                }
                try engine.checkpoint(session)
                costs.append(try calls { try engine.checkpoint(session) })
            }
        }
        #expect(costs[0] == costs[1])
    }

    @Test func manySpacesCostACallEach() throws {
        let store = TestStore()
        try with(store, 40) { engine, session in
            try engine.load("two", 2, mark: 1, session)
            try engine.createRelation(
                LoadTarget(relation: "packed", managerName: "compressed"), session: session)
            let short = try #require(engine.description(of: "r7"))
            #expect(truncate(store.path + "/\(short.locator)", 100) == 0)
            let mapped = try #require(engine.description(of: "r8"))
            try writeFile(store.path + "/\(mapped.locator)_fsm", [])
            let relations = engine.relations
            var spaces: [RelationSpace?] = []
            let cost = try calls { spaces = try engine.spaces(of: relations) }
            #expect(cost["status of path", default: 0] <= relations.count + 10)
            #expect(cost["open", default: 0] <= 2)
            let odd: Set = ["r7", "r8", "packed"]
            for (relation, space) in zip(relations, spaces) {
                if odd.contains(relation.name) {
                    #expect(space == nil)
                } else {
                    let one = try engine.space(ofRelation: relation.name)
                    #expect(space == one)
                }
            }
        }
    }

    @Test func verifyingIsLinear() throws {
        var costs: [[String: Int]] = []
        for count in [10, 20, 40] {
            try with(TestStore(), count) { engine, session in
                try engine.checkpoint(session)
                costs.append(
                    try calls {
                        let report = try engine.verify(session: session)
                        #expect(report.findings == 0)
                    })
            }
        }
        #expect(costs[0]["list"] == costs[2]["list"])
        for (call, count) in costs[2] {
            let (few, more) = (costs[0][call, default: 0], costs[1][call, default: 0])
            #expect(count - more == 2 * (more - few), "\(call)")
        }
    }

    // MARK: What a checkpoint looks at

    /// The sizes of forks are recorded whenever they can have changed: by a relation that is held,
    /// by one that was let go, and after a checkpoint that failed.
    @Test(arguments: [true, false], [true, false])
    func aForkIsNoticed(_ isHeld: Bool, _ fails: Bool) throws {
        try with(TestStore(), 3) { engine, session in
            try engine.checkpoint(session)
            var held: Relation? = try engine.relation(named: "r1")
            try engine.checkpoint(session)
            if !isHeld { held = nil }
            do {
                let relation = try held ?? engine.relation(named: "r1")
                try relation.open.storage.create(.visibilityMap, ifMissing: false)
                for _ in 0..<2 {
                    _ = try engine.buffers.extend(
                        relation.open, fork: .visibilityMap, session: session)
                }
            }
            if fails { _ = try engine.beginCheckpoint(session) }
            #expect(engine.description(of: "r1")?.blockCount(of: .visibilityMap) == nil)
            try engine.checkpoint(session)
            #expect(engine.description(of: "r1")?.blockCount(of: .visibilityMap) == 2)
            withExtendedLifetime(held) {}
        }
    }

    /// A relation that grows during a checkpoint is looked at by the next.
    @Test func growthDuringACheckpointIsNoticedByTheNext() throws {
        let store = TestStore()
        try with(store, 2) { engine, session in
            let checkpoint = try engine.beginCheckpoint(session)
            try checkpoint.step()
            do {
                let relation = try engine.relation(named: "r1")
                for _ in 0..<4 { _ = try relation.extend(session: session) }
            }
            while try checkpoint.step() {}
            try engine.checkpoint(session)
            try copyTree(store.path, store.other)
        }
        let copy = try Engine.open(store.other, options: store.options)
        #expect(copy.description(of: "r1")?.blockCount == 5)
    }

    // MARK: Remains

    @Test func aReplacedRelationIsEmptiedOnceNothingReadsIt() throws {
        let store = TestStore()
        try with(store, 3) { engine, session in
            var held: Relation? = try engine.relation(named: "r0")
            try engine.load("r0", 2, mark: 2, session, mode: .replace)
            #expect(try store.relationFiles().count == 4)
            #expect(try held?.marks(session) == [1])
            held = nil
            #expect(try store.relationFiles().count == 4)
            try engine.dropRelation(named: "r1", session: session)
            #expect(try store.relationFiles().count == 2)
            try engine.checkpoint(session)
            #expect(names(in: store.path + "/base/1").count == 2)
        }
    }

    /// A relation that was let go only just before a checkpoint is removed without being emptied,
    /// and not looked for later.
    @Test func whatACheckpointRemovedIsNotEmptiedLater() throws {
        let store = TestStore()
        try with(store, 3) { engine, session in
            do {
                let held = try engine.relation(named: "r0")
                try engine.dropRelation(named: "r0", session: session)
                #expect(try held.marks(session) == [1])
            }
            try engine.checkpoint(session)
            let cost = try calls { try engine.dropRelation(named: "r1", session: session) }
            #expect(cost["truncate"] == 1)
            #expect(names(in: store.path + "/base/1").count == 2)
        }
    }
}

/// The kernel's file system, with calls counted.
final class CountedFiles: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    private let noted = Lock<[String: Int]>([:], rank: .observer)

    var counts: [String: Int] { noted.withLock { $0 } }

    private func count(_ call: String) { noted.withLock { $0[call, default: 0] += 1 } }

    func open(_ path: String, in root: CInt, _ flags: FileOpenFlags) -> CInt {
        count("open")
        return underlying.open(path, in: root, flags)
    }

    @unsafe
    func read(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        count("read")
        return unsafe underlying.read(descriptor, vectors, at: offset)
    }

    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        count("write")
        return unsafe underlying.write(descriptor, vectors, at: offset)
    }

    func sync(_ descriptor: CInt, dataOnly: Bool) -> CInt {
        count("sync")
        return underlying.sync(descriptor, dataOnly: dataOnly)
    }

    func truncate(_ descriptor: CInt, to size: Int64) -> CInt {
        count("truncate")
        return underlying.truncate(descriptor, to: size)
    }

    func status(_ descriptor: CInt, into status: inout FileStatus) -> CInt {
        count("status")
        return underlying.status(descriptor, into: &status)
    }

    func status(_ path: String, in root: CInt, into status: inout FileStatus) -> CInt {
        count("status of path")
        return underlying.status(path, in: root, into: &status)
    }

    func rename(_ path: String, to target: String, in root: CInt) -> CInt {
        count("rename")
        return underlying.rename(path, to: target, in: root)
    }

    func unlink(_ path: String, in root: CInt) -> CInt {
        count("unlink")
        return underlying.unlink(path, in: root)
    }

    func list(_ descriptor: CInt, into names: inout [String]) -> CInt {
        count("list")
        return underlying.list(descriptor, into: &names)
    }
}
