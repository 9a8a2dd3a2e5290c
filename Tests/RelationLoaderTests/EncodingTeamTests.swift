import RelationLoader
import StorageTesting
import Strata
import SystemPackage
import Testing
import Threads

/// Loads on several threads store what one thread stores, and fail as one thread does.
@Suite("Loads on several threads")
struct EncodingTeamTests {
    let directory = TemporaryDirectory()

    private struct Outcome: Equatable {
        var pages: [[UInt8]] = []
        var rows: UInt64?
        var rejected: UInt64?
        var firstRejection: String?
        var schema: String?
        var rejects: [UInt8] = []
        var failure: String?
        var widenings = 0
    }

    private func load(
        _ text: String, _ threads: Int, _ method: TestedMethod = TestedMethod(.synchronous),
        chunk: Int = .max, change: (inout LoadOptions) -> Void = { _ in }
    ) throws -> Outcome {
        let path = "\(directory.path)/\(UInt64.random(in: 0...UInt64.max))"
        var settings = EngineOptions()
        settings.ioMethod = method.choice
        settings.poolBytes = 1200 * 8192
        settings.maximumSessions = 4
        settings.createsPageChecksums = false
        let engine = try Engine.open(path, options: settings)
        var options = LoadOptions()
        options.threadCount = threads
        change(&options)
        if options.onError == .skip { options.rejectsPath = FilePath("\(path).rejects") }
        var outcome = Outcome()
        do {
            let summary = try RelationLoader.load(
                MemorySource(text, chunkSize: chunk), into: "t", of: engine, options: options,
                onWidening: { _ in outcome.widenings += 1 })
            outcome.rows = summary.rowCount
            outcome.rejected = summary.rejectedCount
            outcome.firstRejection = summary.firstRejection.map { "\($0)" }
            outcome.schema = summary.schema.sqlText
            #expect(summary.byteCount == text.utf8.count)
            let relation = try engine.relation(named: "t")
            let session = try engine.makeSession()
            do {
                var stream = relation.scan(session: session)
                while let page = try stream.next() {
                    outcome.pages.append(
                        page.withView { view in view.bytes.withUnsafeBytes { Array($0) } })
                }
            }
            session.close()
        } catch { outcome.failure = "\(error)" }
        if options.onError == .skip { outcome.rejects = (try? readFile("\(path).rejects")) ?? [] }
        try engine.close()
        return outcome
    }

    /// Rows of all kinds: quotes, line breaks in quotes, NULLs, several lengths.
    private static func rows(_ range: Range<Int>, _ seed: UInt64, lineBreak: String = "\n")
        -> String
    {
        var random = SplitMix64(seed: seed)
        var text = ""
        for row in range {
            let words = String(repeating: "word ", count: Int(random.next() % 200))
            let note: String
            switch random.next() % 8 {
            case 0: note = ""
            case 1: note = "\"\(words)\(lineBreak)\(words)\""
            case 2: note = "\"a \"\"quoted\"\" \(words), and more\""
            case 3: note = "\"\""
            case 4: note = "\"\(lineBreak)\""
            default: note = words
            }
            text += "\(row),\(note),\(Double(random.next() % 1000) / 8)\(lineBreak)"
        }
        return text
    }

    @Test(arguments: IOMethodMatrix.all, ["\n", "\r\n"])
    func storeTheSame(_ method: TestedMethod, _ lineBreak: String) throws {
        let text =
            "n,t,d\(lineBreak)"
            + Self.rows(0..<4000, IOMethodMatrix.seed, lineBreak: lineBreak)
        #expect(text.utf8.count > 5 << 18)
        let alone = try load(text, 1, method)
        #expect(alone.rows == 4000 && alone.failure == nil, "seed \(IOMethodMatrix.seed)")
        for (threads, chunk) in [(2, Int.max), (5, 100_003)] {
            let together = try load(text, threads, method, chunk: chunk)
            #expect(together == alone, "seed \(IOMethodMatrix.seed), \(threads) threads")
        }
    }

    static let endings = ["", "1,x,2", "1,\"x\ny\",2\n", "1,\"x", "1,x\"y,2\n", "\n\n\n"]

    @Test(arguments: endings) func endTheSame(_ ending: String) throws {
        let text = "n,t,d\n" + Self.rows(0..<4000, 7) + ending
        #expect(try load(text, 3) == load(text, 1))
    }

    /// Records that one thread must see, early, late, and many of them.
    static let faults = [
        "x,bad number,1\n", "1,too,many,fields\n", "1,few\n", "1,\"text \"behind quotes,2\n",
        "1,stray\rreturn,2\n", "1,\u{0}nul,2\n",
        "1," + String(repeating: "long ", count: 2000) + ",2\n",
        "1,\"" + String(repeating: "long\n", count: 80_000) + "\",2\n", "5000000000,big,1.5\n",
        "1.5,wide,1.25\n",
    ]

    @Test(arguments: faults, [BadRecordPolicy.stop, .skip])
    func meetTheSameFaults(_ fault: String, _ policy: BadRecordPolicy) throws {
        for often in [[9], [0, 700, 701, 1600, 3999]] {
            var text = "n,t,d\n"
            var start = 0
            for end in often {
                text += Self.rows(start..<end, UInt64(end)) + fault
                start = end
            }
            text += Self.rows(start..<4000, 3)
            for widens in [true, false] {
                func change(_ options: inout LoadOptions) {
                    options.onError = policy
                    options.widens = widens
                    options.schema =
                        widens ? nil : try? Schema(parsing: "n int, t text, d double precision")
                    options.inference.records = 3
                }
                let alone = try load(text, 1, change: change)
                let together = try load(text, 3, change: change)
                #expect(together == alone, "\(fault.prefix(20)), \(often), \(widens)")
            }
        }
    }

    /// Other dialects are read by one thread.
    @Test(arguments: ["comment", "lenient", "delimiter", "carriage return", "semicolon"])
    func readOtherDialects(_ dialect: String) throws {
        var text = "n,t,d\n" + Self.rows(0..<4000, 5)
        if dialect == "carriage return" { text = text.replacing("\n", with: "\r") }
        if dialect == "semicolon" { text = text.replacing(",", with: ";") }
        func change(_ options: inout LoadOptions) {
            switch dialect {
            case "comment": options.csv.comment = UInt8(ascii: "#")
            case "lenient": options.csv.hasLenientQuotes = true
            case "delimiter": options.csv.delimiter = ", "
            case "semicolon": options.csv.delimiter = ";"
            default: break
            }
            options.onError = .skip
        }
        #expect(try load(text, 3, change: change) == load(text, 1, change: change))
    }

    @Test func endWhenCancelled() throws {
        let text = "n,t,d\n" + Self.rows(0..<4000, 5)
        let cancelled = try load(text, 3) { $0.cancellation.cancel() }
        #expect(cancelled.failure == "cancelled")
    }
}
