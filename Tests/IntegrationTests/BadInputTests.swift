import Foundation
import Testing

/// User errors: each is reported, and leaves the store unchanged.
@Suite("strata load: bad input")
struct BadInputTests {
    let store = CommandStore()

    /// A file that cannot be loaded.
    struct BadFile: CustomTestStringConvertible, Sendable {
        let name: String
        var schema: String?
        var text: String?
        /// What the message must contain.
        let message: [String]

        var testDescription: String { name }
    }

    static let files: [BadFile] = [
        BadFile(name: "empty", message: ["input is empty"]),
        BadFile(name: "no input at all", text: "", message: ["standard input", "input is empty"]),
        BadFile(
            name: "no input, columns given", schema: "a integer", text: "",
            message: ["input is empty", "header"]),
        BadFile(
            name: "truncated in a record", schema: "a integer, b integer", text: "a,b\n1,2\n3",
            message: ["line 3", "1 of 2 fields"]),
        BadFile(name: "too_few_fields", message: ["line 3", "2 of 3 fields"]),
        BadFile(name: "too_many_fields", message: ["line 3", "4 fields instead of 2"]),
        BadFile(name: "unterminated_quote", message: ["line 3", "no closing quote"]),
        BadFile(name: "stray_quote", message: ["line 3", "quote stands within"]),
        BadFile(name: "text_after_quote", message: ["line 2", "closing quote"]),
        BadFile(name: "stray_carriage_return", message: ["line 2", "carriage return"]),
        BadFile(name: "invalid_utf8", message: ["line 2", "not valid UTF-8", "byte offset"]),
        BadFile(name: "cut_utf8", message: ["line 2", "not valid UTF-8"]),
        BadFile(name: "nul_byte", message: ["line 2", "NUL byte"]),
        BadFile(
            name: "wrong_types", schema: "id bigint, day date",
            message: ["line 3, column \"day\"", "out of range for date", "2024-02-30"]),
        BadFile(
            name: "out of range", schema: "n smallint", text: "n\n1\n40000\n",
            message: ["line 3", "column \"n\"", "out of range for smallint", "40000"]),
        BadFile(
            name: "NULL in a NOT NULL column", schema: "n integer NOT NULL, m integer",
            text: "n,m\n,1\n", message: ["line 2", "column \"n\"", "NOT NULL"]),
        BadFile(
            name: "a row that no page has room for",
            schema: (0..<1100).map { "c\($0) bigint" }.joined(separator: ", "),
            text: [String]((0..<1100).map { "c\($0)" }).joined(separator: ",") + "\n"
                + String(repeating: ",", count: 1099) + "\n"
                + [String](repeating: "7", count: 1100).joined(separator: ",") + "\n",
            message: ["line 3", "a page has room for"]),
        BadFile(
            name: "columns that are not the file's", schema: "a integer, b integer, c integer",
            text: "a,b\n1,2\n", message: ["line 1", "2 of 3 fields"]),
    ]

