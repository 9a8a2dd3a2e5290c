import Foundation
import Testing

/// Values that other loaders change: they come back as they were.
@Suite("strata load keeps every text")
struct ExactLoadTests {
    let store = CommandStore()

    @Test(
        "Files that others changed silently come back",
        arguments: [
            ("version_merge", "pkg text, version numeric"),
            ("exp_id_upper", "sku text, qty integer"),
            ("dup_merge_ids", "id text"), ("longdec2", "v numeric"), ("ts_ns", "a text"),
            ("ts", "a text"), ("single_f", "sex text, n integer"), ("bool_only_t", "a text"),
            (
                "bool_tf",
                "a boolean, b boolean, c boolean, d boolean, e integer, f boolean"
            ),
            ("bool_True", "a boolean"), ("neg_zero_float", "v text"), ("precision", "v text"),
        ])
    func cases(_ name: String, _ columns: String) throws {
        let path = "\(Command.fixtures)/cases/\(name).csv"
        for method in LoadScanTests.methods {
            let load = try Command.run(
                "load", path, "--store", store.path, "--relation", method, "--io-method", method)
            if method == "io_uring" && load.errors.contains("io_uring") && load.status != 0 {
                print("io_uring is not tried: \(load.errors)")
                continue
            }
            #expect(load.status == 0, "\(load)")
            #expect(load.output.contains(": \(columns)\n"), "\(load)")
            #expect(try store.scan(method) == Command.text(path))
        }
    }

    /// A file whose last value is spelled otherwise than the 12,000 before it.
    private static func late(_ kind: String, _ value: String) -> String {
        var text = "id,v\n"
        for row in 0..<12_000 {
            let field =
                switch kind {
                case "integer": "\(10_000 + row)"
                case "double": "\(row).5"
                case "boolean": row % 2 == 1 ? "true" : "false"
                case "uuid": "00000000-0000-4000-8000-0000\(10_000_000 + row)"
                case "date": "2024-01-\(row % 20 + 10)"
                default: "2024-01-01 03:\(row / 60 % 50 + 10):\(row % 50 + 10)"
                }
            text += "\(row),\(field)\n"
        }
        return text + "12000,\(value)\n"
    }

    private static let lateValues = [
        ("integer", "00501", "text"), ("integer", "+4915123", "text"),
        ("integer", "-0", "double precision"), ("integer", "\" 9\"", "text"),
        ("integer", "1E5", "text"), ("integer", "1.5", "double precision"),
        ("double", "3.14159265358979323846", "numeric"), ("double", "007.5", "text"),
        ("double", "1.50", "numeric"), ("double", "-0.0", "text"), ("boolean", "1", "text"),
        ("boolean", "tr", "text"), ("boolean", "of", "text"), ("boolean", "TRUE", "text"),
        ("uuid", "d41d8cd98f00b204e9800998ecf8427e", "text"),
        ("uuid", "D41D8CD9-8F00-B204-E980-0998ECF8427E", "text"),
        ("timestamp", "2024-01-01T03:04:05Z", "text"),
        ("timestamp", "2024-01-01 03:04:05.123456789", "text"),
        ("timestamp", "2024-01-01 23:59:60", "text"), ("timestamp", "2024-01-01 24:00:00", "text"),
        ("timestamp", "2024-01-01", "text"), ("date", "2024-01-01 00:00:00", "text"),
        ("date", "2024-1-1", "text"),
    ]

