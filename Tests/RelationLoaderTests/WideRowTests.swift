import RelationLoader
import StorageTesting
import Strata
import Testing

/// Rows whose values do not fit a page: compressed in the row, or in a toast relation beside it.
@Suite("Wide rows")
struct WideRowTests {
    let directory = TemporaryDirectory()

    private func open(_ method: TestedMethod, pages: Int = 64) throws -> Engine {
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = pages * 8192
        options.maximumSessions = 4
        options.createdSegmentBlocks = 32
        return try Engine.open("\(directory.path)/store", options: options)
    }

    private func scan(
        _ engine: Engine, _ name: String, _ options: ScanOptions = ScanOptions()
    ) throws -> String {
        let path = "\(directory.path)/scan-\(UInt64.random(in: 0...UInt64.max))"
        let output = try DescriptorOutput(creating: path)
        try RelationLoader.scan(try engine.relation(named: name), to: output, options: options)
        return try text(path)
    }

    private func text(_ path: String) throws -> String {
        var source: any ByteSource = try FileSource(path: path)
        var bytes: [UInt8] = []
        while true {
            let chunk = try [UInt8](capacity: 65536) { span throws(LoadError) in
                _ = try source.read(into: &span)
            }
            if chunk.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk
        }
    }

    private func load(
        _ text: String, _ engine: Engine, _ name: String = "t", mode: LoadTarget.Mode = .create,
        manager: String? = nil
    ) throws -> LoadSummary {
        var options = LoadOptions()
        options.mode = mode
        options.managerName = manager
        return try RelationLoader.load(MemorySource(text), into: name, of: engine, options: options)
    }

    private func findings(_ engine: Engine, _ names: [String]? = nil) throws -> [String] {
        let session = try engine.makeSession()
        defer { session.close() }
        try engine.checkpoint(session)
        var found: [String] = []
        _ = try engine.verify(
            names, session: session, observer: VerificationObserver { found.append("\($0)") })
        return found
    }

    /// Letters that do not become smaller.
    private static func noise(_ count: Int, _ seed: UInt64) -> String {
        var random = SplitMix64(seed: seed)
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        return String(
            decoding: (0..<count).map { _ in letters[random.below(letters.count)] }, as: UTF8.self)
    }

    /// Rows of all sizes, with NULL and several large values in one row.
    private static func rows(_ first: Int, _ count: Int) -> String {
        var text = ""
        for row in first..<first + count {
            let seed = UInt64(row)
            switch row % 8 {
            case 0: text += "\(row),\(noise(9000, seed)),\n"
            case 1: text += "\(row),short,also short\n"
            case 2: text += "\(row),\(String(repeating: "repeated ", count: 2000)),x\n"
            case 3: text += "\(row),,\"\(noise(8200, seed)), \"\"quoted\"\"\"\n"
            case 4: text += "\(row),\(noise(5000, seed)),\(noise(6000, seed + 1))\n"
            case 5: text += "\(row),\(noise(8100, seed)),y\n"
            case 6: text += "\(row),\(noise(1997, seed)),\(noise(60_000, seed))\n"
            default: text += "\(row),\(String(repeating: "e\u{301}日本", count: 3000)),\n"
            }
        }
        return text
    }

    private static let header = "id,a,b\n"

    private static let kinds = Engine.builtInManagerNames.flatMap { manager in
        IOMethodMatrix.all.map { (manager, $0) }
    }

    @Test("come back as they were, also after appends and replacing loads", arguments: kinds)
    func roundTrip(_ manager: String, _ method: TestedMethod) throws {
        let engine = try open(method)
        let first = Self.rows(0, 40)
        _ = try load(Self.header + first, engine, manager: manager)
        #expect(try scan(engine, "t") == Self.header + first)
        let description = try #require(engine.description(of: "t"))
        let toast = try #require(description.toastRelation)
        #expect(engine.description(of: toast)?.toastOwner == "t")
        #expect(engine.description(of: toast)?.managerName == manager)
        #expect(description.rowCount == 40)

        _ = try load(Self.header + Self.rows(40, 24), engine, mode: .append)
        let all = Self.header + first + Self.rows(40, 24)
        #expect(try scan(engine, "t") == all)
        #expect(engine.relations.count == 2)
        #expect(try findings(engine) == [])

        var options = ScanOptions()
        options.columns = ["b", "id"]
        options.limit = 9
        let lines = try scan(engine, "t", options).split(separator: "\n")
        #expect(lines.count == 10 && lines[9] == ",8")
        options = ScanOptions()
        options.format = .jsonLines
        let json = try scan(engine, "t", options).split(separator: "\n")
        #expect(json.count == 64 && json[3].hasSuffix(#", \"quoted\""}"#))
        options.format = .none
        #expect(try scan(engine, "t", options).isEmpty)

        // Replacing takes the toast relation along, and makes another one only if it is needed.
        let held = try engine.relation(named: "t")
        _ = try load("id\n1\n", engine, mode: .replace)
        #expect(engine.relations.map(\.name) == ["t"])
        #expect(try scan(engine, "t") == "id\n1\n")
        let path = "\(directory.path)/held"
        try RelationLoader.scan(held, to: try DescriptorOutput(creating: path))
        #expect(try text(path) == all)
        _ = try load(Self.header + Self.rows(3, 1), engine, mode: .replace)
        #expect(try scan(engine, "t") == Self.header + Self.rows(3, 1))
        // An append brings the first value out of line of a relation that had none.
        _ = try load("id,a,b\n1,x,y\n", engine, "u", manager: manager)
        _ = try load(Self.header + Self.rows(0, 8), engine, "u", mode: .append)
        #expect(try scan(engine, "u") == "id,a,b\n1,x,y\n" + Self.rows(0, 8))
        #expect(engine.relations.count == 4)
        #expect(try findings(engine) == [])
        try engine.close()

        let again = try open(method)
        guard manager != "memory" else {
            #expect(again.relations.isEmpty)
            return try again.close()
        }
        #expect(again.relations.count == 4)
        #expect(try scan(again, "u") == "id,a,b\n1,x,y\n" + Self.rows(0, 8))
        #expect(try findings(again) == [])
        let session = try again.makeSession()
        try again.dropRelation(named: "u", session: session)
        try again.dropRelation(named: "t", session: session)
        session.close()
        #expect(again.relations.isEmpty)
        try again.close()
    }

