import Foundation
import PostgresCluster
import RelationLoader
import StorageTesting
import Strata
import Testing

/// Data directories of the fixtures, unpacked once.
enum PostgresFixture {
    private static let directory = TemporaryDirectory()

    static let names = ["15-clean", "15-crashed", "18-clean", "18-crashed"]

    private static let unpacked: Set<String> = {
        var done: Set<String> = []
        for name in names {
            let archive = "\(Command.fixtures)/postgres/clusters/\(name).tar.zst"
            let folder = "\(directory.path)/\(name)"
            let result = try? Command.shell(
                "mkdir -p '\(folder)' && tar --zstd -xf '\(archive)' -C '\(folder)'")
            if result?.status == 0 { done.insert(name) }
        }
        return done
    }()

    /// The data directory of a fixture.
    static func data(_ name: String) throws -> String {
        try #require(unpacked.contains(name))
        return "\(directory.path)/\(name)/data"
    }
}

/// Tables of PostgreSQL data directories as relations of a store.
@Suite(.enabled(if: Archives.canUnpack, "tar or zstd is missing"))
struct PostgresImportTests {
    private let directory = TemporaryDirectory()

    private func openCluster(_ name: String, _ method: TestedMethod) throws -> PostgresDirectory {
        var options = PostgresOptions()
        options.ioMethod = method.choice
        options.poolBytes = 4 << 20
        return try PostgresDirectory.open(try PostgresFixture.data(name), options: options)
    }

    private func openStore(_ method: TestedMethod) throws -> Engine {
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = 4 << 20
        return try Engine.open("\(directory.path)/store", options: options)
    }

    /// The rows of a table, for a load.
    private struct Source: RowSource {
        let name = "table"
        let rows: TableRows
        var schema: Schema { rows.schema }
        var textColumns: Set<Int> { rows.textColumns }

        func next() throws(LoaderError) -> DatumBatch? {
            do throws(StorageError) { return try rows.next() } catch { throw .storage(error) }
        }
    }

    private func text(of relation: Relation) throws -> [UInt8] {
        let path = "\(directory.path)/scan"
        try? FileManager.default.removeItem(atPath: path)
        var options = ScanOptions()
        // A column's name may be another one.
        options.csv.hasHeader = false
        try RelationLoader.scan(
            relation, to: try DescriptorOutput(creating: path), options: options)
        return [UInt8](try Data(contentsOf: URL(filePath: path)))
    }

    /// Loads every table and compares a scan of the relation with a scan of the table.
    @Test(arguments: PostgresFixture.names, IOMethodMatrix.all)
    func aScanOfAnImportedTableEqualsOneOfTheTable(
        _ name: String, _ method: TestedMethod
    ) throws {
        let cluster = try openCluster(name, method)
        let engine = try openStore(method)
        var (equal, large) = (0, 0)
        // The three hundred small tables of this schema are alike.
        for database in try cluster.databaseNames.map(cluster.database) {
            for table in try database.tables()
            where table.kind != .view && table.kind != .foreignTable && !table.columns.isEmpty
                && (table.schema != "store" || table.number % 16 == 0)
            {
                var options = TableScanOptions()
                options.onlyOwnRows = true
                options.threads = 2
                options.chunkBlocks = 3
                // It was never filled.
                if table.name == "m_empty" { continue }
                let scan = try database.scan(table, options: options)
                var expected: [UInt8] = []
                try scan.write(.csv(null: "", header: false)) { expected += $0 }
                var load = LoadOptions()
                load.mode = .replace
                load.managerName = "memory"
                try RelationLoader.load(
                    rowsOf: Source(rows: try rows(database, table, options)), into: "t", of: engine,
                    options: load)
                if engine.description(of: "t")?.toastRelation != nil { large += 1 }
                let found = try text(of: try engine.relation(named: "t"))
                #expect(found == expected, "\(database.name) \(table.schema).\(table.name)")
                equal += 1
            }
        }
        #expect(equal > 100)
        #expect(large >= 3)
        try engine.close()
        try cluster.close()
    }

    private func rows(
        _ database: PostgresDatabase, _ table: PostgresTable, _ options: TableScanOptions
    ) throws(LoaderError) -> TableRows {
        do throws(StorageError) { return try database.rows(of: table, options: options) } catch {
            throw .storage(error)
        }
    }

