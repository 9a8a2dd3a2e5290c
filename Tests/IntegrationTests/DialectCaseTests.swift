import Foundation
import Testing

/// Files as people have them, each with the options that load it, and what comes out.
@Suite("strata load: files people have") struct DialectCaseTests {
    private let store = CommandStore()

    struct Case: Sendable, CustomTestStringConvertible {
        let file: String
        let options: String
        let output: String
        /// What standard error contains; nil if it must be empty.
        var said: String?
        var testDescription: String { "\(file) \(options)" }

        init(_ file: String, _ options: String, _ output: String, said: String? = nil) {
            (self.file, self.options, self.output, self.said) = (file, options, output, said)
        }
    }

    static let cases = [
        Case("preamble", "--skip 3", "id,v\n1,2\n"),
        Case("blank_first", "", "a,b\n1,x\n"),
        Case("blank_first", "--skip 2", "a,b\n1,x\n"),
        Case(
            "footer_total", "--on-error skip", "id,v\n1,2\n3,4\n",
            said: "1 record skipped, the first: "),
        Case("footer_total", "--comment T", "id,v\n1,2\n3,4\n"),
        Case("comment_lines", "--comment '#'", "year,co2\n1959,315.98\n"),
        Case("comment_lines", "--skip 2", "year,co2\n1959,315.98\n"),
        Case("comment_mid", "--comment '#'", "x,y,z\n1,2,3\n4,5,6\n"),
        Case("backslash_quote", "--escape '\\'", "pid,pname\n1,\"\"\"Walt\"\"\"\n"),
        Case(
            "backslash_quote", "", "pid,pname\n1,\"\"\"Walt\"\"\"\n",
            said: "recognised --escape '\\'"),
        Case("backslash_quote_mysql", "--escape '\\'", "a,b\n\"Foo \"\"Bar\"\"\",Baz\n"),
        Case("quote_in_unquoted", "--quote ''", "id,size\n1,\"5\"\" pipe\"\n2,x\n"),
        Case("quote_in_unquoted", "--lenient-quotes", "id,size\n1,\"5\"\" pipe\"\n2,x\n"),
        Case(
            "quote_in_unquoted", "", "id,size\n1,\"5\"\" pipe\"\n2,x\n",
            said: "recognised --quote ''"),
        Case(
            "tsv_quotes", "--delimiter '\\t' --quote ''",
            "id,name\n1,\"5\"\" pipe\"\n2,\"\"\"hello\"\n"),
        Case(
            "tsv_quotes", "", "id,name\n1,\"5\"\" pipe\"\n2,\"\"\"hello\"\n",
            said: "recognised --delimiter '\\t', --quote ''"),
        Case("quote_space_before", "--lenient-quotes", "id,name\n1,\"Smith, J\"\n"),
        Case("quote_space_before", "--trim", "id,name\n1,\"Smith, J\"\n"),
        Case("quote_after_close", "--lenient-quotes", "id,name\n1,a b\n"),
        Case("quote_after_close", "--quote ''", "id,name\n1,\"\"\"a\"\" b\"\n"),
        Case("quoted_empty_num", "--quoted-null", "id,v\n1,5\n1,5\n1,5\n2,\n"),
        Case("null_opt", "--null NULL --null NA --null ''", "id,v\n1,\n2,\n3,\n"),
        Case("null_opt", "--null NULL --null NA", "id,v\n1,\n2,\n3,\"\"\n"),
        Case("wide_schema_one_col", "--type a=text --type zip=bigint", "a,b,zip\n1,2,501\n"),
        Case("wide_schema_one_col", "--all-text", "a,b,zip\n1,2,00501\n"),
        Case(
            "schema_with_header_reordered", "--schema 'a text, b text'", "a,b\nx,1\ny,2\n",
            said: "in another order"),
        Case(
            "schema_with_header_reordered", "--schema 'a integer, b text' --match name",
            "a,b\n1,x\n2,y\n"),
        Case(
            "utf16le_bom", "", "id,name\n1,Zoë\n2,Łódź\n", said: "recognised --encoding utf-16le"),
        Case("utf16le_bom", "--encoding utf-16", "id,name\n1,Zoë\n2,Łódź\n"),
        Case("utf16le_nobom", "--encoding utf-16le", "id,name\n1,Zoe\n"),
        Case("utf16le_nobom", "--encoding utf-16", "id,name\n1,Zoe\n"),
        Case("latin1", "--encoding latin1", "id,name\n1,Zoë\n2,Müller\n"),
        Case("latin1", "--encoding windows-1252", "id,name\n1,Zoë\n2,Müller\n"),
        Case(
            "excel_unicode_text", "", "id,name\n1,Zoë\n",
            said: "recognised --encoding utf-16le, --delimiter '\\t'"),
        Case("semicolon", "--delimiter ';'", "id,name,price\n1,x,\"1,5\"\n2,y,\"2,25\"\n"),
        Case(
            "semicolon", "", "id,name,price\n1,x,\"1,5\"\n2,y,\"2,25\"\n",
            said: "recognised --delimiter ';'"),
        Case(
            "semicolon", "--dialect none --skip 1 --no-header --null x",
            "column1,column2\n1;x;1,5\n2;y;2,25\n"),
        Case("sep_line", "", "id,v\n1,2\n", said: "first line sep=;"),
        Case("sep_line", "--skip 1 --delimiter ';'", "id,v\n1,2\n"),
        Case("multi_delim", "--delimiter '||'", "id,name\n1,x\n"),
        Case(
            "multi_delim", "", "id||name\n1||x\n", said: "load with --delimiter '||'"),
        Case("gtfs_spaces", "--trim", "service_id,monday,tuesday\nWE,0,0\nWD,1,1\n"),
        Case("space_num", "--trim --schema 'a integer, b integer'", "a,b\n1,2\n3,4\n"),
        Case("trailing_delim_data", "--fill-missing", "a,b,c\n1,2,3\n4,5,6\n"),
        Case("trailing_delim_header", "--fill-missing", "a,b,c,column4\n1,2,3,\n"),
        Case(
            "trailing_delim_header", "--fill-missing --schema 'a integer, b integer, c integer'",
            "a,b,c\n1,2,3\n"),
        Case(
            "data_wider_than_header", "--fill-missing",
            "id,timestamp,price,volume,side,column6\n1,1748736094501,0.6853,239.62,sell,0\n"
                + "2,1748736094501,0.6852,106.02,sell,0\n"),
        Case("ragged_short", "--fill-missing", "a,b,c\n1,2,3\n4,5,\n6,7,8\n"),
        Case(
            "noheader_flag_gap", "", "2024-01-01,1.5,abc\n2024-01-02,2.5,def\n",
            said: "the header looks like data (2024-01-01, 1.5, abc); if"),
        Case(
            "noheader_flag_gap", "--no-header",
            "column1,column2,column3\n2024-01-01,1.5,abc\n2024-01-02,2.5,def\n"),
        Case(
            "skip_no_rejects", "--schema 'id integer, v integer' --on-error skip",
            "id,v\n1,2\n",
            said: "2 records skipped, the first: "),
        Case(
            "lone_cr_middle_skip", "--on-error skip", "a,b\n2,z\n",
            said: "line 2, column \"b\": a carriage return stands outside quotes"),
        Case(
            "utf8_invalid_skip", "--on-error skip", "a,b\n1,ok\n3,ok\n",
            said: "line 3, column \"b\": the text is not valid UTF-8"),
    ]

