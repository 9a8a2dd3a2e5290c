import Foundation
import PostgresCluster
import PostgresDump
import StorageTesting
import Testing

/// Scripts of data directories, and what a server makes of them.
@Suite(.enabled(if: Archives.canUnpack, "tar or zstd is missing"))
struct PostgresDumpTests {
    private static let directory = TemporaryDirectory()

    /// What the fixtures' servers showed, by version, unpacked once.
    private static let expected: [Int: String] = {
        var folders: [Int: String] = [:]
        for version in [15, 18] {
            let archive = "\(Command.fixtures)/postgres/clusters/\(version)-expected.tar.zst"
            let folder = "\(directory.path)/\(version)"
            let result = try? Command.shell(
                "mkdir -p '\(folder)' && tar --zstd -xf '\(archive)' -C '\(folder)'")
            if result?.status == 0 { folders[version] = folder }
        }
        return folders
    }()

    private func dump(
        _ cluster: String, _ database: String, _ options: DumpOptions = DumpOptions()
    ) throws -> (text: String, summary: DumpSummary) {
        let cluster = try PostgresDirectory.open(try PostgresFixture.data(cluster))
        var bytes: [UInt8] = []
        let summary = try cluster.database(named: database).dump(options: options) { bytes += $0 }
        try cluster.close()
        return (String(decoding: bytes, as: UTF8.self), summary)
    }

    /// A table that a server showed.
    private struct Table {
        let database: String
        let name: String
        let kind: String
        let file: String