    private func columns(
        _ cluster: String, _ database: String, _ table: String
    ) throws -> (schema: String, notes: [String]) {
        let cluster = try openCluster(cluster, TestedMethod(.synchronous))
        let database = try cluster.database(named: database)
        let rows = try database.rows(of: try database.table(TableName(table)))
        return (rows.schema.sqlText, rows.notes)
    }

    @Test func typesThatAStoreHasAreKeptAndOthersBecomeText() throws {
        let own = try columns("18-clean", "app", "toast_updated")
        #expect(own.schema == "id integer NOT NULL, a text, bt text, n integer")
        #expect(own.notes.isEmpty)
        let dates = try columns("18-clean", "app", "store.t_datetimes")
        #expect(dates.schema.contains("timestamp(0)"))
        #expect(dates.schema.contains("iv interval"))
        #expect(dates.notes.contains { $0.contains("interval year to month becomes interval") })
        let user = try columns("18-clean", "app", "t_usertypes")
        #expect(user.schema.contains("dtx varchar(40)"))
        #expect(user.schema.contains("dd integer"))
        #expect(user.notes.contains("column dtx of type dom_text becomes varchar(40)"))
        #expect(user.notes.contains { $0.contains("become text") && $0.contains("e (mood)") })
        let numbers = try columns("15-clean", "app", "store.t_numerics")
        #expect(numbers.schema.contains("numeric(5,-2)"))
    }

    @Test func aColumnThatIsNotStoredMayBeNull() throws {
        let found = try columns("18-clean", "app", "g_generated")
        #expect(found.schema.contains("id integer NOT NULL"))
        #expect(found.schema.contains("virt integer,"))
        #expect(found.notes.contains { $0.contains("shown as null") })
    }

    @Test func textOfAnotherEncodingIsConvertedInEveryType() throws {
        let found = try columns("18-clean", "latin1_db", "l_texts")
        #expect(found.schema.contains("jb jsonb"))
        #expect(found.schema.contains("c5 char(5)"))
    }

    @Test func aNameThatAStoreRefusesIsChanged() throws {
        let found = try columns("18-clean", "app", "\"We ird.Schéma\".\"tab\tname\"")
        #expect(found.schema.hasPrefix("tab_name integer, "))
        #expect(found.notes.contains("column \"tab\\tname\" is named \"tab_name\""))
    }

