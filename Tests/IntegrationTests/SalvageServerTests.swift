import Foundation
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

/// Rows rescued from the files of a server, beside what it showed.
@Suite(
    "Rescue beside a server",
    .enabled(
        if: InstalledPostgres.programs != nil,
        "needs PostgreSQL's server programs below /usr/lib/postgresql"))
struct SalvageServerTests {
    /// Five tables of different columns, one of which stores values out of line.
    private static let tables: [(name: String, schema: String, rows: String)] = [
        ("numbers", "id int, n numeric, f float8", "n, n * 1.5, n / 7.0"),
        ("people", "id bigint, name text, born date", "n, 'name ' || n, date '1970-01-01' + n"),
        (
            "facts", "id int, fact jsonb, tags text[]",
            "n, jsonb_build_object('n', n), ARRAY['a' || n, NULL]"
        ),
        (
            "keys", "k uuid, at timestamptz, ok boolean",
            "md5(n::text)::uuid, timestamptz '2020-01-01' + n * interval '1 min', n % 2 = 0"
        ),
        (
            "longs", "id int, body text",
            "n, repeat(md5(n::text), CASE WHEN n % 50 = 0 THEN 300 ELSE 2 END)"
        ),
    ]

    private static let create = tables.map { table in
        """
        CREATE TABLE \(table.name) (\(table.schema)) WITH (autovacuum_enabled = off);
        \(table.name == "longs" ? "ALTER TABLE longs ALTER body SET STORAGE EXTERNAL;" : "")
        INSERT INTO \(table.name) SELECT \(table.rows) FROM generate_series(1, 10000) n;
        """
    }.joined(separator: "\n")

    private static func copy(_ query: String) -> String {
        "\\copy (\(query)) TO STDOUT (FORMAT csv, HEADER)"
    }

    private func rows(_ rescue: ClusterRescue, _ target: RescueTarget) throws -> [UInt8] {
        let text = RescuedText(target.columns, .csv(null: "", header: true), marks: [])
        var bytes = text.header
        let report = try rescue.salvage(target) { row in
            bytes += text.text(of: row)
            return true
        }
        #expect(report.findings.isEmpty)
        return bytes
    }

