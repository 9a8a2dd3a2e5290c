import Foundation
import StorageTesting
import Testing

/// Columns of arrays, as the tool's users see them.
@Suite("Arrays") struct ArrayToolTests {
    private let store = CommandStore()

    private static let columns =
        "id integer NOT NULL, i integer[], b bigint[], n numeric(10,2)[], t text[], s boolean[],"
        + " d date[], z timestamptz[], u uuid[], v varchar(3)[], c char(2)[], j jsonb[],"
        + " x double precision[]"

    /// Rows of arrays as PostgreSQL prints them. Some are long enough to be compressed, or to be
    /// stored out of line.
    private static func file(_ rows: Int) -> String {
        var text = "id,i,b,n,t,s,d,z,u,v,c,j,x\n"
        for row in 0..<rows {
            let numbers = (0..<row % 7).map { $0 == 3 ? "NULL" : "\(row * $0)" }
            let count = row % 50 == 7 ? 3000 : row % 4
            let many = (0..<count).map { "\($0 &* 6_364_136_223_846_793)" }
            let fields = [
                "\(row)",
                row % 5 == 0
                    ? "[0:1][-1:0]={{1,2},{\(row),NULL}}" : "{\(numbers.joined(separator: ","))}",
                "{\(many.joined(separator: ","))}", "{\(row).50,-1.00}",
                row % 3 == 0 ? #"{a,"b \#(row)","","q\"\\",NULL,"NULL"}"# : "{}",
                "{t,f,NULL}", "{2024-02-29,infinity}", #"{"2024-01-01 00:00:00+00"}"#,
                "{00000000-0000-4000-8000-0000\(10_000_000 + row)}", #"{ab,"a c"}"#,
                #"{ab,"c "}"#, #"{"{\"a\": \#(row)}",1}"#, row % 9 == 0 ? "" : "{0.5,NULL,1e+20}",
            ]
            text += fields.map(quoted).joined(separator: ",") + "\n"
        }
        return text
    }

    private static func quoted(_ field: String) -> String {
        guard field.contains(",") || field.contains("\"") else { return field }
        return "\"\(field.replacingOccurrences(of: "\"", with: "\"\""))\""
    }

    private func run(_ arguments: String...) throws -> CommandResult {
        let words = arguments.map(Command.quoted).joined(separator: " ")
        let result = try Command.shell(
            "exec $strata \(words) --store \(Command.quoted(store.path))")
        #expect(result.status == 0, "\(arguments): \(result)")
        return result
    }

    @Test(
        "are loaded, scanned, checked, appended and copied", arguments: ["magnetic", "compressed"])
    func everyCommand(_ manager: String) throws {
        let text = Self.file(400)
        let file = try store.file("arrays.csv", text)
        let loaded = try run(
            "load", file, "--relation", "t", "--manager", manager, "--schema", Self.columns)
        #expect(loaded.output.contains("loaded 400 rows"), "\(loaded)")
        #expect(try store.scan() == text)
        #expect(try run("relations").output.contains(Self.columns))
        #expect(try run("verify").output.hasPrefix("no damage"))
        _ = try run("load", file, "--relation", "t", "--append")
        _ = try run("copy", "--from", "t", "--to", "u")
        let rows = text.split(separator: "\n").dropFirst().joined(separator: "\n") + "\n"
        #expect(try store.scan("u") == text + rows)
        let json = try run(
            "scan", "--relation", "t", "--columns", "i", "--format", "json", "--limit", "1")
        #expect(json.output == #"{"i":"[0:1][-1:0]={{1,2},{0,NULL}}"}"# + "\n")
        #expect(try run("verify").output.hasPrefix("no damage"))
    }

    @Test("One column of a file can be an array; what is none is named")
    func oneColumn() throws {
        let text = "a,b\n1,\"{1,2}\"\n2,{}\n3,\n"
        try store.load(text)
        // Without being asked for, an array stays text.
        #expect(try run("relations").output.contains("a integer, b text"))
        let typed = try Command.run(
            "load", "-", "--store", store.path, "--relation", "typed", "--type", "b=integer[]",
            input: text)
        #expect(typed.status == 0, "\(typed)")
        #expect(try store.scan("typed") == text)
        let wrong = try Command.run(
            "load", "-", "--store", store.path, "--relation", "wrong", "--type", "b=integer[]",
            input: "a,b\n1,\"{1,2}\"\n2,\"{1,{2}}\"\n")
        #expect(wrong.status == 1)
        #expect(
            wrong.errors.contains("line 3, column \"b\": not a value of type integer[]"),
            "\(wrong)")
    }

    /// The server gets our file in place of its table's, and must find the same arrays in it as in
    /// a table that it has filled itself.
    @Test(
        "PostgreSQL reads our arrays as its own",
        .enabled(
            if: InstalledPostgres.programs != nil,
            "needs PostgreSQL's server programs below /usr/lib/postgresql"))
    func serverReadsOurs() throws {
        let server = try InstalledPostgres()
        let names = ["i", "b", "n", "t", "s", "d", "z", "u", "v", "c", "j", "x"]
        // Rows that fit a page, since the server's toast relation would not have our values.
        let lines = Self.file(400).split(separator: "\n").filter { $0.utf8.count < 1000 }
        let text = lines.joined(separator: "\n") + "\n"
        let file = "\(server.folder.path)/arrays.csv"
        try Data(text.utf8).write(to: URL(filePath: file))
        chmod(file, 0o644)
        try server.sql(
            """
            CREATE TABLE ours (\(Self.columns)); CREATE TABLE theirs (\(Self.columns));
            \\copy theirs FROM '\(file)' (FORMAT csv, HEADER)
            """,
            then: "$query -At -c \"SELECT pg_relation_filepath('ours')\" > place")
        let place = Command.text("\(server.folder.path)/place")
            .trimmingCharacters(in: .whitespacesAndNewlines)
        _ = try run("load", file, "--relation", "ours", "--schema", Self.columns)
        try Data(contentsOf: URL(filePath: "\(store.path)/base/1/16384"))
            .write(to: URL(filePath: "\(server.folder.path)/new"))
        chmod("\(server.folder.path)/new", 0o644)
        try server.run("cat new > data/\(place)")
        #expect(try server.checksums().bad.isEmpty)
        let same = names.map {
            "ours.\($0) IS NOT DISTINCT FROM theirs.\($0) AND pg_column_size(ours.\($0))"
                + " IS NOT DISTINCT FROM pg_column_size(theirs.\($0))"
        }.joined(separator: " AND ")
        try server.sql(
            "SELECT 1;",
            then: """
                $query -c "SET timezone TO UTC; COPY ours TO STDOUT (FORMAT csv, HEADER)" > out.csv
                $query -At -c "SELECT count(*) FROM ours JOIN theirs USING (id) WHERE \(same)" \
                    > same
                """)
        #expect(Command.text("\(server.folder.path)/out.csv") == text)
        #expect(lines.count > 300)
        #expect(Command.text("\(server.folder.path)/same") == "\(lines.count - 1)\n")
    }
}