    @Test func aTableWithoutColumnsIsRefused() throws {
        let error = #expect(throws: StorageError.self) {
            try columns("18-clean", "app", "c_zerocols")
        }
        #expect(error?.code == .unsupported)
    }

    // MARK: The tool

    private func strata(_ arguments: String...) throws -> CommandResult {
        let list = arguments.map(Command.quoted).joined(separator: " ")
        return try Command.shell("exec \"$strata\" \(list)")
    }

    @Test func theToolImportsATableOnce() throws {
        let data = try PostgresFixture.data("15-crashed")
        let store = "\(directory.path)/store"
        let place = ["--database", "app", "--table", "p_range"]
        let loaded = try strata(
            "postgres", "import", data, place[0], place[1], place[2], place[3], "--store", store,
            "--relation", "r")
        #expect(loaded.status == 0, "\(loaded)")
        #expect(loaded.output.contains("loaded "))
        #expect(loaded.errors.contains("has crashed"))
        let expected = try strata(
            "postgres", "scan", data, place[0], place[1], place[2], place[3])
        let found = try strata("scan", "--store", store, "--relation", "r")
        #expect(found.output == expected.output)
        #expect(found.output.split(separator: "\n").count > 10)

        let again = try strata(
            "postgres", "import", data, place[0], place[1], place[2], place[3], "--store", store,
            "--relation", "r")
        #expect(again.status == 1)
        #expect(again.errors.contains("--replace"))
        let appended = try strata(
            "postgres", "import", data, place[0], place[1], place[2], place[3], "--store", store,
            "--relation", "r", "--append", "--io-method", "worker")
        #expect(appended.status == 0, "\(appended)")
        let twice = try strata("scan", "--store", store, "--relation", "r", "--format", "none")
        #expect(
            twice.errors.contains(
                "scanned \(2 * (found.output.split(separator: "\n").count - 1)) rows"))
    }

    @Test(
        "values of 9,000 bytes, 2 MB and 4 MB come back as the server prints them",
        .enabled(if: InstalledPostgres.programs != nil, "no PostgreSQL is installed"))
    func valuesLargerThanAPage() throws {
        let server = try InstalledPostgres()
        try server.sql(
            """
            SELECT setseed(0.5);
            CREATE FUNCTION noise(length integer) RETURNS text LANGUAGE sql AS $$
                SELECT substr(string_agg(md5(random()::text || n), ''), 1, length)
                FROM generate_series(1, length / 32 + 1) AS n $$;
            CREATE TABLE wide (id integer NOT NULL, a text, b bytea, c numeric, d jsonb,
                e varchar[]);
            INSERT INTO wide SELECT n, noise(9000), NULL, n, NULL, NULL
                FROM generate_series(1, 90) AS n;
            INSERT INTO wide SELECT n, noise(2000), convert_to(noise(6100), 'UTF8'), repeat('7', 30)
                ::numeric, to_jsonb(noise(5000)), ARRAY[noise(4000), NULL, noise(3900)]
                FROM generate_series(91, 120) AS n;
            INSERT INTO wide VALUES (121, noise(2097152), convert_to(noise(2000001), 'UTF8'),
                (repeat('123456789', 3000) || '.5')::numeric,
                jsonb_build_array(noise(100000), 5, NULL), NULL),
                (122, repeat('page ', 600000), '', 0, '{}', '{}'), (123, NULL,
                NULL, NULL, NULL, NULL), (124, noise(4000000), NULL, NULL, NULL, NULL);
            ALTER TABLE wide ALTER a SET STORAGE EXTERNAL;
            INSERT INTO wide SELECT n, repeat('plain ', n * 20) FROM generate_series(125, 180) AS n;
            """, then: "$query -c \"\\copy wide to 'rows' (format csv)\"")
        let expected = Command.text("\(server.folder.path)/rows")
        let store = "\(directory.path)/store"
        for manager in ["magnetic", "compressed"] {
            let loaded = try strata(
                "postgres", "import", server.data, "--database", "postgres", "--table", "wide",
                "--store", store, "--relation", manager, "--manager", manager)
            #expect(loaded.status == 0, "\(loaded)")
            let found = try strata(
                "scan", "--store", store, "--relation", manager, "--no-header")
            // The texts would fill pages of the report.
            let isEqual = found.output == expected
            #expect(isEqual, "\(manager)")
        }
        #expect(expected.utf8.count > 12_000_000)
        let verified = try strata("verify", "--store", store)
        #expect(verified.status == 0, "\(verified)")
    }

    @Test(
        "arrays keep their stored values, in any number of dimensions",
        .enabled(if: InstalledPostgres.programs != nil, "no PostgreSQL is installed"))
    func arraysStayArrays() throws {
        let server = try InstalledPostgres()
        let columns = [
            ("a", "integer[]"), ("b", "text[]"), ("c", "numeric(8,2)[]"), ("d", "varchar(9)[]"),
            ("e", "timestamp with time zone[]"), ("f", "jsonb[]"), ("g", "boolean[]"),
            ("h", "uuid[]"), ("i", "interval[]"), ("j", "double precision[]"), ("k", "char(3)[]"),
            ("l", "bytea[]"), ("m", "smallint[]"),
        ]
        let names = columns.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
        try server.sql(
            """
            SET timezone = 'UTC'; SET extra_float_digits = 1;
            CREATE DOMAIN numbers AS integer[];
            CREATE TABLE arrays (\(names), n numbers, o oid[]);
            INSERT INTO arrays SELECT ARRAY[n, NULL, -n], ARRAY['a' || n, '', NULL, 'x "y" \\z, {'],
                ARRAY[n / 3.0, NULL], ARRAY['v' || n], ARRAY[to_timestamp(n * 86400.25)],
                ARRAY[jsonb_build_object('k', n), 'null', NULL], ARRAY[n % 2 = 0, NULL],
                ARRAY[md5(n::text)::uuid], ARRAY[make_interval(days => n, secs => n / 8.0)],
                ARRAY[n / 7.0, 'NaN', '-Infinity'], ARRAY['k'], ARRAY[decode(md5(n::text), 'hex')],
                array_fill(n::smallint, ARRAY[2, n % 5 + 1], ARRAY[-1, 0]), ARRAY[n], ARRAY[n]
                FROM generate_series(1, 300) AS n;
            INSERT INTO arrays (a, b, f, m) VALUES ('{}', '{}', '{}', '{}'),
                ('[5:6][-2:-1]={{1,2},{3,NULL}}', '{{a,b},{c,d}}', NULL, NULL);
            INSERT INTO arrays (a, b) SELECT array_agg(i), array_agg(repeat(md5(i::text), 3))
                FROM generate_series(1, 3000) AS i;
            UPDATE arrays SET a[2] = 7, m = m[0:0], b = array_remove(b, NULL) WHERE a[1] % 3 = 0;
            """, then: "$query -c \"\\copy arrays to 'rows' (format csv)\"")
        let expected = Command.text("\(server.folder.path)/rows")
        let store = "\(directory.path)/store"
        let loaded = try strata(
            "postgres", "import", server.data, "--database", "postgres", "--table", "arrays",
            "--store", store, "--relation", "arrays")
        #expect(loaded.status == 0, "\(loaded)")
        #expect(loaded.errors.contains("n (numbers)") || loaded.errors.contains("column n"))
        let found = try strata("scan", "--store", store, "--relation", "arrays", "--no-header")
        let isEqual = found.output == expected
        #expect(isEqual)
        let engine = try Engine.open(store)
        let schema = try #require(try engine.relation(named: "arrays").schema)
        let spelled = names.replacing("timestamp with time zone", with: "timestamptz")
        #expect(schema.sqlText == spelled + ", n integer[], o text")
        try engine.close()
    }

    @Test func aFailedImportLeavesNothing() throws {
        let data = try PostgresFixture.data("15-clean")
        let store = "\(directory.path)/store"
        let missing = try strata(
            "postgres", "import", data, "--database", "app", "--table", "nothing", "--store", store,
            "--relation", "r")
        #expect(missing.status == 1)
        #expect(!FileManager.default.fileExists(atPath: store))
        let within = try strata(
            "postgres", "import", data, "--database", "app", "--table", "t_ints", "--store",
            "\(data)/new/store", "--relation", "r")
        #expect(within.status == 1)
        #expect(within.errors.contains("--store another place"))
        #expect(!FileManager.default.fileExists(atPath: "\(data)/new"))
        let usage = try strata(
            "postgres", "import", data, "--database", "app", "--table", "t_ints", "--store", store,
            "--relation", "r", "--append", "--replace")
        #expect(usage.status == 64)
    }

    @Test func damageEndsAnImportWithoutEffect() throws {
        let copy = "\(directory.path)/copy"
        let data = try PostgresFixture.data("15-clean")
        _ = try Command.shell("cp -a '\(data)' '\(copy)'")
        let cluster = try PostgresDirectory.open(copy)
        let table = try cluster.database(named: "app").table(TableName("b_bulk"))
        try cluster.close()
        let file = try #require(table.file)
        let handle = try FileHandle(forUpdating: URL(filePath: "\(copy)/\(file)"))
        try handle.seek(toOffset: UInt64(table.pages / 2 * 8192 + 4000))
        try handle.write(contentsOf: Data(repeating: 0x5A, count: 300))
        try handle.close()
        let store = "\(directory.path)/store"
        let result = try strata(
            "postgres", "import", copy, "--database", "app", "--table", "b_bulk", "--store", store,
            "--relation", "r")
        #expect(result.status == 1)
        #expect(result.errors.contains(file))
        #expect(!FileManager.default.fileExists(atPath: store))
    }

    @Test(
        "a value that no store can have is refused without the advice of loads",
        .enabled(if: InstalledPostgres.programs != nil, "no PostgreSQL is installed"))
    func refusedValues() throws {
        let server = try InstalledPostgres()
        try server.sql(
            """
            CREATE DATABASE bytes ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C'
                LC_CTYPE 'C';
            \\c bytes
            CREATE TABLE t (id integer, word text);
            INSERT INTO t VALUES (1, 'plain'), (2, E'caf\\xE9');
            """)
        let place = [server.data, "--database", "bytes", "--table", "t"]
        let store = "\(directory.path)/store"
        let result = try strata(
            "postgres", "import", place[0], place[1], place[2], place[3], place[4], "--store",
            store, "--relation", "r")
        #expect(result.status == 1)
        #expect(result.errors.contains("column \"word\""), "\(result)")
        #expect(result.errors.contains("--columns") && !result.errors.contains("--on-error"))
        #expect(!result.errors.contains("--encoding"))
        #expect(!FileManager.default.fileExists(atPath: store))
        let others = try strata(
            "postgres", "import", place[0], place[1], place[2], place[3], place[4], "--store",
            store, "--relation", "r", "--columns", "id")
        #expect(others.status == 0, "\(others)")
    }
}
