import PageFormat
import Testing
import Threads

/// A PostgreSQL installation on this machine, and a way to run its programs.
struct PostgresInstallation {
    /// The folder of `initdb`, `pg_checksums` and the others.
    let programs: String

    /// The newest installation that can be used from here. Its programs refuse to run as root, so
    /// root needs a user `postgres` to run them.
    static let found: PostgresInstallation? = {
        if geteuid() == 0, unsafe getpwnam("postgres") == nil { return nil }
        for version in (14...30).reversed() {
            let programs = "/usr/lib/postgresql/\(version)/bin"
            let needed = ["initdb", "pg_ctl", "psql", "pg_checksums"]
            if needed.allSatisfy({ unsafe access("\(programs)/\($0)", X_OK) == 0 }) {
                return PostgresInstallation(programs: programs)
            }
        }
        return nil
    }()

    /// Runs a shell script (without single quotes) with the programs in `PATH`. Throws if it fails.
    func run(_ script: String) throws {
        let command = "set -e; PATH=\(programs):$PATH; cd /; { \(script); } >/dev/null"
        let shell = geteuid() == 0 ? "su postgres -s /bin/sh" : "sh"
        let status = unsafe system("\(shell) -c '\(command)'")
        try #require(status == 0, "\(script)")
    }
}

@Suite("A file we wrote, read by PostgreSQL")
struct RealServerTests {
    static let columns = """
        truth boolean, small smallint, medium integer, large bigint, single real,
        double double precision, words text, identity uuid, blob bytea
        """
    static let layout: [AttributeLayout] = [
        .boolean, .int16, .int32, .int64, .float32, .float64, .variable(), .uuid, .variable(),
    ]
    static let rowCount = 500

    /// Forms row `index` and returns it as COPY … CSV prints it.
    static func form(_ index: Int, with builder: inout HeapTupleBuilder) -> String {
        var fields: [String] = []
        builder.begin()
        let isNull = { (column: Int) in (index * 7 + column * 3) % 5 == 0 && index % 2 == 1 }
        func note(_ text: String) { fields.append(isNull(fields.count) ? "" : text) }

        note(index % 3 == 0 ? "t" : "f")
        if isNull(0) { builder.appendNull() } else { builder.append(index % 3 == 0) }
        note("\(-index)")
        if isNull(1) { builder.appendNull() } else { builder.append(Int16(-index)) }
        note("\(index * 1000)")
        if isNull(2) { builder.appendNull() } else { builder.append(Int32(index * 1000)) }
        note("\(index * -10_000_000_000)")
        if isNull(3) { builder.appendNull() } else { builder.append(index * -10_000_000_000) }
        note("\(index).5")
        if isNull(4) { builder.appendNull() } else { builder.append(Float(index) + 0.5) }
        note("\(index).25")
        if isNull(5) { builder.appendNull() } else { builder.append(Double(index) + 0.25) }
        let words = String(repeating: "w", count: index % 300)
        note(words.isEmpty ? "\"\"" : words)
        append(Array(words.utf8), isNull: isNull(6), to: &builder)
        note("01010101-0101-0101-0101-010101010101")
        if isNull(7) {
            builder.appendNull()
        } else {
            builder.appendFixed(unsafe [UInt8](repeating: 1, count: 16).span.bytes)
        }
        note("\\x" + String(repeating: "ff", count: index % 130))
        append([UInt8](repeating: 255, count: index % 130), isNull: isNull(8), to: &builder)
        return fields.joined(separator: ",")
    }

    private static func append(
        _ value: [UInt8], isNull: Bool, to builder: inout HeapTupleBuilder
    ) {
        if isNull {
            builder.appendNull()
        } else {
            builder.appendVariable(unsafe value.span.bytes)
        }
    }

    /// Forms all rows into the pages of a file.
    static func formFile() throws -> (file: [UInt8], csv: String) {
        var file: [UInt8] = []
        var csv = ""
        var builder = HeapTupleBuilder(layout: layout)
        var page = TestPage.empty()
        func finishPage() {
            page.edit { $0.setChecksum(block: UInt32(file.count / PageLayout.size)) }
            file += page.bytes
            page = TestPage.empty()
        }
        for index in 0..<rowCount {
            csv += form(index, with: &builder) + "\n"
            let block = { UInt32(file.count / PageLayout.size) }
            if try page.place(&builder, block: block()) == nil {
                finishPage()
                try #require(try page.place(&builder, block: block()) == 1)
            }
        }
        finishPage()
        return (file, csv)
    }

    @Test(
        "has checksums that pg_checksums accepts and rows that SELECT returns",
        .enabled(
            if: PostgresInstallation.found != nil,
            "needs PostgreSQL's server programs below /usr/lib/postgresql"))
    func serverReadsOurs() throws {
        let server = try #require(PostgresInstallation.found)
        var template = Array("/tmp/strata-pg-XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&template) != nil)
        let home = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        try #require(unsafe chmod(home, 0o777) == 0)
        defer {
            // Nothing runs any more unless a step below failed.
            try? server.run("pg_ctl -D \(home)/data -s -m immediate stop 2>/dev/null || true")
            _ = unsafe system("rm -rf \(home)")
        }

        let start = """
            pg_ctl -D \(home)/data -w -s -l \(home)/log -o "-F -k \(home) -h \\"\\"" start
            """
        let query = "psql -X -q -v ON_ERROR_STOP=1 -h \(home) -U postgres -d postgres -At"
        try server.run(
            """
            initdb -D \(home)/data --data-checksums -U postgres -A trust --no-sync --locale=C \
                --encoding=UTF8;
            \(start);
            \(query) -c "CREATE TABLE ours (\(Self.columns)) WITH (autovacuum_enabled = off)";
            \(query) -c "CHECKPOINT" -c "SELECT pg_relation_filepath(\\$\\$ours\\$\\$)" \
                > \(home)/path;
            pg_ctl -D \(home)/data -w -s -m fast stop
            """)

        let (file, csv) = try Self.formFile()
        let path = String(
            decoding: try Fixtures.readFile("\(home)/path").filter { $0 != 10 }, as: UTF8.self)
        try write(file, over: "\(home)/data/\(path)")

        try server.run("pg_checksums --check -D \(home)/data")
        try server.run(
            """
            \(start);
            \(query) -c "COPY ours TO STDOUT CSV" > \(home)/csv;
            if \(query) -c "CREATE EXTENSION amcheck" 2>/dev/null; then
                \(query) -c "SELECT * FROM verify_heapam(\\$\\$ours\\$\\$)" > \(home)/damage;
            else
                : > \(home)/damage;
            fi;
            pg_ctl -D \(home)/data -w -s -m fast stop
            """)
        let found = String(decoding: try Fixtures.readFile("\(home)/csv"), as: UTF8.self)
        #expect(found == csv)
        let damage = String(decoding: try Fixtures.readFile("\(home)/damage"), as: UTF8.self)
        #expect(damage.isEmpty)
    }

    /// Replaces a file's contents, keeping its owner.
    private func write(_ bytes: [UInt8], over path: String) throws {
        guard let file = unsafe fopen(path, "r+b") else { throw Fixtures.Missing(path: path) }
        let written = unsafe fwrite(bytes, 1, bytes.count, file)
        let closed = unsafe fclose(file)
        try #require(written == bytes.count && closed == 0)
    }
}