    private func load(_ file: String, _ options: String) throws -> CommandResult {
        try Command.shell(
            "exec $strata load \(Command.quoted("\(Command.fixtures)/cases/\(file).csv"))"
                + " --store \(Command.quoted(store.path)) --relation t \(options)")
    }

    @Test("are loaded by the options meant for them", arguments: cases)
    func right(_ wanted: Case) throws {
        let result = try load(wanted.file, wanted.options)
        #expect(result.status == 0, "\(result)")
        #expect(try store.scan() == wanted.output)
        if let said = wanted.said {
            #expect(result.errors.contains(said), "\(result)")
        } else {
            #expect(result.errors.isEmpty, "\(result)")
        }
    }

    /// A row that is larger than a page.
    @Test(arguments: ["", "--schema 'id integer, name text, note text, body text'"])
    func longRow(_ options: String) throws {
        let result = try load("longrow_name", options)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
        let text = try String(
            contentsOfFile: "\(Command.fixtures)/cases/longrow_name.csv", encoding: .utf8)
        #expect(try store.scan() == text)
    }

    static let refusals: [(String, String, [String])] = [
        ("preamble", "", ["--skip 3"]),
        ("comment_lines", "", ["--skip 2", "--comment"]),
        ("comment_lines", "--skip 9", ["no line of the input is left by --skip 9"]),
        (
            "comment_lines", "--skip 9 --comment '#' --no-header",
            ["no line of the input is left by --skip 9 and --comment '#'"]
        ),
        ("comment_mid", "", ["line 3", "--comment '#'"]),
        ("footer_total", "", ["line 4", "1 of 2 fields", "--comment", "--on-error skip"]),
        (
            "quote_in_unquoted", "--dialect none",
            ["line 2", "--quote ''", "--lenient-quotes", "--escape"]
        ),
        ("quote_space_before", "", ["--trim", "--lenient-quotes"]),
        ("quote_after_close", "", ["text follows the closing quote", "--lenient-quotes"]),
        ("backslash_quote", "--dialect none", ["--escape '\\'"]),
        ("utf16le_nobom", "", ["UTF-16LE", "--encoding utf-16le"]),
        ("utf16le_bom", "--dialect none", ["UTF-16LE", "--encoding utf-16le"]),
        ("latin1", "", ["line 2", "not valid UTF-8", "--encoding windows-1252"]),
        ("trailing_delim_data", "", ["line 2", "4 fields instead of 3", "--fill-missing"]),
        ("trailing_delim_header", "", ["line 2", "3 of 4 fields", "--fill-missing"]),
        ("data_wider_than_header", "", ["6 fields instead of 5", "--fill-missing"]),
        ("ragged_short", "", ["line 3", "2 of 3 fields", "--fill-missing"]),
        (
            "skip_all", "--schema 'id integer, v integer' --on-error skip",
            ["line 2, column \"id\"", "all 2 records were skipped", "not a value of type integer"]
        ),
        ("lone_cr_middle_skip", "", ["line 2", "carriage return", "--on-error skip"]),
        ("crcrlf", "", ["line 1", "two carriage returns and a line feed", "tr -d"]),
        ("crcrlf", "--on-error skip", ["line 1", "two carriage returns and a line feed"]),
        ("utf8_invalid_skip", "", ["line 3", "not valid UTF-8"]),
        ("schema_with_header_reordered", "--schema 'a int, c int' --match name", ["\"b\""]),
        ("semicolon", "--schema 'a int, b int' --delimiter ,", ["line 1", "--delimiter"]),
        ("wide_schema_one_col", "--type zap=text", ["no column \"zap\"", "a, b, zip"]),
        (
            "wide_schema_one_col", "--type zip=boolean",
            ["line 2, column \"zip\"", "Correct it, give another type with --type"]
        ),
    ]