    @Test("A file that cannot be loaded is refused at its fault", arguments: files)
    func badFile(_ file: BadFile) throws {
        try store.load("id\n1\n", as: "before")
        let path = file.text == nil ? "\(Command.fixtures)/csv/nasty/\(file.name).csv" : "-"
        // Once as a new relation, once replacing one that must stay.
        for options in ["--relation t", "--relation before --replace"] {
            let schema = file.schema.map { "--schema \(Command.quoted($0))" } ?? ""
            let result = try Command.shell(
                "$strata load \(Command.quoted(path)) --store \(Command.quoted(store.path))"
                    + " \(schema) --dialect none "
                    + options, file.text ?? "")
            #expect(result.status == 1, "\(result)")
            for part in file.message { #expect(result.errors.contains(part), "\(result)") }
        }
        #expect(try store.scan("before") == "id\n1\n")
        let scan = try Command.run("scan", "--store", store.path, "--relation", "t")
        #expect(scan.status == 1)
        #expect(scan.errors.contains("\"t\""), "\(scan)")
    }

    @Test("A source that cannot be read does not even create a store")
    func badSources() throws {
        let missing = try Command.run(
            "load", "\(store.folder)/nowhere.csv", "--store", store.path, "--relation",
            "t")
        #expect(missing.status == 1)
        #expect(missing.errors.contains("nowhere.csv: cannot be opened: No such file"))
        let directory = try Command.run(
            "load", store.folder, "--store", store.path, "--relation", "t")
        #expect(directory.status == 1)
        #expect(directory.errors.contains("Is a directory"), "\(directory)")
        #expect(!FileManager.default.fileExists(atPath: store.path))
    }

    @Test(
        "Invalid schemas",
        arguments: [
            ("", "column"), ("id", "type"), ("id bigint,", "column 2"), ("id nonsense", "nonsense"),
            ("id bigint, id text", "id"), ("id varchar(0)", "varchar"), ("id bigint; drop", ";"),
            ("\"id bigint", "quote"), (String(repeating: "n", count: 64) + " text", "nnnn"),
        ])
    func schemas(_ schema: String, _ part: String) throws {
        let result = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--schema", schema,
            input: "id\n1\n")
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains(part), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: store.path))
    }

    @Test(
        "Contradictory command lines",
        arguments: [
            (["--rejects", "r.csv"], "--on-error skip"),
            (["--on-error", "ignore"], "--on-error"),
            (["--io-method", "magic"], "automatic, sync, worker or io_uring"),
            (["--buffers", "0"], "at least 128kB"),
            (["--buffers", "-5MB"], "--buffers"),
            (["--buffers", "many"], "--buffers"),
            (["--buffers", "99999999999999TB"], "--buffers"),
            (["--delimiter", "123456789"], "--delimiter"),
            (["--delimiter", ""], "--delimiter"),
            (["--delimiter", "é"], "--delimiter"),
        ])
    func options(_ options: [String], _ part: String) throws {
        let all = ["load", "-", "--store", store.path, "--relation", "t"] + options
        let result = try Command.shell(
            "exec $strata " + all.map(Command.quoted).joined(separator: " "), "a\n1\n")
        #expect(result.status == 64, "\(result)")
        #expect(result.errors.contains(part), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: store.path))
    }

    @Test("A delimiter or a text for NULL that CSV cannot have")
    func dialects() throws {
        for options in ["--delimiter '\"'", "--null 'a,b'"] {
            let result = try Command.shell(
                "$strata load - --store \(Command.quoted(store.path)) --relation t \(options)",
                "a\n1\n")
            #expect(result.status == 1, "\(result)")
        }
    }

    @Test("Rejected records never overwrite the loaded file, nor go to an impossible path")
    func rejects() throws {
        let file = try store.file("input.csv", "a\n1\n")
        let same = try Command.run(
            "load", file, "--store", store.path, "--relation", "t", "--on-error", "skip",
            "--rejects", file)
        #expect(same.status == 64)
        #expect(Command.text(file) == "a\n1\n")
        let nowhere = try Command.run(
            "load", file, "--store", store.path, "--relation", "t", "--on-error", "skip",
            "--rejects", "\(store.folder)/none/rejects.csv")
        #expect(nowhere.status == 1)
        #expect(nowhere.errors.contains("none/rejects.csv: cannot be opened"), "\(nowhere)")
    }

    @Test("Rejected records never overwrite a file, nor go into the store")
    func rejectsElsewhere() throws {
        try store.load("a\n1\n", as: "before")
        func load(_ rejects: String, _ text: String = "a\n1\nx\n") throws -> CommandResult {
            try Command.run(
                "load", "-", "--store", store.path, "--relation", "t", "--schema", "a integer",
                "--on-error", "skip", "--rejects", rejects, input: text)
        }
        let kept = try store.file("kept.csv", "precious\n")
        let refused = try load(kept)
        #expect(refused.status == 1)
        #expect(
            refused.errors.contains("kept.csv: the file for rejected records exists")
                && refused.errors.contains("give another name, or remove it"), "\(refused)")
        #expect(Command.text(kept) == "precious\n")

        let manager = FileManager.default
        try manager.createSymbolicLink(
            atPath: "\(store.folder)/link", withDestinationPath: "\(store.path)/base")
        try manager.createSymbolicLink(
            atPath: "\(store.folder)/astray", withDestinationPath: "\(store.path)/new")
        for inside in ["store/rejects.csv", "store/strata.catalog", "link/1/r", "store/../store/r"]
        {
            let result = try load("\(store.folder)/\(inside)")
            #expect(result.status == 1)
            #expect(result.errors.contains("must not be in the store"), "\(result)")
        }
        let astray = try load("\(store.folder)/astray")
        #expect(astray.status == 1)
        #expect(astray.errors.contains("leads nowhere"), "\(astray)")
        #expect(!manager.fileExists(atPath: "\(store.path)/new"))
        #expect(!manager.fileExists(atPath: "\(store.path)/rejects.csv"))
        #expect(try store.scan("before") == "a\n1\n")

        // An empty file is taken.
        #expect(try load(try store.file("empty.csv", "")).status == 0)
        #expect(
            Command.text("\(store.folder)/empty.csv").hasPrefix("line,column,reason,record\n3,"))
    }

    @Test("Bad records are skipped even if the columns are inferred")
    func skippingWhileInferring() throws {
        let rejects = "\(store.folder)/rejects.csv"
        let loaded = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--on-error", "skip",
            "--rejects", rejects, input: "a,b\n1\n2,x\n3,y,z\n4,w\n")
        #expect(loaded.status == 0, "\(loaded)")
        #expect(loaded.output.contains("inferred from 2 rows: a integer, b text"))
        #expect(try store.scan() == "a,b\n2,x\n4,w\n")
        #expect(Command.text(rejects).split(separator: "\n").count == 3)
    }

    @Test("An inferred type that does not hold is said to be inferred")
    func wronglyInferred() throws {
        let text = "a\n" + String(repeating: "1\n", count: 10_000) + "x\n"
        let inferred = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--no-widen", input: text)
        #expect(inferred.status == 1)
        #expect(inferred.errors.contains("line 10002, column \"a\""), "\(inferred)")
        #expect(inferred.errors.contains("leave out --no-widen"), "\(inferred)")
        #expect(
            inferred.errors.contains("with --schema") && inferred.errors.contains("--on-error skip")
        )
        let given = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--schema", "a integer",
            input: text)
        #expect(given.status == 1)
        #expect(!given.errors.contains("inferred"), "\(given)")
    }

    @Test("A file with another delimiter is reported as such")
    func otherDelimiter() throws {
        func load(_ text: String, _ options: String...) throws -> CommandResult {
            let all = ["load", "-", "--store", store.path, "--relation", "t", "--replace"]
            return try Command.shell(
                "exec $strata " + (all + options).map(Command.quoted).joined(separator: " "), text)
        }
        for text in ["a;\"b\"\n1;2\n", "\"a\";b\n1;2\n"] {
            let result = try load(text, "--dialect", "none")
            #expect(result.status == 1)
            #expect(result.errors.contains("--delimiter"), "\(result)")
        }
        for (text, option) in [("a;b\n1;2\n", "';'"), ("a\tb\n1\t2\n", "'\\t'")] {
            let result = try load(text, "--dialect", "none")
            #expect(result.status == 0)
            #expect(result.errors.contains("--delimiter \(option)"), "\(result)")
            let given = try load(
                text, "--schema", "a integer, b integer", "--dialect", "none")
            #expect(given.status == 1)
            #expect(given.errors.contains("--delimiter"), "\(given)")
        }
        let right = try load("a;b\n1;2\n", "--delimiter", ";")
        #expect(right.status == 0)
        #expect(!right.errors.contains("--delimiter"), "\(right)")
    }

    @Test("A fault that hides the next record always ends the load")
    func skippingStops() throws {
        let result = try Command.run(
            "load", "-", "--store", store.path, "--relation", "t", "--on-error", "skip",
            "--schema", "a integer, b text", input: "a,b\n1,x\n2,\"y\n3,z\n")
        #expect(result.status == 1)
        #expect(result.errors.contains("no closing quote"), "\(result)")
    }
}
