import RelationLoader
import StorageTesting
import Strata
import Testing

/// Values behind the sample that an inferred type does not keep.
@Suite("Loads that begin again with wider types")
struct WideningLoadTests: StoreTests {
    let directory = TemporaryDirectory()

    /// A file whose later rows break what the first 2000 show.
    private static func file(_ late: [String]) -> String {
        var text = "id,v,d,flag,at\n"
        for row in 0..<2000 {
            text +=
                "\(row),\(10_000 + row),\(row).5,\(row % 3 == 0 ? "True" : "False"),"
                + "2024-01-01T00:00:\(row % 50 + 10)Z\n"
        }
        for row in late { text += row + "\n" }
        return text
    }

    private static let kinds = [
        (["2000,00501,0.5,True,2024-01-01T00:00:00Z"], "integer, v text, d double"),
        (["2000,2147483648,0.5,,2024-01-01T00:00:00Z"], "v bigint, d double"),
        (["2000,1.25,3.14159265358979323846,True,"], "v double precision, d numeric"),
        (["2000,,1e+20,True,", "2001,,1.50,True,"], "v integer, d text, flag boolean"),
        (["2000,1,1.50,true,2024-01-01 00:00:00"], "v integer, d numeric, flag text, at text"),
        (
            ["2000,2147483648,,,", "2001,0.50,,,", "2002,x,,,", "Total,,,,"],
            "id text, v text, d double"
        ),
    ]

    @Test("Every row comes back as it was", arguments: IOMethodMatrix.all, [64, 1100])
    func late(_ method: TestedMethod, _ pages: Int) throws {
        let engine = try open(method, pages: pages)
        for (number, (late, types)) in Self.kinds.enumerated() {
            let text = Self.file(late)
            var options = LoadOptions()
            options.inference.records = 100
            options.managerName = number % 2 == 0 ? "magnetic" : "compressed"
            var widenings: [LoadWidening] = []
            let summary = try RelationLoader.load(
                MemorySource(text, chunkSize: 7001), into: "t\(number)", of: engine,
                options: options
            ) { _ in
            } onWidening: {
                widenings.append($0)
            }
            #expect(!widenings.isEmpty)
            // Only the fourth file's first late row is kept.
            #expect(widenings.first?.cause.location?.line == (number == 3 ? 2003 : 2002))
            #expect(summary.schema.sqlText.contains(types), "\(summary.schema)")
            #expect(widenings.last?.schema == summary.schema)
            #expect(summary.rowCount == UInt64(2000 + late.count))
            #expect(try scan(engine, "t\(number)").text == text)
            #expect(try engine.relation(named: "t\(number)").rowCount == summary.rowCount)
        }
        try engine.checkpoint(try engine.makeSession())
        try engine.close()
        let again = try open(method, pages: pages)
        #expect(again.relations.count == Self.kinds.count)
        #expect(try scan(again, "t4").text == Self.file(Self.kinds[4].0))
        try again.close()
    }

    @Test("An error after the types were widened leaves nothing", arguments: IOMethodMatrix.all)
    func failure(_ method: TestedMethod) throws {
        let engine = try open(method, pages: 64)
        try RelationLoader.load(MemorySource("a\n1\n"), into: "t", of: engine)
        var options = LoadOptions()
        options.mode = .replace
        options.inference.records = 100
        let text = Self.file(["2000,x,,,", "2001"])
        for _ in 0..<2 {
            #expect {
                try RelationLoader.load(MemorySource(text), into: "t", of: engine, options: options)
            } throws: { error in
                guard case .text(let error) = error as? LoaderError else { return false }
                return error.location?.line == 2003
            }
            #expect(try scan(engine, "t").text == "a\n1\n")
        }
        // The relation is free again.
        try RelationLoader.load(
            MemorySource("b\n2\n"), into: "t", of: engine, options: options)
        #expect(try scan(engine, "t").text == "b\n2\n")
        try engine.close()
        // Opening again finds no file that nothing names.
        let again = try open(method, pages: 64)
        #expect(again.relations.map(\.name) == ["t"])
        try again.close()
    }

    @Test("Without widening, and in a relation that exists, the value is an error")
    func strict() throws {
        let engine = try open(TestedMethod(.synchronous), pages: 64)
        var options = LoadOptions()
        options.widens = false
        options.inference.records = 100
        let text = Self.file(["2000,00501,,,"])
        #expect {
            try RelationLoader.load(MemorySource(text), into: "t", of: engine, options: options)
        } throws: { error in
            guard case .text(let error) = error as? LoaderError else { return false }
            return error.location?.line == 2002 && error.column == "v" && error.excerpt == "00501"
                && error.reason == .value(ValueError(.integer, .otherSpelling))
        }
        #expect(engine.relations.isEmpty)

        try RelationLoader.load(MemorySource("v,b\n1,yes\n2,no\n"), into: "t", of: engine)
        options = LoadOptions()
        options.mode = .append
        for row in ["007,no", "7,true", "7.0,no", "x,no"] {
            #expect(throws: LoaderError.self, "\(row)") {
                try RelationLoader.load(
                    MemorySource("v,b\n\(row)\n"), into: "t", of: engine, options: options)
            }
        }
        try RelationLoader.load(
            MemorySource("v,b\n3,no\n"), into: "t", of: engine, options: options)
        // A schema that is given accepts every spelling.
        options.schema = try Schema(parsing: "v integer, b boolean")
        try RelationLoader.load(
            MemorySource("v,b\n007,true\n"), into: "t", of: engine, options: options)
        #expect(try scan(engine, "t").text == "v,b\n1,yes\n2,no\n3,no\n7,yes\n")
        try engine.close()
    }
}
