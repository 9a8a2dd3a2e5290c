import RelationLoader
import StorageTesting
import Strata
import Synchronization
import Testing

/// Rows into a store and back, through the engine.
@Suite("Loading and scanning relations")
struct DriverTests: StoreTests {
    let directory = TemporaryDirectory()

    private static func rows(_ range: Range<Int>) -> String {
        range.map { "\($0),row number \($0)\n" }.joined()
    }

    @Test(
        "What is loaded is scanned, with the writer beside and without",
        arguments: IOMethodMatrix.all, [64, 1100])
    func roundTrip(_ method: TestedMethod, _ pages: Int) throws {
        let text = "n,t\n" + Self.rows(0..<40_000)
        var engine = try open(method, pages: pages)
        let summary = try RelationLoader.load(
            MemorySource(text, chunkSize: 70_001), into: "t", of: engine)
        #expect(summary.rowCount == 40_000)
        #expect(summary.schema.sqlText == "n integer, t text")
        #expect(summary.inferredFromRecordCount == 10_000)
        #expect(summary.byteCount == text.utf8.count)
        #expect(summary.pageCount > 200)
        #expect(summary.methodName == engine.ioMethodName)
        try engine.close()

        engine = try open(method, pages: pages)
        let found = try scan(engine, "t")
        #expect(found.text == text)
        #expect(found.summary.rowCount == 40_000)
        #expect(found.summary.pageCount == summary.pageCount)
        #expect(try engine.relation(named: "t").rowCount == 40_000)

        var options = LoadOptions()
        options.mode = .append
        try RelationLoader.load(
            MemorySource("n,t\n" + Self.rows(40_000..<41_000)), into: "t", of: engine,
            options: options)
        #expect(try scan(engine, "t").text == text + Self.rows(40_000..<41_000))
        try engine.close()
    }

    @Test("A late bad record leaves nothing", arguments: IOMethodMatrix.all, [64, 1100])
    func stopped(_ method: TestedMethod, _ pages: Int) throws {
        let engine = try open(method, pages: pages)
        let text = "n,t\n" + Self.rows(0..<30_000) + "x,30000\n"
        var options = LoadOptions()
        options.schema = try Schema(parsing: "n integer, t text")
        for _ in 0..<2 {
            #expect {
                try RelationLoader.load(MemorySource(text), into: "t", of: engine, options: options)
            } throws: { error in
                guard case .text(let error) = error as? LoaderError else { return false }
                return error.location?.line == 30_002 && error.column == "n"
                    && error.excerpt == "x"
                    && error.reason == .value(ValueError(.integer, .invalidSyntax))
            }
        }
        #expect(engine.relations.isEmpty)
        options.onError = .skip
        options.rejectsPath = FilePath("\(directory.path)/rejects")
        let summary = try RelationLoader.load(
            MemorySource(text), into: "t", of: engine, options: options)
        #expect(summary.rejectedCount == 1)
        #expect(try scan(engine, "t").text == "n,t\n" + Self.rows(0..<30_000))
        try engine.close()
    }

    @Test("A load that is cancelled leaves nothing, and a scan ends")
    func cancelled() throws {
        let engine = try open(TestedMethod(.synchronous), pages: 1100)
        let text = "n,t\n" + Self.rows(0..<30_000)
        var options = LoadOptions()
        options.progressIntervalNanoseconds = 0
        let cancellation = options.cancellation
        #expect {
            try RelationLoader.load(MemorySource(text), into: "t", of: engine, options: options) {
                if $0.rowCount > 20_000 { cancellation.cancel() }
            }
        } throws: { error in
            if case .cancelled = error as? LoaderError { true } else { false }
        }
        #expect(engine.relations.isEmpty)
        try RelationLoader.load(MemorySource(text), into: "t", of: engine)
        #expect {
            try scan(engine, "t") { $0.cancellation.cancel() }
        } throws: { error in
            if case .cancelled = error as? LoaderError { true } else { false }
        }
        try engine.close()
    }

    @Test("Progress is reported up to the end, and not too often")
    func progress() throws {
        let engine = try open(TestedMethod(.synchronous))
        let text = "n,t\n" + Self.rows(0..<30_000)
        var seen: [LoadProgress] = []
        var options = LoadOptions()
        options.progressIntervalNanoseconds = 0
        try RelationLoader.load(MemorySource(text), into: "t", of: engine, options: options) {
            seen.append($0)
        }
        #expect(seen.count > 100)
        for (earlier, later) in zip(seen, seen.dropFirst()) {
            #expect(earlier.rowCount <= later.rowCount)
            #expect(earlier.byteCount <= later.byteCount)
            #expect(earlier.elapsedNanoseconds <= later.elapsedNanoseconds)
        }
        let last = try #require(seen.last)
        #expect(last.phase == .committing)
        #expect(last.rowCount == 30_000)
        #expect(last.byteCount == text.utf8.count && last.totalByteCount == text.utf8.count)

        seen = []
        options.mode = .replace
        options.progressIntervalNanoseconds = .max
        try RelationLoader.load(MemorySource(text), into: "t", of: engine, options: options) {
            seen.append($0)
        }
        #expect(seen.map(\.phase) == [.committing])
        try engine.close()
    }

    @Test("Options that contradict each other or the relation")
    func misuse() throws {
        let engine = try open(TestedMethod(.synchronous))
        var options = LoadOptions()
        options.rejectsPath = FilePath("\(directory.path)/rejects")
        #expect(throws: LoaderError.self) {
            try RelationLoader.load(MemorySource("a\n1\n"), into: "t", of: engine, options: options)
        }
        let session = try engine.makeSession()
        try engine.beginLoad(LoadTarget(relation: "pages"), session: session).commit()
        session.close()
        #expect {
            try scan(engine, "pages")
        } throws: { "\($0)".contains("no columns") }
        options = LoadOptions()
        options.mode = .append
        #expect {
            try RelationLoader.load(
                MemorySource("a\n1\n"), into: "pages", of: engine, options: options)
        } throws: { "\($0)".contains("no columns") }
        try engine.close()
    }
}
