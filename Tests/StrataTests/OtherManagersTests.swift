import StorageTesting
import Strata
import Testing
import Threads

/// Compressed relations and relations in memory, through everything that plain ones go through.
@Suite("Relations of the other built-in managers")
struct OtherManagersTests {
    static let options = [
        "magnetic": [:], "memory": [:], "compressed": ["chunk": "32768", "level": "3"],
    ]

    private func load(
        _ engine: Engine, _ relation: String, _ manager: String, _ pages: Int, mark: UInt8,
        mode: LoadTarget.Mode = .create, _ session: Session
    ) throws {
        let load = try engine.beginLoad(
            LoadTarget(
                relation: relation, schema: mode == .append ? nil : TestStore.schema, mode: mode,
                managerName: mode == .append ? nil : manager,
                managerOptions: mode == .append ? [:] : Self.options[manager] ?? [:]),
            session: session)
        try load.add(pages, mark: mark)
        try load.commit(rowCount: UInt64(pages))
    }

    @Test(
        "Loads, appends, aborts and checkpoints", arguments: IOMethodMatrix.all,
        ["compressed", "memory"])
    func lifeOfARelation(_ method: TestedMethod, _ manager: String) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            try load(engine, "t", manager, 50, mark: 1, session)
            try load(engine, "t", manager, 30, mark: 2, mode: .append, session)
            let aborted = try engine.beginLoad(
                LoadTarget(relation: "t", mode: .append), session: session)
            try aborted.add(20, mark: 3)
            aborted.abort()
            let relation = try engine.relation(named: "t")
            #expect(relation.managerName == manager)
            let marks = try relation.marks(session)
            #expect(marks == Array(repeating: 1, count: 50) + Array(repeating: 2, count: 30))
            try engine.checkpoint(session)
            let report = try engine.verify(session: session)
            #expect(report.findings == 0 && report.pagesChecked == 80)
            try load(engine, "t", manager, 5, mark: 9, mode: .replace, session)
            #expect(try engine.relation(named: "t").marks(session) == Array(repeating: 9, count: 5))
        }
        let engine = try store.open()
        let session = try engine.makeSession()
        if manager == "memory" {
            #expect(engine.relations.isEmpty)
            #expect(engine.recovery.actions == [.ended(relation: "t", manager: "memory")])
            #expect(engine.recovery.actions[0].description.contains("\"t\""))
        } else {
            #expect(try engine.relation(named: "t").marks(session) == Array(repeating: 9, count: 5))
            #expect(engine.recovery.actions.isEmpty)
        }
        session.close()
        try engine.close()
        #expect(try store.open().recovery.actions.isEmpty)
    }

    @Test(
        "Copies go from each manager to each", arguments: ["magnetic", "compressed", "memory"],
        ["magnetic", "compressed", "memory"])
    func copies(_ from: String, _ to: String) throws {
        let store = TestStore()
        try store.with { engine, session in
            try load(engine, "a", from, 70, mark: 4, session)
            let copy = try #require(
                try engine.copyRelation(
                    named: "a",
                    to: LoadTarget(
                        relation: "b", managerName: to, managerOptions: Self.options[to] ?? [:]),
                    session: session))
            #expect(copy.managerName == to)
            #expect(copy.schema == TestStore.schema)
            #expect(copy.rowCount == 70)
            #expect(try copy.marks(session) == Array(repeating: 4, count: 70))
            #expect(try engine.verify(session: session).findings == 0)
            let cancelled = try engine.copyRelation(
                named: "a", to: LoadTarget(relation: "c"), session: session
            ) { true }
            #expect(cancelled == nil)
            #expect(engine.description(of: "c") == nil)
        }
    }

    @Test("Unknown manager options are refused, and nothing is left")
    func wrongOptions() throws {
        let store = TestStore()
        try store.with { engine, session in
            for (manager, options) in [
                ("magnetic", ["chunk": "32768"]), ("memory", ["level": "1"]),
                ("compressed", ["chunk": "5"]), ("compressed", ["level": "0"]),
                ("compressed", ["colour": "red"]), ("compressed", ["level": "high"]),
            ] {
                expectError(.invalidConfiguration) {
                    _ = try engine.beginLoad(
                        LoadTarget(
                            relation: "t", managerName: manager, managerOptions: options),
                        session: session)
                }
            }
            #expect(engine.relations.isEmpty)
            let files = try store.relationFiles()
            #expect(files.isEmpty)
        }
    }

    @Test("Compressing takes less space, and compacting frees it")
    func space() throws {
        let store = TestStore()
        try store.with { engine, session in
            try load(engine, "a", "magnetic", 64, mark: 4, session)
            try load(engine, "b", "compressed", 64, mark: 4, session)
            let plain = try engine.space(ofRelation: "a")
            #expect(plain.logicalBytes == 64 * blockSize && plain.ratio == 1)
            #expect(plain.fileBytes == plain.logicalBytes && plain.fragmentation == 0)
            let small = try engine.space(ofRelation: "b")
            #expect(small.logicalBytes == plain.logicalBytes)
            #expect(small.ratio > 4)
            #expect(small.fileBytes < plain.fileBytes / 4)
            #expect(try engine.compact(relation: "a", session: session) == 0)
            _ = try engine.compact(relation: "b", session: session)
            #expect(try engine.space(ofRelation: "b").fragmentation < 0.1)
            #expect(try engine.relation(named: "b").marks(session).count == 64)
        }
    }

    @Test("Damaged chunks are reported page by page, and the others can be read")
    func damage() throws {
        let store = TestStore()
        try store.with { engine, session in
            try load(engine, "t", "compressed", 40, mark: 7, session)
        }
        let path = store.path + "/base/1/16384.chunks"
        var bytes = try readFile(path)
        // In the chunk of four pages at the end of the file, whichever that is.
        let last = bytes.count - 4096
        bytes[last + 90] ^= 4
        let chunk = UInt32(bytes[last + 16])
        let damaged = chunk * 4..<chunk * 4 + 4
        try writeFile(path, bytes)
        try store.with { engine, session in
            var findings: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { findings.append($0) })
            #expect(Set(findings.compactMap(\.block)) == Set(damaged))
            #expect(findings.contains { $0.kind == .damagedStorage })
            #expect(findings.allSatisfy { $0.path?.contains("16384") ?? true })
            let relation = try engine.relation(named: "t")
            for block in 0..<40 as Range<UInt32> {
                do {
                    _ = try relation.page(BlockNumber(block), session: session)
                    #expect(!damaged.contains(block))
                } catch let error as StorageError {
                    #expect(damaged.contains(block))
                    #expect(error.code == .invalidPage)
                    #expect(error.message.hasPrefix("chunk \(chunk) of file"))
                }
            }
        }
    }

    @Test("A relation keeps its manager and options when it is replaced")
    func replacing() throws {
        let store = TestStore()
        try store.with { engine, session in
            func replace(_ manager: String?, _ options: [String: String]) throws -> [String: String]
            {
                let load = try engine.beginLoad(
                    LoadTarget(
                        relation: "t", schema: TestStore.schema, mode: .replace,
                        managerName: manager, managerOptions: options),
                    session: session)
                try load.add(40, mark: 5)
                let relation = try load.commit(rowCount: 40)
                #expect(try relation.marks(session) == Array(repeating: 5, count: 40))
                return try engine.storageOptions(ofRelation: "t")
            }
            let first = try replace("compressed", ["chunk": "32768", "level": "7"])
            #expect(first == ["chunk": "32768", "level": "7"])
            #expect(try replace(nil, [:]) == ["chunk": "32768", "level": "7"])
            #expect(try replace("compressed", ["level": "2"]) == ["chunk": "32768", "level": "2"])
            #expect(try replace(nil, ["chunk": "65536"]) == ["chunk": "65536", "level": "2"])
            #expect(try engine.relation(named: "t").managerName == "compressed")
            #expect(try replace("magnetic", [:]).isEmpty)
            #expect(try replace(nil, [:]).isEmpty)
            #expect(try engine.relation(named: "t").managerName == "magnetic")
            // What is not told is not remembered from before that.
            #expect(try replace("compressed", [:]) == ["chunk": "131072", "level": "1"])
        }
    }

    @Test("A damaged relation can be replaced")
    func replacingDamaged() throws {
        let store = TestStore()
        try store.with { engine, session in
            try load(engine, "t", "compressed", 40, mark: 7, session)
        }
        for file in ["16384.chunks", "16384.map"] {
            let path = store.path + "/base/1/" + file
            try writeFile(path, try readFile(path).map { $0 ^ 0x55 })
        }
        try store.with { engine, session in
            let load = try engine.beginLoad(
                LoadTarget(relation: "t", schema: TestStore.schema, mode: .replace),
                session: session)
            try load.add(3, mark: 1)
            let relation = try load.commit(rowCount: 3)
            #expect(relation.managerName == "compressed")
            #expect(try relation.marks(session) == [1, 1, 1])
        }
    }

    @Test("Writing all pages of a damaged chunk repairs it; writing some is refused")
    func mending() throws {
        let store = TestStore()
        try store.with { engine, session in
            try load(engine, "t", "compressed", 40, mark: 7, session)
        }
        let path = store.path + "/base/1/16384.chunks"
        var bytes = try readFile(path)
        let last = bytes.count - 4096
        bytes[last + 90] ^= 4
        let first = UInt32(bytes[last + 16]) * 4
        try writeFile(path, bytes)
        try store.with { engine, session in
            let relation = try engine.relation(named: "t")
            func zeroed(_ block: UInt32) throws -> PinnedPage {
                try engine.buffers.page(
                    BlockNumber(block), of: relation.open, mode: .zeroOnError, session: session)
            }
            do {
                let page = try zeroed(first)
                page.withEditor { $0.initialize() }
            }
            let error = expectError(.damagedChunk) { try engine.checkpoint(session) }
            #expect(error?.remedy?.contains("all of its pages") == true)
            // Zeroed on request, the others are in the pool, and are taken along.
            for block in first + 1..<first + 4 { _ = try zeroed(block) }
            try engine.checkpoint(session)
            var findings: [VerificationFinding] = []
            _ = try engine.verify(
                session: session, observer: VerificationObserver { findings.append($0) })
            // Rows are missing, and nothing is damaged.
            #expect(findings.allSatisfy { $0.block == nil && $0.kind != .damagedStorage })
            _ = try engine.buffers.evict(relation.open, session: session)
            for block in first..<first + 4 {
                _ = try relation.page(BlockNumber(block), session: session)
            }
        }
    }

    @Test("Changed pages of a chunk are written together", arguments: IOMethodMatrix.all)
    func gathering(_ method: TestedMethod) throws {
        let store = TestStore(method)
        try store.with { engine, session in
            try load(engine, "t", "compressed", 40, mark: 1, session)
            let relation = try engine.relation(named: "t")
            var expected = Array(repeating: UInt8(1), count: 40)
            // All of it is in the pool; two pages of each chunk of four are changed.
            let marks = try relation.marks(session, scanning: false)
            #expect(marks == expected)
            for block in 0..<40 where block % 4 == 1 || block % 4 == 3 {
                expected[block] = 2
                try relation.page(BlockNumber(UInt32(block)), session: session).setMark(2)
            }
            let before = engine.buffers.statistics.writeOperations
            try engine.checkpoint(session)
            #expect(engine.buffers.statistics.writeOperations - before == 10)
            #expect(try engine.verify(session: session).findings == 0)
            #expect(try relation.marks(session) == expected)
        }
    }

    @Test(
        "A pool smaller than the relation, with pages changed here and there",
        arguments: IOMethodMatrix.all)
    func changes(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let seed = IOMethodMatrix.seed
        var expected = Array(repeating: UInt8(1), count: 200)
        try store.with { engine, session in
            try load(engine, "t", "compressed", 200, mark: 1, session)
            let relation = try engine.relation(named: "t")
            var random = SplitMix64(seed: seed, stream: 5)
            for step in 0..<600 {
                let block = random.below(200)
                expected[block] = UInt8(step % 250)
                let page = try relation.page(BlockNumber(UInt32(block)), session: session)
                page.setMark(expected[block])
                if step % 150 == 0 { try engine.checkpoint(session) }
            }
            #expect(try relation.marks(session) == expected)
        }
        try store.with { engine, session in
            let marks = try engine.relation(named: "t").marks(session)
            #expect(marks == expected)
            #expect(try engine.verify(session: session).findings == 0)
        }
    }
}

extension PinnedPage {
    /// Changes the mark that ``PendingLoad/add(_:mark:)`` has put on the page.
    func setMark(_ mark: UInt8) {
        withExclusiveLock { page in
            // The only item is the last thing on the page.
            page.storeBytes(of: mark, toByteOffset: blockSize - 8, as: UInt8.self)
        }
    }
}
