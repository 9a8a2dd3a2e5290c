import RelationLoader
import StorageTesting
import Strata
import Testing

/// Loads of rows that are no text.
@Suite struct RowSourceTests {
    private let directory = TemporaryDirectory()

    /// Numbered rows, some of them in each batch, and then perhaps a failure.
    private struct Numbers: RowSource {
        let name = "numbers"
        let schema: Schema
        let count: Int
        var failure: LoaderError?
        private var position = 0
        private var calls = 0
        /// Batches may be empty.
        private static let sizes = [0, 1, 700, 0, 3]

        init(_ count: Int, failure: LoaderError? = nil) throws {
            schema = try Schema(parsing: "n integer NOT NULL, t text")
            self.count = count
            self.failure = failure
        }

        mutating func next() throws(LoaderError) -> DatumBatch? {
            guard position < count else {
                if let failure { throw failure }
                return nil
            }
            var batch = DatumBatch()
            let end = min(count, position + Self.sizes[calls % Self.sizes.count])
            for number in position..<end {
                let value = withUnsafeBytes(of: Int32(number).littleEndian) { Array($0) }
                batch.append(value.span.bytes)
                if number % 7 == 0 {
                    batch.appendNull()
                } else {
                    batch.append(Array("row \(number)".utf8).span.bytes)
                }
            }
            position = end
            calls += 1
            return batch
        }
    }

    /// Rows of which some do not fit a page: every seventh, and several on end.
    private struct WideRows: RowSource {
        let name = "wide rows"
        let schema: Schema
        let count: Int
        private var position = 0

        init(_ count: Int, columns: Int = 2) throws {
            let texts = (1..<columns).map { ", t\($0) text" }.joined()
            schema = try Schema(parsing: "n integer NOT NULL" + texts)
            self.count = count
        }

        static func text(_ number: Int) -> [UInt8] {
            let isWide = number % 7 == 0 || number % 50 > 46
            var random = SplitMix64(seed: UInt64(number))
            return (0..<(isWide ? 8100 + number * 40 : number % 900)).map { _ in
                UInt8(ascii: "a") + UInt8(random.below(26))
            }
        }

        mutating func next() throws(LoaderError) -> DatumBatch? {
            if position == count { return nil }
            var batch = DatumBatch()
            for number in position..<min(count, position + 40) {
                let value = withUnsafeBytes(of: Int32(number).littleEndian) { Array($0) }
                batch.append(value.span.bytes)
                for _ in 1..<schema.columns.count { batch.append(Self.text(number).span.bytes) }
                position += 1
            }
            return batch
        }
    }

    private func scanned(_ engine: Engine) throws -> String {
        let path = "\(directory.path)/rows"
        try RelationLoader.scan(
            try engine.relation(named: "t"), to: try DescriptorOutput(creating: path))
        let source = try FileSource(path: path)
        var text: [UInt8] = []
        while true {
            let chunk = try [UInt8](capacity: 65536) { span throws(LoadError) in
                _ = try source.read(into: &span)
            }
            if chunk.isEmpty { return String(decoding: text, as: UTF8.self) }
            text += chunk
        }
    }

    @Test(arguments: IOMethodMatrix.all)
    func rowsLargerThanAPageAreLoaded(_ method: TestedMethod) throws {
        let engine = try open(method)
        let summary = try RelationLoader.load(rowsOf: try WideRows(500), into: "t", of: engine)
        #expect(summary.rowCount == 500)
        let rows = (0..<500).map { number in
            let text = String(decoding: WideRows.text(number), as: UTF8.self)
            return "\(number),\(text.isEmpty ? "\"\"" : text)\n"
        }
        #expect(try scanned(engine) == "n,t1\n" + rows.joined())
        var options = LoadOptions()
        options.mode = .append
        try RelationLoader.load(
            rowsOf: try WideRows(30), into: "t", of: engine, options: options)
        #expect(try scanned(engine) == "n,t1\n" + (rows + rows.prefix(30)).joined())
        let session = try engine.makeSession()
        var findings: [String] = []
        _ = try engine.verify(
            session: session, observer: VerificationObserver { findings.append("\($0)") })
        session.close()
        #expect(findings.isEmpty)
        #expect(engine.relations.count == 2)
        try engine.close()
    }

    @Test func aRowThatNoPageHasRoomForIsNamed() throws {
        let engine = try open(TestedMethod(.synchronous))
        let error = #expect(throws: LoaderError.self) {
            try RelationLoader.load(
                rowsOf: try WideRows(60, columns: 500), into: "t", of: engine)
        }
        guard case .text(let failure) = error, case .rowTooLarge = failure.reason else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(failure.source == "wide rows, row 1")
        #expect(engine.relations.isEmpty)
        try engine.close()
    }

    private func open(_ method: TestedMethod) throws -> Engine {
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = 2 << 20
        return try Engine.open("\(directory.path)/store", options: options)
    }

    @Test(arguments: IOMethodMatrix.all)
    func rowsAreLoadedInOrder(_ method: TestedMethod) throws {
        let engine = try open(method)
        let summary = try RelationLoader.load(
            rowsOf: try Numbers(30_000), into: "t", of: engine)
        #expect(summary.rowCount == 30_000)
        #expect(summary.schema.sqlText == "n integer NOT NULL, t text")
        #expect(summary.inferredFromRecordCount == nil)
        let expected = (0..<30_000).map { "\($0),\($0 % 7 == 0 ? "" : "row \($0)")\n" }.joined()
        #expect(try scanned(engine) == "n,t\n" + expected)
        try engine.close()
    }

    @Test(arguments: IOMethodMatrix.all)
    func aSourceThatFailsLeavesNothing(_ method: TestedMethod) throws {
        let engine = try open(method)
        let failure = LoaderError.storage(StorageError(.invalidPage, "no more"))
        let error = #expect(throws: LoaderError.self) {
            try RelationLoader.load(
                rowsOf: try Numbers(5000, failure: failure), into: "t", of: engine)
        }
        #expect(error?.description.contains("no more") == true)
        #expect(throws: StorageError.self) { try engine.relation(named: "t") }
        try engine.close()
    }

    @Test func anAppendNeedsTheSameColumns() throws {
        let engine = try open(TestedMethod(.synchronous))
        try RelationLoader.load(MemorySource("a,b\n1,2\n"), into: "t", of: engine)
        var options = LoadOptions()
        options.mode = .append
        let error = #expect(throws: LoaderError.self) {
            try RelationLoader.load(
                rowsOf: try Numbers(5), into: "t", of: engine, options: options)
        }
        #expect(error?.description.contains("has the columns") == true)
        try engine.close()
    }
}
