import RelationLoader
import StorageTesting
import Strata
import Testing

/// Rows with values out of line, where something goes wrong.
@Suite("Wide rows and faults")
struct WideRowFaultTests {
    let directory = TemporaryDirectory()

    private func open(_ method: TestedMethod = TestedMethod(.synchronous)) throws -> Engine {
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = 64 * 8192
        options.maximumSessions = 4
        return try Engine.open("\(directory.path)/store", options: options)
    }

    private static let rows = (0..<20).map { row in
        var random = SplitMix64(seed: UInt64(row))
        let letters = (0..<9000).map { _ in UInt8(97 + random.below(26)) }
        return "\(row),\(String(decoding: letters, as: UTF8.self))\n"
    }
    private static let text = "id,v\n" + rows.joined()

    /// Zeroes a page of a relation's only file.
    private func zero(_ block: Int, of relation: RelationDescription) throws {
        let files = try FileAccess(directory: "\(directory.path)/store")
        let file = try files.open(relation.locator.description)
        let zeroes = [UInt8](repeating: 0, count: 8192)
        #expect(try file.write(unsafe zeroes.span.bytes, at: Int64(block * 8192)) == 8192)
    }

    private func findings(_ engine: Engine, _ names: [String]? = nil) throws -> [String] {
        let session = try engine.makeSession()
        defer { session.close() }
        var found: [String] = []
        _ = try engine.verify(
            names, session: session, observer: VerificationObserver { found.append("\($0)") })
        return found
    }

    @Test("a lost page of values is named by scans, copies and verify, and can be skipped")
    func lostPage() throws {
        var engine = try open()
        try RelationLoader.load(MemorySource(Self.text), into: "t", of: engine)
        let toast = try #require(engine.description(of: "pg_toast_16384"))
        // Five chunks a value, four on a page: block 6 has parts of values 5, 6 and 7 at most.
        #expect(toast.rowCount == 100 && toast.blockCount == 25)
        try engine.close()
        try zero(6, of: toast)

        engine = try open()
        let found = try findings(engine, ["t"])
        #expect(found.count >= 2)
        #expect(
            found.contains { $0.contains("relation \"pg_toast_16384\"") && $0.contains("block 6") })
        let rows = found.filter { $0.contains("relation \"t\", fork main, block 0") }
        #expect(rows.count == 1, "\(found)")
        #expect(rows[0].contains("column \"v\": ") && rows[0].contains("chunk"), "\(rows)")