    @Test("dropped tables come back from their files, and from an image")
    func dropped() throws {
        let cluster = try InstalledPostgres()
        let folder = cluster.folder.path
        let dumps = Self.tables.map {
            "PGTZ=UTC $query -c '\(Self.copy("SELECT * FROM \($0.name)"))' > \($0.name).csv"
        }
        try cluster.sql(
            Self.create,
            then: """
                \(dumps.joined(separator: "\n"))
                $query -c CHECKPOINT
                $query -At -c "SELECT relname, pg_relation_filepath(oid),
                    CASE WHEN reltoastrelid > 0 THEN pg_relation_filepath(reltoastrelid) END
                    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'" \
                    -F ' ' > paths
                mkdir kept
                while read name path toast; do cp data/$path kept/$name;
                    if [ -n "$toast" ]; then cp data/$toast kept/$name.toast; fi; done < paths
                $query -c "DROP TABLE \(Self.tables.map(\.name).joined(separator: ", "))"
                """)
        // The files come back as a file system's undelete would bring them.
        let paths = Command.text("\(folder)/paths").split(separator: "\n").map {
            $0.split(separator: " ").map(String.init)
        }
        for path in paths {
            try cluster.run("cp kept/\(path[0]) data/\(path[1])")
            if path.count > 2 { try cluster.run("cp kept/\(path[0]).toast data/\(path[2])") }
        }
        let rescue = try ClusterRescue(try DataDirectory.open(cluster.data))
        let orphans = try rescue.orphans()
        for table in Self.tables {
            let expected = Array(Command.text("\(folder)/\(table.name).csv").utf8)
            let path = try #require(paths.first { $0[0] == table.name })[1]
            let orphan = try #require(orphans.first { $0.path == path })
            #expect(orphan.formerName == "public.\(table.name)")
            #expect(try rows(rescue, try rescue.file(path)) == expected, "\(table.name)")
            let schema = try RescueSchema(parsing: table.schema)
            let targets = try rescue.orphans(fitting: schema).map(\.name)
            #expect(targets == [path], "\(table.name)")
            #expect(
                try rows(rescue, try rescue.file(path, schema: schema)) == expected,
                "\(table.name)")
            try image(cluster, table.name, schema, rescue.directory)
        }
        try rescue.directory.close()
    }

    /// All files between other bytes, in pieces of a file system's blocks.
    private func image(
        _ cluster: InstalledPostgres, _ name: String, _ schema: RescueSchema,
        _ directory: DataDirectory
    ) throws {
        let folder = cluster.folder.path
        if !FileManager.default.fileExists(atPath: "\(folder)/image") {
            try cluster.run(
                """
                head -c 40960 /dev/urandom > image
                for file in kept/*; do cat $file; head -c 12288 /dev/urandom; done >> image
                cat data/base/1/* data/pg_wal/0* >> image
                """)
        }
        let expected = Command.text("\(folder)/\(name).csv").split(separator: "\n").dropFirst()
        let image = try ImageRescue.open("\(folder)/image")
        let text = RescuedText(schema.columns, .csv(null: "", header: false), marks: [])
        var lines: [String] = []
        _ = try image.salvage(schema, directory: directory) { row in
            lines.append(String(decoding: text.text(of: row).dropLast(), as: UTF8.self))
            return true
        }
        image.close()
        #expect(lines.sorted() == expected.map(String.init).sorted(), "\(name)")
    }

    @Test("deleted rows are those that the server showed before")
    func deleted() throws {
        let cluster = try InstalledPostgres()
        let folder = cluster.folder.path
        try cluster.sql(
            Self.create,
            then: """
                PGTZ=UTC $query -c '\(Self.copy("SELECT * FROM people"))' > people.csv
                $query -c 'DELETE FROM people WHERE id % 3 = 0'
                """)
        let rescue = try ClusterRescue(try DataDirectory.open(cluster.data))
        let target = try rescue.database(named: "postgres").table(TableName("people"))
        let text = RescuedText(target.columns, .csv(null: "", header: true), marks: [])
        var options = SalvageOptions()
        options.includesDead = true
        var bytes = text.header
        var deleted = 0
        let report = try rescue.salvage(target, options: options) { row in
            bytes += text.text(of: row)
            if row.state == .deleted { deleted += 1 }
            return true
        }
        #expect(report.isWhole)
        #expect(deleted == 3333)
        #expect(bytes == Array(Command.text("\(folder)/people.csv").utf8))
        try rescue.directory.close()
    }

    @Test("a scan of dead rows goes on where a server has removed their long values")
    func deadValues() throws {
        let cluster = try InstalledPostgres()
        try cluster.sql(
            """
            CREATE TABLE t (id int, body text) WITH (autovacuum_enabled = off);
            ALTER TABLE t ALTER body SET STORAGE EXTERNAL;
            INSERT INTO t SELECT n, repeat('x', 5000) FROM generate_series(1, 300) n;
            DELETE FROM t WHERE id IN (100, 200);
            SELECT 'VACUUM pg_toast.pg_toast_' || 't'::regclass::oid \\gexec
            """)
        let scan = try Command.shell(
            "exec \"$strata\" postgres scan '\(cluster.data)' --database postgres --table t --dead")
        #expect(scan.status == 0, "\(scan.errors)")
        let lines = scan.output.split(separator: "\n")
        #expect(lines.count == 301)
        let dead = lines.filter { $0.hasSuffix(",deleted") }
        #expect(dead.count == 2 && dead.allSatisfy { $0.contains("00,,") }, "\(dead)")
        #expect(scan.errors.contains("shown as null"), "\(scan.errors)")
    }
}
