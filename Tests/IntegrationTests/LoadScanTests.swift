import Foundation
import Testing

/// Files go in and come out the same.
@Suite("strata load and scan")
struct LoadScanTests {
    static let methods = ["automatic", "sync", "worker", "io_uring"]

    let store = CommandStore()

    @Test("A real file comes back, under every IO method", arguments: methods)
    func airports(_ method: String) throws {
        let path = "\(Command.fixtures)/csv/airports.csv"
        let load = try Command.run(
            "load", path, "--store", store.path, "--relation", "airports", "--io-method", method)
        if method == "io_uring" && load.errors.contains("io_uring") && load.status != 0 {
            print("io_uring is not tried: \(load.errors)")
            return
        }
        #expect(load.status == 0, "\(load)")
        #expect(load.errors.isEmpty || method == "automatic")
        #expect(load.output.contains("schema inferred from 3376 rows: iata text, name text"))
        #expect(
            load.output.contains("loaded 3376 rows into airports: 36 new pages from 210.4 kB in"))
        #expect(method == "automatic" || load.output.contains("IO method \(method)"))
        let scan = try Command.run(
            "scan", "--store", store.path, "--relation", "airports", "--io-method", method)
        #expect(scan.status == 0)
        #expect(scan.output == Command.text(path))
        #expect(scan.errors.contains("scanned 3376 rows of airports: 36 pages"))
        let direct = try Command.run(
            "scan", "--store", store.path, "--relation", "airports", "--io-method", method,
            "--direct-io")
        #expect(direct.output == scan.output || direct.errors.contains("direct"), "\(direct)")
    }

    @Test(
        "Odd files come back normalised",
        arguments: [
            (
                "quotes",
                "id,name,note\n1,\"Smith, John\",\"says \"\"hi\"\"\"\n2,\"two\nlines\",\n"
                    + "3,\"\",\"\"\n4,\"\"\"\",\"a\"\"b\"\n5,'single', spaced \n"
            ),
            ("crlf", "id,name\n1,\"a\r\nb\"\n2,c\n"),
            ("carriage_returns", "id,name\n1,\"a\rb\"\n2,c\n"),
            ("byte_order_mark", "id,name\n1,żółw\n"),
            ("blank_lines", "id,name\n1,a\n2,b\n"),
            ("no_final_line_break", "id,name\n1,a\n2,b\n"),
            ("null_and_empty", "id,name\n1,\n2,\"\"\n,x\n\"\",y\n"),
            ("header_only", "id,name\n"),
        ])
    func odd(_ name: String, _ expected: String) throws {
        let path = "\(Command.fixtures)/csv/nasty/\(name).csv"
        let load = try Command.run("load", path, "--store", store.path, "--relation", name)
        #expect(load.status == 0, "\(load)")
        #expect(try store.scan(name) == expected)
        // Loading the output and scanning it again gives the same.
        try store.load(expected, as: "again")
        #expect(try store.scan("again") == expected)
    }

    @Test("Other delimiters, texts for NULL, and no header")
    func dialects() throws {
        let path = "\(Command.fixtures)/csv/nasty/semicolons.csv"
        #expect(
            try Command.run(
                "load", path, "--store", store.path, "--relation", "t", "--delimiter", ";"
            ).status == 0)
        #expect(try store.scan() == "id,name\n1,\"a,b\"\n2,c;d\n")
        let tabs = try Command.run(
            "load", "-", "--store", store.path, "--relation", "tabs", "--delimiter", "\\t",
            "--null", "NA", "--no-header", input: "1\tNA\nNA\tx\n")
        #expect(tabs.status == 0, "\(tabs)")
        #expect(try store.scan("tabs") == "column1,column2\n1,\n,x\n")
        let back = try Command.run(
            "scan", "--store", store.path, "--relation", "tabs", "--delimiter", "\\t", "--null",
            "NA", "--no-header")
        #expect(back.output == "1\tNA\nNA\tx\n")
    }

    @Test("Columns, limit and formats")
    func projections() throws {
        try store.load("id,name,\"odd, name\"\n1,a,true\n2,\"b\"\"\",\n3,,false\n")
        func scan(_ arguments: String...) throws -> CommandResult {
            let all = ["scan", "--store", store.path, "--relation", "t"] + arguments
            return try Command.shell(
                "exec $strata " + all.map(Command.quoted).joined(separator: " "))
        }
        #expect(
            try scan("--columns", "\"odd, name\",id", "--limit", "2").output
                == "\"odd, name\",id\ntrue,1\n,2\n")
        #expect(
            try scan("--format", "json").output
                == "{\"id\":1,\"name\":\"a\",\"odd, name\":true}\n"
                + "{\"id\":2,\"name\":\"b\\\"\",\"odd, name\":null}\n"
                + "{\"id\":3,\"name\":null,\"odd, name\":false}\n")
        let none = try scan("--format", "none")
        #expect(none.output.isEmpty)
        #expect(none.errors.contains("scanned 3 rows of t"))
        #expect(try scan("--limit", "0").output == "id,name,\"odd, name\"\n")
        for text in ["", ",id"] { #expect(try scan("--columns", text).status == 64) }
        let wrong = try scan("--columns", "id,nmae")
        #expect(wrong.status == 1)
        #expect(wrong.errors.contains("no column \"nmae\""))
        #expect(wrong.errors.contains("id integer, name text"))
    }

    @Test("Append adds, replace replaces, and a new relation must not exist")
    func modes() throws {
        try store.load("id,name\n1,a\n")
        func load(_ text: String, _ options: String...) throws -> CommandResult {
            let all = ["load", "-", "--store", store.path, "--relation", "t"] + options
            return try Command.shell(
                "exec $strata " + all.map(Command.quoted).joined(separator: " "), text)
        }
        #expect(try load("id,name\n2,b\n", "--append").status == 0)
        #expect(try store.scan() == "id,name\n1,a\n2,b\n")

        let swapped = try load("name,id\n3,4\n", "--append")
        #expect(swapped.status == 1)
        #expect(swapped.errors.contains("line 1, column \"id\""), "\(swapped)")
        let other = try load("id,name\n3,4\n", "--append", "--schema", "id text, name text")
        #expect(other.status == 1)
        #expect(other.errors.contains("has the columns id integer, name text"), "\(other)")
        let exists = try load("id,name\n3,4\n")
        #expect(exists.status == 1)
        #expect(exists.errors.contains("relation \"t\" exists already"), "\(exists)")
        #expect(try load("x\n1\n", "--append", "--replace").status == 64)
        #expect(try store.scan() == "id,name\n1,a\n2,b\n")

        #expect(try load("day\n2024-02-29\n", "--replace").status == 0)
        #expect(try store.scan() == "day\n2024-02-29\n")
        let missing = try Command.run(
            "load", "-", "--store", store.path, "--relation", "u", "--append", input: "a\n1\n")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("\"u\""), "\(missing)")
    }

    @Test("Bad records are skipped, and written to a file with the reasons")
    func rejects() throws {
        let rejects = "\(store.folder)/rejects.csv"
        let load = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--schema",
            "id integer, name text NOT NULL", "--on-error", "skip", "--rejects", rejects,
            input: "id,name\n1,a\nx,\"b, \"\"c\"\"\"\n2\n3,\n4,d\n5,e,f\n")
        #expect(load.status == 0, "\(load)")
        #expect(load.output.contains("loaded 2 rows into t, 4 records skipped"))
        #expect(try store.scan() == "id,name\n1,a\n4,d\n")
        #expect(
            Command.text(rejects) == #"""
                line,column,reason,record
                3,"id","not a value of type integer","x,""b, """"c"""""""
                4,"name","the record has 1 of 2 fields","2"
                5,"name","NULL in a column that is NOT NULL","3,"
                7,"3","the record has 3 fields instead of 2","5,e,f"

                """#)
    }

    @Test("The reader of the rows may stop")
    func brokenPipe() throws {
        try store.load("n\n" + (1...200_000).map { "\($0)\n" }.joined())
        let scan = try Command.shell(
            "{ $strata scan --store \(Command.quoted(store.path)) --relation t; echo $? >&2; }"
                + " | head -n 3")
        #expect(scan.output == "n\n1\n2\n")
        #expect(scan.errors == "0\n")
    }

    @Test("The smallest pool is enough for a much larger relation")
    func smallPool() throws {
        let text = "n,t\n" + (1...60_000).map { "\($0),row number \($0)\n" }.joined()
        let load = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--buffers", "128kB",
            input: text)
        #expect(load.status == 0, "\(load)")
        let scan = try Command.run(
            "scan", "--store", store.path, "--relation", "t", "--buffers", "128KiB")
        #expect(scan.output == text)
    }
}