        init(_ line: Substring) {
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
                .map { String($0.replacing("\\t", with: "\t")) }
            database = fields[0]
            kind = fields[3]
            file = fields[12]
            name = fields[1...2].map { "\"\($0.replacing("\"", with: "\"\""))\"" }
                .joined(separator: ".")
        }
    }

    @Test(
        .enabled(if: InstalledPostgres.programs != nil, "there is no PostgreSQL server"),
        arguments: [(15, false), (15, true), (18, false), (18, true)])
    func aServerThatLoadsTheScriptHasTheSameRows(version: Int, isCrashed: Bool) throws {
        let folder =
            try #require(Self.expected[version])
            + (isCrashed ? "/expected-crashed" : "/expected")
        let lines = try String(contentsOfFile: "\(folder)/tables.tsv", encoding: .utf8)
        let tables = lines.split(separator: "\n").dropFirst().map(Table.init)
            .filter { !$0.file.isEmpty && !$0.name.contains("pg_largeobject") }
        let server = try InstalledPostgres()
        let databases = Set(tables.map(\.database)).sorted()
        let fixture = "\(version)-\(isCrashed ? "crashed" : "clean")"
        var script = """
            mkdir out
            pg_ctl -D data -w -s -l log -o "-F -k \(server.folder.path) -h ''" start
            query='psql -X -q -h \(server.folder.path) -U postgres'

            """
        for database in databases {
            let text = try dump(fixture, database).text
            try Data(text.utf8).write(to: URL(filePath: "\(server.folder.path)/\(database).sql"))
            try Data(copies(tables, database, server.folder.path).utf8)
                .write(to: URL(filePath: "\(server.folder.path)/\(database).copy"))
            script += """
                test \(database) = postgres || $query -d postgres -c 'CREATE DATABASE \(database)'
                $query -d \(database) -f \(database).sql >/dev/null 2>\(database).errors
                $query -d \(database) -f \(database).copy -v ON_ERROR_STOP=1

                """
        }
        script += "pg_ctl -D data -w -s -m fast stop"
        defer { _ = try? server.run("pg_ctl -D data -w -s -m immediate stop", mayFail: true) }
        try server.run(script)
        let errors = databases.map { Command.text("\(server.folder.path)/\($0).errors") }.joined()
        let later = Self.tablesOfLaterValues(errors)
        #expect(version > 15 || errors.isEmpty, "\(errors)")
        #expect(later.isSubset(of: ["t_datetimes", "t_wide", "t_json"]), "\(errors)")
        for (index, table) in tables.enumerated() {
            if later.contains(where: { table.name.hasSuffix("\"\($0)\"") }) { continue }
            var found = Command.text("\(server.folder.path)/out/\(index)")
            var wanted = Command.text("\(folder)/\(table.file)")
            if table.kind == "S" || table.name.contains("g_generated") {
                // How many values the server may give before it writes its log is no value, and
                // virtual columns are not stored.
                found = Self.without(["log_cnt", "virt", "virt2"], found)
                wanted = Self.without(["log_cnt", "virt", "virt2"], wanted)
            }
            #expect(found == wanted, "\(table.database) \(table.name)")
        }
        #expect(tables.count > 400)
    }

    /// The tables of whose rows the server says that it does not know a value, such as the infinite
    /// intervals of PostgreSQL 17. Any other error of it gives a name that no table has.
    private static func tablesOfLaterValues(_ errors: String) -> Set<String> {
        let lines = errors.split(separator: "\n")
        let tables = lines.compactMap { $0.firstMatch(of: /^CONTEXT: +COPY (\w+), line/)?.1 }
        let count = lines.count { $0.contains("ERROR: ") }
        return Set(tables.map(String.init)).union(count == tables.count ? [] : ["other errors"])
    }

    /// Statements that write a database's tables into files.
    private func copies(_ tables: [Table], _ database: String, _ folder: String) -> String {
        var text = """
            SET datestyle = 'ISO'; SET timezone = 'UTC'; SET extra_float_digits = 1;
            SET intervalstyle = 'postgres'; SET bytea_output = 'hex';
            SET search_path = public, pg_catalog;

            """
        for (index, table) in tables.enumerated() where table.database == database {
            text += "COPY (SELECT * FROM ONLY \(table.name)) TO '\(folder)/out/\(index)'"
            text += " (FORMAT csv, HEADER, NULL '\\N');\n"
        }
        return text
    }

    private static func without(_ names: Set<String>, _ text: String) -> String {
        let lines = text.split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        guard let header = lines.first else { return "" }
        return lines.map { line in
            zip(header, line).filter { !names.contains(String($0.0)) }.map { String($0.1) }
                .joined(separator: ",")
        }.joined(separator: "\n")
    }

    @Test func theScriptSaysWhatTheCatalogsSay() throws {
        let (text, summary) = try dump("18-clean", "app")
        for statement in [
            "CREATE SCHEMA IF NOT EXISTS store;\n",
            "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\n",
            "CREATE TYPE public.mood AS ENUM (\n    'before-first',\n",
            "    'it''s \"blue\"',\n",
            "CREATE DOMAIN public.dom_text AS character varying(40);\n",
            "    SUBTYPE_DIFF = pg_catalog.float8mi\n",
            "    m_num numeric DEFAULT '-12345.678900'::numeric,\n",
            "    m_enum public.mood DEFAULT 'größe'::public.mood,\n",
            "    m_null text",
            "    id integer NOT NULL,\n    d date NOT NULL,\n",
            ")\nPARTITION BY RANGE (d);\n",
            "ALTER TABLE ONLY public.p_range ATTACH PARTITION public.p_range_2020"
                + " FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');\n",
            "ALTER TABLE ONLY public.p_range ATTACH PARTITION public.p_range_def DEFAULT;\n",
            "FOR VALUES WITH (MODULUS 3, REMAINDER 0);\n",
            "ALTER TABLE ONLY store.i_multi INHERIT public.i_parent;\n",
            "CREATE SEQUENCE public.q_small AS smallint START WITH 1 INCREMENT BY 1 MINVALUE 1"
                + " MAXVALUE 9 CACHE 1 CYCLE;\n",
            "ALTER TABLE public.g_generated ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY"
                + " (SEQUENCE NAME public.g_generated_id_seq",
            "ALTER SEQUENCE public.x_indexes_id_seq OWNED BY public.x_indexes.id;\n",
            "DEFAULT pg_catalog.nextval('x_indexes_id_seq'::regclass)",
            "\nCOPY public.k_fk_child (id, p) FROM stdin;\n",
            "SELECT pg_catalog.setval('public.q_seq',",
            "PRIMARY KEY (id);\n",
            "ADD CONSTRAINT k_fk_child_p_fkey FOREIGN KEY (p) REFERENCES"
                + " public.k_fk_parent (id)",
            "USING gin (", "--   view public.w_view: its text cannot be said\n",
        ] {
            #expect(text.contains(statement), "\(statement)")
        }
        #expect(!text.contains("x_rolled_back"))
        #expect(!summary.losesRows)
        #expect(summary.omissions.contains { $0.object.hasPrefix("check k_fk_parent_v_check of") })
        #expect(
            summary.omissions.contains { $0.object.hasPrefix("foreign table public.f_foreign") })
        // A key comes behind the rows of every table, a foreign key behind every key.
        let rows = try #require(text.range(of: "\n\\.\n", options: .backwards))
        let key = try #require(text.range(of: " PRIMARY KEY ("))
        let lastKey = try #require(text.range(of: " PRIMARY KEY (", options: .backwards))
        let foreign = try #require(text.range(of: " FOREIGN KEY ("))
        #expect(rows.upperBound < key.lowerBound)
        #expect(lastKey.upperBound < foreign.lowerBound)
    }

    /// What a script must keep, beside rows, as a server's catalogs have it.
    private static let facts = """
        SELECT n.nspname, c.relname, c.relkind, c.relpersistence, c.reloptions, t.reloptions,
            c.relreplident, am.amname
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            LEFT JOIN pg_class AS t ON t.oid = c.reltoastrelid
            LEFT JOIN pg_am AS am ON am.oid = c.relam
        WHERE c.oid >= 16384 AND n.nspname !~ '^pg_' ORDER BY 1, 2;
        SELECT c.oid::regclass, attname, format_type(atttypid, atttypmod), attstorage,
            attcompression, attstattarget, (SELECT array_agg(o)
                FROM unnest(attoptions) o WHERE o NOT LIKE 'pg_attver=%'), attidentity, attnotnull,
            pg_get_expr(adbin, adrelid), attcollation::regcollation
        FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = attrelid
            LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE c.oid >= 16384 AND NOT attisdropped AND attnum > 0
            AND c.relnamespace::regnamespace::text !~ '^pg_' ORDER BY c.oid::regclass::text, attnum;
        SELECT pg_describe_object(classoid, objoid, objsubid), description FROM pg_description
        WHERE objoid >= 16384 OR classoid = 'pg_namespace'::regclass ORDER BY 1, 2;
        SELECT collnamespace::regnamespace, collname, collprovider, collisdeterministic,
            collcollate, collctype, colliculocale FROM pg_collation
        WHERE oid >= 16384 ORDER BY 1, 2;
        SELECT * FROM pg_sequences ORDER BY schemaname, sequencename;
        SELECT pg_get_serial_sequence('kept.' || relname, attname) FROM pg_attribute
            JOIN pg_class AS c ON c.oid = attrelid AND attidentity <> '' ORDER BY 1;
        SELECT pg_get_indexdef(indexrelid), indisclustered, indisreplident FROM pg_index
        WHERE indexrelid >= 16384 AND indrelid::regclass::text !~ '^pg_' ORDER BY 1;
        SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE conrelid >= 16384 ORDER BY conrelid::regclass::text, conname;
        """

    /// Objects whose facts are not the usual ones.
    private static let objects = """
        CREATE SCHEMA kept;
        COMMENT ON SCHEMA kept IS 'It''s "kept" \\ here
        over two lines';
        COMMENT ON SCHEMA public IS 'not the usual comment';
        CREATE COLLATION kept."Phone book" (provider = icu, locale = 'de-u-co-phonebk',
            deterministic = false);
        CREATE COLLATION kept.bytes FROM "C";
        COMMENT ON COLLATION kept.bytes IS 'by bytes';
        CREATE TYPE kept.mood AS ENUM ('sad', 'ok');
        COMMENT ON TYPE kept.mood IS 'moods';
        CREATE DOMAIN kept.short AS varchar(10) COLLATE kept.bytes;
        COMMENT ON DOMAIN kept.short IS 'a domain';
        CREATE TYPE kept.pair AS (a integer, b text COLLATE kept.bytes);
        COMMENT ON TYPE kept.pair IS 'a pair';
        COMMENT ON COLUMN kept.pair.b IS 'its second part';
        CREATE TABLE kept.settings (
            id bigint GENERATED ALWAYS AS IDENTITY (START 7 INCREMENT 3 CACHE 5),
            plain text, "Ext" text COMPRESSION pglz, main jsonb, wide numeric,
            n integer DEFAULT 5, d kept.short COLLATE "C", p text COLLATE kept."Phone book")
            WITH (fillfactor = 61, autovacuum_enabled = off, toast.autovacuum_enabled = off,
                toast_tuple_target = 4096, parallel_workers = 3);
        ALTER TABLE kept.settings ALTER plain SET STORAGE PLAIN,
            ALTER "Ext" SET STORAGE EXTERNAL,
            ALTER main SET STORAGE MAIN, ALTER wide SET STORAGE EXTENDED,
            ALTER n SET STATISTICS 77, ALTER n SET (n_distinct = -0.25,
            n_distinct_inherited = 9), ALTER wide SET STATISTICS 0;
        ALTER TABLE kept.settings ADD PRIMARY KEY (id) WITH (fillfactor = 55);
        CREATE INDEX by_n ON kept.settings (n DESC) WITH (fillfactor = 44,
            deduplicate_items = off);
        CREATE INDEX by_plain ON kept.settings USING gist (to_tsvector('simple', plain));
        CREATE INDEX by_main ON kept.settings USING gin (main jsonb_path_ops)
            WITH (fastupdate = off);
        CREATE INDEX by_range ON kept.settings USING brin (n int4_minmax_multi_ops
            (values_per_range = 16)) WITH (pages_per_range = 5);
        CREATE UNIQUE INDEX unlike ON kept.settings (id, p);
        ALTER TABLE kept.settings CLUSTER ON by_n;
        COMMENT ON TABLE kept.settings IS 'a table';
        COMMENT ON COLUMN kept.settings."Ext" IS 'kept outside';
        COMMENT ON INDEX kept.by_n IS 'an index';
        COMMENT ON CONSTRAINT settings_pkey ON kept.settings IS 'a key';
        INSERT INTO kept.settings (plain, n) SELECT 'x', n FROM generate_series(1, 10) AS n;
        CREATE TABLE kept.other (id smallint GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME
            kept."odd name" MAXVALUE 90 CYCLE), of bigint REFERENCES kept.settings
            DEFERRABLE, code text NOT NULL);
        ALTER TABLE kept.other ADD CONSTRAINT codes UNIQUE (code) INCLUDE (of);
        ALTER TABLE kept.other REPLICA IDENTITY USING INDEX codes;
        COMMENT ON CONSTRAINT other_of_fkey ON kept.other IS 'a foreign key';
        INSERT INTO kept.other SELECT n, NULL, n FROM generate_series(1, 3) AS n;
        CREATE TABLE kept.serials (id serial, at timestamptz);
        ALTER TABLE kept.serials REPLICA IDENTITY FULL;
        INSERT INTO kept.serials (at) VALUES ('now'), ('now');
        CREATE SEQUENCE kept.alone INCREMENT -2 CACHE 4;
        COMMENT ON SEQUENCE kept.alone IS 'a sequence';
        CREATE TABLE kept.parts (id integer GENERATED ALWAYS AS IDENTITY, k text
            COLLATE kept.bytes) PARTITION BY LIST (k COLLATE kept.bytes);
        CREATE TABLE kept.part_a PARTITION OF kept.parts FOR VALUES IN ('a')
            WITH (fillfactor = 20);
        CREATE INDEX ON kept.parts (k) WITH (fillfactor = 33);
        INSERT INTO kept.parts (k) VALUES ('a'), ('a');
        CREATE TYPE kept.place AS (x integer, lost text, y integer);
        ALTER TYPE kept.place DROP ATTRIBUTE lost;
        CREATE TABLE kept.placed (at kept.place DEFAULT ROW(1, 2)::kept.place);
        """

    @Test(.enabled(if: InstalledPostgres.programs != nil, "there is no PostgreSQL server"))
    func aServerThatLoadsTheScriptHasTheSameCatalogs() throws {
        let old = try InstalledPostgres()
        try Data(Self.facts.utf8).write(to: URL(filePath: "\(old.folder.path)/facts"))
        try old.sql(
            Self.objects, then: "$query -A -t -f facts > before 2>&1")
        let cluster = try PostgresDirectory.open(old.data)
        var script: [UInt8] = []
        let summary = try cluster.database(named: "postgres").dump { script += $0 }
        try cluster.close()
        let server = try InstalledPostgres()
        try Data(Self.facts.utf8).write(to: URL(filePath: "\(server.folder.path)/facts"))
        try server.sql(
            String(decoding: script, as: UTF8.self), then: "$query -A -t -f facts > after 2>&1")
        let before = Command.text("\(old.folder.path)/before")
        let after = Command.text("\(server.folder.path)/after")
        let wanted = before.split(separator: "\n").filter {
            // An index on an expression cannot be said.
            !$0.contains("by_plain")
        }
        #expect(wanted.count > 90)
        #expect(after.split(separator: "\n").difference(from: wanted).map { "\($0)" } == [])
        #expect(summary.omissions.map(\.object) == ["index kept.by_plain on kept.settings"])
    }

    @Test(.enabled(if: InstalledPostgres.programs != nil, "there is no PostgreSQL server"))
    func whatTheFilesAloneDoNotTellIsListed() throws {
        let server = try InstalledPostgres()
        try server.sql(
            """
            CREATE TABLE t (id integer PRIMARY KEY, a text CHECK (a <> ''), b integer
                GENERATED ALWAYS AS (id * 2) STORED, c integer);
            ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            CREATE POLICY p ON t USING (id > 5);
            CREATE STATISTICS st ON id, c FROM t;
            CREATE PUBLICATION pub FOR TABLE t;
            CREATE FOREIGN DATA WRAPPER w;
            CREATE SERVER s FOREIGN DATA WRAPPER w;
            CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE FUNCTION g() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
            CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
            CREATE EVENT TRIGGER et ON sql_drop EXECUTE FUNCTION g();
            CREATE TYPE shape AS (x integer);
            CREATE TABLE typed OF shape;
            CREATE TEXT SEARCH CONFIGURATION conf (COPY = simple);
            CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
            SELECT lo_from_bytea(0, 'abc');
            """)
        let cluster = try PostgresDirectory.open(server.data)
        let summary = try cluster.database(named: "postgres").dump { _ in }
        try cluster.close()
        let objects = Set(summary.omissions.map(\.object))
        for object in [
            "check t_a_check of public.t", "generation of column public.t.b",
            "row security of table public.t", "policy p on public.t",
            "statistics object public.st", "publication pub", "foreign-data wrapper w",
            "foreign server s", "function public.f", "function public.g", "trigger tr on public.t",
            "event trigger et", "type of table public.typed",
            "text search configuration public.conf",
            "check positive_check of domain public.positive", "1 large objects",
        ] {
            #expect(objects.contains(object), "\(object)")
        }
        #expect(objects.count == 16)
    }

    @Test func aTableComesWithWhatItNeeds() throws {
        var options = DumpOptions()
        options.tables = [try TableName("t_usertypes"), try TableName("p_range")]
        let (text, summary) = try dump("15-clean", "app", options)
        #expect(text.contains("CREATE TYPE public.mood AS ENUM"))
        #expect(text.contains("CREATE TYPE public.comp2 AS ("))
        #expect(text.contains("CREATE TABLE store.p_range_sub_1 ("))
        #expect(text.contains("CREATE SCHEMA IF NOT EXISTS store;"))
        #expect(!text.contains("t_ints"))
        #expect(!text.contains("textrange"))
        #expect(summary.tableCount == 8)
        options.tables = [try TableName("k_fk_child")]
        let child = try dump("15-clean", "app", options)
        #expect(!child.text.contains("FOREIGN KEY"))
        #expect(child.summary.omissions.contains { $0.object.hasPrefix("foreign key") })
    }

    @Test func theToolWritesTheScript() throws {
        let data = try PostgresFixture.data("15-clean")
        let result = try Command.run(
            "postgres", "dump", data, "--database", "app", "--schema-only")
        #expect(result.status == 0, "\(result)")
        #expect(result.output.contains("CREATE TABLE public.t_ints ("))
        #expect(!result.output.contains("\nCOPY "))
        #expect(!result.output.contains("setval"))
        #expect(result.errors.contains("omissions at its end"))
        let table = try Command.run(
            "postgres", "dump", data, "--database", "app", "--table", "t_ints", "--threads", "2")
        #expect(table.status == 0)
        #expect(table.output.contains("\nCOPY public.t_ints (id, b, i2, b2, i8, i4, i2b) FROM"))
        let missing = try Command.run(
            "postgres", "dump", data, "--database", "app", "--table", "nothing")
        #expect(missing.status == 1)
        let view = try Command.run(
            "postgres", "dump", data, "--database", "app", "--table", "w_view")
        #expect(view.status == 1)
    }
}