        var options = ScanOptions()
        let relation = try engine.relation(named: "t")
        let path = "\(directory.path)/out"
        #expect {
            try RelationLoader.scan(relation, to: try DescriptorOutput(creating: path))
        } throws: { error in
            guard case .storage(let error) = error as? LoaderError else { return false }
            return error.code == .invalidPage && error.message.contains("block 0")
                && error.message.contains("relation \"t\"")
                && error.message.contains("column \"v\"")
        }
        options.onDamage = .skip
        let summary = try RelationLoader.scan(
            relation, to: try DescriptorOutput(creating: "\(path)2"), options: options)
        // The rows of the page, and their number.
        #expect((17...19).contains(summary.rowCount), "\(summary.rowCount)")
        #expect(summary.lossCount == 20 - Int(summary.rowCount) + 1)

        let session = try engine.makeSession()
        #expect(throws: StorageError.self) {
            try engine.copyRelation(
                named: "t", to: LoadTarget(relation: "u"), session: session)
        }
        session.close()
        #expect(engine.relations.count == 2)
        try engine.close()
    }

    @Test("a toast relation is changed with its owner only")
    func owners() throws {
        let engine = try open()
        try RelationLoader.load(MemorySource(Self.text), into: "t", of: engine)
        let session = try engine.makeSession()
        let name = "pg_toast_16384"
        func refused(_ body: () throws -> Void) {
            #expect {
                try body()
            } throws: { error in
                let inner: StorageError?
                if case .storage(let error) = error as? LoaderError {
                    inner = error
                } else {
                    inner = error as? StorageError
                }
                return inner?.code == .misuse && inner?.message.contains("\"t\"") == true
            }
        }
        refused { try engine.dropRelation(named: name, session: session) }
        for mode in [LoadTarget.Mode.append, .replace, .create] {
            refused {
                var options = LoadOptions()
                options.mode = mode
                try RelationLoader.load(
                    MemorySource("chunk_id,chunk_seq,chunk_data\n1,1,\\x01\n"), into: name,
                    of: engine, options: options)
            }
        }
        refused {
            _ = try engine.copyRelation(
                named: name, to: LoadTarget(relation: "u"), session: session)
        }
        // Its load cannot be committed by itself.
        let load = try engine.beginLoad(
            LoadTarget(relation: "w", schema: Schema(parsing: "v text")), session: session)
        let toast = try load.beginToast()
        #expect(throws: StorageError.self) { try toast.commit() }
        load.abort()
        #expect(throws: StorageError.self) { _ = try toast.nextPage() }
        #expect(engine.relations.map(\.name) == [name, "t"])
        // The name is a user's to take if no relation has it, and then another one is found.
        try RelationLoader.load(MemorySource("a\n1\n"), into: "pg_toast_16389", of: engine)
        for number in 0..<4 {
            try RelationLoader.load(MemorySource(Self.text), into: "x\(number)", of: engine)
        }
        #expect(engine.relations.count == 11)
        #expect(engine.description(of: "pg_toast_16389_1")?.toastOwner == "x0")
        session.close()
        try engine.close()
    }

    @Test("a load that does not commit leaves neither relation", arguments: IOMethodMatrix.all)
    func abandoned(_ method: TestedMethod) throws {
        var engine = try open(method)
        #expect(throws: LoaderError.self) {
            try RelationLoader.load(MemorySource(Self.text + "1,2,3\n"), into: "t", of: engine)
        }
        #expect(engine.relations.isEmpty)
        try RelationLoader.load(MemorySource(Self.text), into: "t", of: engine)
        let before = engine.relations
        var options = LoadOptions()
        options.mode = .append
        #expect(throws: LoaderError.self) {
            try RelationLoader.load(
                MemorySource(Self.text + "1,2,3\n"), into: "t", of: engine, options: options)
        }
        #expect(engine.relations == before)
        // Numbers ascend although a load has given some out in vain.
        try RelationLoader.load(MemorySource(Self.text), into: "t", of: engine, options: options)
        #expect(try findings(engine).isEmpty)
        try engine.close()
        engine = try open(method)
        #expect(engine.recovery.actions.isEmpty)
        let path = "\(directory.path)/out"
        let summary = try RelationLoader.scan(
            engine.relation(named: "t"), to: try DescriptorOutput(creating: path))
        #expect(summary.rowCount == 40)
        try engine.close()
    }

    @Test("pointers get the number that is asked for, and appends keep it")
    func numbers() throws {
        let engine = try open()
        var options = LoadOptions()
        options.toastNumber = 4711
        try RelationLoader.load(MemorySource(Self.text), into: "t", of: engine, options: options)
        #expect(
            engine.description(of: "t")?.toast == .values(in: "pg_toast_16384", number: 4711))
        options = LoadOptions()
        options.mode = .append
        try RelationLoader.load(MemorySource(Self.text), into: "t", of: engine, options: options)
        options.toastNumber = 4712
        #expect(throws: LoaderError.self) {
            try RelationLoader.load(
                MemorySource(Self.text), into: "t", of: engine, options: options)
        }
        let session = try engine.makeSession()
        _ = try engine.copyRelation(
            named: "t", to: LoadTarget(relation: "u", managerName: "compressed"), session: session)
        session.close()
        guard case .values(let name, let number)? = engine.description(of: "u")?.toast else {
            Issue.record("the copy has no toast relation")
            return
        }
        #expect(number == 4711)
        #expect(engine.description(of: name)?.managerName == "compressed")
        #expect(try findings(engine).isEmpty)
        try engine.close()
    }
}