    @Test("are refused with the cause and the option that helps", arguments: refusals)
    func refused(_ file: String, _ options: String, _ parts: [String]) throws {
        let result = try load(file, options)
        #expect(result.status == 1, "\(result)")
        for part in parts { #expect(result.errors.contains(part), "\(part): \(result)") }
        #expect(!FileManager.default.fileExists(atPath: store.path))
    }

    @Test("Columns are appended by name, or by position where that is said")
    func appending() throws {
        try store.load("b,a\nw,0\n", as: "swapped")
        try store.load("a,b,c\n0,w,5\n", as: "wider")
        func append(_ file: String, _ relation: String, _ options: String) throws -> CommandResult {
            try Command.shell(
                "exec $strata load \(Command.quoted("\(Command.fixtures)/cases/\(file).csv"))"
                    + " --store \(Command.quoted(store.path)) --relation \(relation) --append"
                    + " \(options)")
        }
        for (relation, file) in [("swapped", "append_reorder"), ("wider", "append_missing_col")] {
            let refused = try append(file, relation, "")
            #expect(refused.status == 1, "\(refused)")
            #expect(refused.errors.contains("--match name"), "\(refused)")
        }
        let swapped = try append("append_reorder", "swapped", "--match name")
        #expect(swapped.status == 0 && swapped.errors.isEmpty, "\(swapped)")
        #expect(try store.scan("swapped") == "b,a\nw,0\nx,1\n")
        let wider = try append("append_missing_col", "wider", "--match name")
        #expect(wider.status == 0, "\(wider)")
        #expect(wider.errors.contains("the header lacks \"c\""), "\(wider)")
        #expect(try store.scan("wider") == "a,b,c\n0,w,5\n1,x,\n")
        let position = try append("append_reorder", "swapped", "--match position")
        #expect(position.status == 1, "\(position)")
        #expect(position.errors.contains("in another order"), "\(position)")
        let strict = try Command.run(
            "load", "-", "--store", store.path, "--relation", "strict", "--schema",
            "a integer, b text, c integer NOT NULL", input: "a,b,c\n")
        #expect(strict.status == 0, "\(strict)")
        let missing = try append("append_missing_col", "strict", "--match name")
        #expect(missing.status == 1 && missing.errors.contains("\"c\""), "\(missing)")
    }

    @Test(
        "Options that make no sense together",
        arguments: [
            "--match name", "--append --type a=text", "--append --all-text",
            "--schema 'a int' --all-text", "--type a", "--skip -1", "--comment ab", "--quote ab",
            "--escape ''", "--encoding utf-9", "--dialect maybe",
            "--append --match name --no-header",
        ])
    func contradictions(_ options: String) throws {
        let result = try load("semicolon", options)
        #expect(result.status == 64, "\(result)")
    }

    @Test("Compressed files: zstd is read, from a pipe too; others are named with a command")
    func compressed() throws {
        let rows = "a,b\n" + (0..<50_000).map { "\($0),text \($0)\n" }.joined()
        let file = try store.file("rows.csv", rows)
        let result = try Command.shell(
            """
            cd \(Command.quoted(store.folder)) && zstd -q rows.csv && gzip -k rows.csv \
            && { zstd -qc rows.csv; printf '50000,more\\n' | zstd -qc; } > two.zst \
            && $strata load rows.csv.zst --store s --relation file >&2 \
            && cat two.zst | $strata load - --store s --relation pipe >&2 \
            && $strata scan --store s --relation file > file.out 2>/dev/null \
            && $strata scan --store s --relation pipe > pipe.out 2>/dev/null \
            && head -c 1000 rows.csv.zst > cut.zst
            $strata load cut.zst --store s --relation cut
            $strata load rows.csv.gz --store s --relation gz
            """)
        #expect(Command.text("\(store.folder)/file.out") == rows, "\(result)")
        #expect(Command.text("\(store.folder)/pipe.out") == rows + "50000,more\n")
        #expect(
            result.errors.contains("cut.zst: the compressed input is damaged"), "\(result)")
        #expect(
            result.errors.contains("gzip -dc rows.csv.gz | strata load - …"), "\(result)")
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test("zstd's frames without contents are passed, its long windows are named")
    func oddFrames() throws {
        let result = try Command.shell(
            """
            cd \(Command.quoted(store.folder))
            { printf '\\120\\052\\115\\030\\004\\000\\000\\000abcd'
              printf 'a,b\\n1,2\\n' | zstd -qc; } > skippable.zst
            # A window of 2 GiB, and a block of 8 bytes as they are.
            printf '\\050\\265\\057\\375\\000\\250\\101\\000\\000a,b\\n1,2\\n' > long.zst
            $strata load skippable.zst --store s --relation file >&2
            cat skippable.zst | $strata load - --store s --relation pipe >&2
            $strata scan --store s --relation file 2>/dev/null
            $strata scan --store s --relation pipe 2>/dev/null
            $strata load long.zst --store s --relation long >&2
            cat long.zst | $strata load - --store s --relation long >&2
            """)
        #expect(result.output == "a,b\n1,2\na,b\n1,2\n", "\(result)")
        for name in ["long.zst", "standard input"] {
            #expect(
                result.errors.contains(
                    "\(name): the input is zstd-compressed with a window of more than 128 MiB."),
                "\(result)")
        }
        #expect(
            result.errors.contains("zstd -dc --long=31 long.zst | strata load - …"), "\(result)")
    }

    @Test("Names in the header that cannot stay are said")
    func renamedColumns() throws {
        let long = String(repeating: "n", count: 70)
        let result = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t",
            input: "id,id,\(long),\"two\nlines\", x ,\n1,2,3,4,5,6\n")
        #expect(result.status == 0, "\(result)")
        #expect(result.errors.contains("\"id\" became \"id_2\""), "\(result)")
        #expect(result.errors.contains("\"\(long)\" became \"\(long.prefix(63))\""), "\(result)")
        #expect(result.errors.contains("\"two\\nlines\" became \"two_lines\""), "\(result)")
        #expect(!result.errors.contains("\"x\""), "\(result)")
        // Names of a schema are not those of the header.
        let given = try Command.run(
            "load", "-", "--store", store.path, "--relation", "u", "--schema", "a int, b int",
            input: "id,id\n1,2\n")
        #expect(given.status == 0 && given.errors.isEmpty, "\(given)")
    }

    @Test("Files that are no CSV are called what they are")
    func noTables() throws {
        for (text, parts) in [
            ("{\"a\":1}\n", ["is JSON, not CSV", "jq", "--dialect none"]),
            ("<!DOCTYPE html>\n<html>\n", ["is an HTML page", "--dialect none"]),
            (String(repeating: "\u{2}\u{1}", count: 90), ["is binary data, not text"]),
        ] {
            let result = try Command.run(
                "load", "-", "--store", store.path, "--relation", "t", input: text)
            #expect(result.status == 1, "\(result)")
            for part in parts { #expect(result.errors.contains(part), "\(part): \(result)") }
        }
        let plain = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--dialect", "none",
            input: "<html>\n</html>\n")
        #expect(plain.status == 0, "\(plain)")
    }

    @Test("What does not fit a relation is refused with what helps there")
    func appendMessages() throws {
        try store.load("id,name\n1,x\n")
        func append(_ text: String, _ options: String = "") throws -> CommandResult {
            try Command.shell(
                "exec $strata load - --store \(Command.quoted(store.path)) --relation t --append"
                    + " \(options)", text)
        }
        for options in ["", "--schema 'id integer, name text'"] {
            let value = try append("id,name\ntwo,y\n", options)
            #expect(value.status == 1, "\(value)")
            #expect(value.errors.contains("line 2, column \"id\": not a value"), "\(value)")
            #expect(value.errors.contains("load all rows into a new relation"), "\(value)")
            #expect(value.errors.contains("--on-error skip"), "\(value)")
        }
        let record = try append("2,y\n")
        #expect(record.status == 1, "\(record)")
        #expect(record.errors.contains("the header looks like data (2, y)"), "\(record)")
        #expect(record.errors.contains("--no-header"), "\(record)")
        #expect(try store.scan() == "id,name\n1,x\n")
    }
}