    @Test("of 2 MB and more come back, and small pools suffice", arguments: IOMethodMatrix.real)
    func large(_ method: TestedMethod) throws {
        let engine = try open(method)
        let text =
            "id,v\n1,\(Self.noise(2 << 20, 1))\n2,\(String(repeating: "page ", count: 400_000))\n"
            + "3,\(Self.noise(300_001, 3))\n"
        let summary = try load(text, engine)
        #expect(summary.rowCount == 3)
        #expect(try scan(engine, "t") == text)
        #expect(try findings(engine) == [])
        try engine.close()
    }

    @Test("that fit a page stay as they are")
    func fitting() throws {
        let engine = try open(TestedMethod(.synchronous))
        // The longest text that fits: 8160 bytes without header and length.
        let longest = String(repeating: "a", count: 8160 - 24 - 4)
        _ = try load("v\n\(longest)\n", engine)
        #expect(engine.relations.map(\.name) == ["t"])
        #expect(engine.description(of: "t")?.toast == ToastRole.none)
        let session = try engine.makeSession()
        try engine.relation(named: "t").page(BlockNumber(0), session: session).withView { page in
            #expect(page.linePointer(1)?.length == 8160)
        }
        // One byte more, and it is compressed in the row.
        _ = try load("v\n\(longest)a\n", engine, "u")
        #expect(engine.description(of: "u")?.toast == ToastRole.none)
        #expect(try scan(engine, "u") == "v\n\(longest)a\n")
        try engine.relation(named: "u").page(BlockNumber(0), session: session).withView { page in
            #expect(page.linePointer(1)!.length < 200)
        }
        session.close()
        #expect(try findings(engine) == [])
        try engine.close()
    }

    @Test("of many columns fit or are refused by name")
    func manyColumns() throws {
        let engine = try open(TestedMethod(.synchronous))
        func file(_ count: Int, _ value: (Int) -> String) -> String {
            (0..<count).map { "c\($0)" }.joined(separator: ",") + "\n"
                + (0..<count).map(value).joined(separator: ",") + "\n"
        }
        let texts = file(300) { Self.noise(40, UInt64($0)) }
        _ = try load(texts, engine)
        #expect(try scan(engine, "t") == texts)
        #expect(try findings(engine) == [])
        let numbers = file(1100) { "\(5_000_000_000 + $0)" }
        #expect {
            _ = try load(numbers, engine, "u")
        } throws: { error in
            guard case .text(let error) = error as? LoaderError,
                case .rowTooLarge = error.reason
            else { return false }
            return error.location?.line == 2
        }
        #expect(engine.relations.count == 2)
        try engine.close()
    }

    @Test("keep their values as other columns are widened", arguments: IOMethodMatrix.all)
    func widening(_ method: TestedMethod) throws {
        let engine = try open(method, pages: 128)
        var text = "id,amount,v\n"
        for row in 0..<300 {
            let amount = "\(row + 1)\(Self.digits(row % 5 == 0 ? 20_000 : 9, row)).50"
            text += "\(row),\(amount),\(Self.noise(row % 3 == 0 ? 9000 : 30, UInt64(row)))\n"
        }
        // A column becomes text, then another one, some values of which are out of line.
        text += "007,1.50,x\n"
        text += "8,none,\(Self.noise(9000, 77))\n"
        var options = LoadOptions()
        options.inference.records = 100
        var widenings = 0
        let summary = try RelationLoader.load(
            MemorySource(text), into: "t", of: engine, options: options
        ) { _ in
        } onWidening: { _ in
            widenings += 1
        }
        #expect(widenings == 2)
        #expect(summary.schema.sqlText == "id text, amount text, v text")
        #expect(try scan(engine, "t") == text)
        #expect(engine.relations.count == 2)
        #expect(try findings(engine) == [])
        try engine.close()
    }

    private static func digits(_ count: Int, _ seed: Int) -> String {
        var random = SplitMix64(seed: UInt64(seed))
        return String(
            decoding: (0..<count).map { _ in UInt8(ascii: "0") + UInt8(random.below(10)) },
            as: UTF8.self)
    }
}