    @Test("A value behind the sample widens its column, from a pipe too", arguments: lateValues)
    func widening(_ kind: String, _ value: String, _ type: String) throws {
        let text = Self.late(kind, value)
        let method = LoadScanTests.methods[value.utf8.count % LoadScanTests.methods.count]
        let load = try Command.shell(
            "cat | $strata load - --store \(Command.quoted(store.path)) --relation t"
                + " --io-method \(method)", text)
        if method == "io_uring" && load.errors.contains("io_uring") && load.status != 0 { return }
        #expect(load.status == 0, "\(load)")
        #expect(load.errors.contains("line 12002, column \"v\""), "\(load)")
        #expect(load.errors.contains("begins again with v \(type)"), "\(load)")
        #expect(load.output.contains("loaded 12001 rows"), "\(load)")
        let schemas = load.output.split(separator: "\n").filter { $0.hasPrefix("schema") }
        #expect(schemas.last?.hasPrefix("schema of the relation: ") == true, "\(load)")
        #expect(schemas.last?.hasSuffix(", v \(type)") == true, "\(load)")
        // Quotes that nothing needs are not kept.
        #expect(try store.scan() == text.filter { $0 != "\"" })
        let verify = try Command.run("verify", "--store", store.path)
        #expect(verify.status == 0, "\(verify)")
    }

    @Test("With --no-widen and with --append the value is named", arguments: lateValues)
    func strict(_ kind: String, _ value: String, _ type: String) throws {
        let plain = value.filter { $0 != "\"" }
        let refused = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--no-widen",
            input: Self.late(kind, value))
        #expect(refused.status == 1)
        #expect(refused.errors.contains("line 12002, column \"v\""), "\(refused)")
        #expect(refused.errors.contains("\"\(plain)\""), "\(refused)")
        #expect(refused.errors.contains("--no-widen"), "\(refused)")

        let lines = Self.late(kind, value).split(separator: "\n")
        let before = lines.dropLast().joined(separator: "\n") + "\n"
        try store.load(before)
        let append = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--append",
            input: "id,v\n12000,\(value)\n")
        #expect(append.status == 1)
        #expect(append.errors.contains("line 2, column \"v\""), "\(append)")
        #expect(append.errors.contains("\"\(plain)\""), "\(append)")
        #expect(try store.scan() == before)
    }

    @Test("Spellings are kept by copies and appends; JSON stays JSON")
    func spellings() throws {
        let text = """
            b,t,z,u
            Yes,2024-01-01T10:00:00,2024-01-01T10:00:00.5Z,A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11
            No,2024-01-02T10:00:00,2024-01-02T10:00:00Z,B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11

            """
        try store.load(text)
        #expect(try store.scan() == text)
        let json = try Command.run(
            "scan", "--store", store.path, "--relation", "t", "--format", "json", "--limit", "1")
        #expect(
            json.output == """
                {"b":true,"t":"2024-01-01T10:00:00","z":"2024-01-01T10:00:00.5Z",\
                "u":"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}

                """)
        let more = text.split(separator: "\n").dropFirst().joined(separator: "\n") + "\n"
        let append = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--append", input: text)
        #expect(append.status == 0, "\(append)")
        #expect(try store.scan() == text + more)
        let copy = try Command.run(
            "copy", "--store", store.path, "--from", "t", "--to", "copied")
        #expect(copy.status == 0, "\(copy)")
        #expect(try store.scan("copied") == text + more)
    }

    @Test("A schema that is given accepts PostgreSQL's spellings")
    func given() throws {
        let load = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--schema",
            "i int, b bool, d float8, u uuid, z timestamptz, t time, day date, a date[]",
            input: """
                i,b,d,u,z,t,day,a
                 007,yes,1.50,{D41D8CD98F00B204E9800998ECF8427E},2024-01-01T02:00+02:00,7:05,\
                1/31/2024,"{31 Jan 2024,20240131}"

                """)
        #expect(load.status == 0, "\(load)")
        #expect(
            try store.scan() == """
                i,b,d,u,z,t,day,a
                7,t,1.5,d41d8cd9-8f00-b204-e980-0998ecf8427e,2024-01-01 00:00:00+00,07:05:00,\
                2024-01-31,"{2024-01-31,2024-01-31}"

                """)
        // Without a schema, dates in another order stay text.
        let text = "day,time\n1/31/2024,5:06 PM\n20240131,10:11\n"
        try store.load(text, as: "inferred")
        #expect(try store.scan("inferred") == text)
        let listed = try Command.run("relations", "--store", store.path)
        #expect(listed.output.contains("day text, time text"), "\(listed)")
    }
}
