import Foundation
import StorageTesting
import Testing

/// The text of scans at the borders of each type, compared with what the installed server prints.
@Suite(
    "Scans as the server's COPY prints them",
    .enabled(
        if: InstalledPostgres.programs != nil,
        "needs PostgreSQL's server programs below /usr/lib/postgresql"))
struct PostgresScanServerTests {
    /// Each character that CSV, arrays or JSON treat in their own way, at each place of the eight
    /// bytes that are looked at together, and words that could be mistaken for something else.
    private static let texts = """
        SET timezone = 'UTC';
        CREATE TABLE specials AS SELECT c, row_number() OVER () AS n FROM unnest(ARRAY[',', '"',
            E'\\n', E'\\r', E'\\t', E'\\v', E'\\x01', E'\\x1f', ' ', E'\\\\', '{', '}', 'ü', '!',
            '-', '', E'\\b', E'\\f', E'\\x7f', '/']) AS c;
        CREATE TABLE strings AS SELECT repeat('x', a) || c || repeat('y', b) AS s
            FROM specials, generate_series(0, 17) AS a, generate_series(0, 9) AS b
            UNION ALL SELECT * FROM unnest(ARRAY['null', 'NULL', 'nUlL', 'nulls', 'nul', '\\.',
                E'\\\\N', 'N', 't', 'f', '\\', '"', '""', 'a""b', NULL, repeat('long, "', 900)]);
        CREATE TABLE singles AS SELECT s FROM strings;
        CREATE TABLE pairs AS SELECT s, length(s) AS n, upper(s)::varchar(30) AS u,
            CASE WHEN length(s) % 3 = 0 THEN s END AS o FROM strings;
        CREATE TABLE arrays AS SELECT ARRAY[s] AS one, ARRAY[s, upper(s)] AS two,
            ARRAY['a', s, NULL] AS nulls, ARRAY[[s, 'b'], ['c', s]] AS square,
            CASE WHEN length(s) > 5 THEN ARRAY[]::text[] END AS none FROM strings;
        INSERT INTO arrays (two) VALUES ('[2:3]={a,b}'), ('{}');
        CREATE TABLE documents AS SELECT jsonb_build_object('k' || coalesce(s, ''), s, 'b',
                jsonb_build_array(s, length(s), NULL, true, jsonb_build_object())) AS object,
            jsonb_build_array(s, s) AS two, jsonb_build_array(s) AS one, to_jsonb(s) AS scalar
            FROM strings;
        INSERT INTO documents (object, two, one) VALUES ('{}', '[]', '[[]]'), ('1', 'null', 'true'),
            ('[1, 2]', '[1e200, -0.00001, 12345678901234567890.5, 0]', '[{"a": {"b": {}}}]');
        INSERT INTO documents (object) SELECT (repeat('{"a": [1, ', n) || '2' || repeat(']}', n))
            ::jsonb FROM generate_series(1, 9) AS n;
        INSERT INTO documents (object) SELECT jsonb_object_agg('k' || i, repeat('w', i))
            FROM generate_series(1, 60) AS i;
        """

    private static let numbers = """
        SET extra_float_digits = 1;
        SELECT setseed(0.25);
        CREATE TABLE integers AS SELECT (p + d)::bigint AS b, -(p + d)::bigint AS m,
            CASE WHEN p < 2e9 THEN (p + d)::integer END AS i,
            CASE WHEN p < 32000 THEN (p + d)::smallint END AS s,
            CASE WHEN p < 4e9 AND p + d >= 0 THEN (p + d)::bigint::oid END AS o
            FROM (SELECT power(10::numeric, n) AS p FROM generate_series(0, 18) AS n) AS powers,
            generate_series(-2, 2) AS d;
        INSERT INTO integers VALUES (9223372036854775807, -9223372036854775808, 2147483647, 32767,
            4294967295), (0, 0, -2147483648, -32768, 0);
        CREATE TABLE floats AS SELECT ((random() - 0.5) * power(10::float8, n))::float8 AS d,
            ((random() - 0.5) * power(10::float8, n % 38))::float4 AS r,
            power(10::float8, n) AS p, round((random() * 1000)::numeric, n % 5 + 1)::float8 AS t,
            (n * 1000)::float4 AS w FROM generate_series(-300, 300) AS n, generate_series(1, 4);
        INSERT INTO floats (d, r) VALUES ('NaN', 'NaN'), ('Infinity', '-Infinity'), (-0.0, -0.0),
            (5e-324, 1e-45), (1.7976931348623157e308, 3.4028235e38), (123456789012345, 123456),
            (999999999999999.9, 999999.9), (0.0001, 0.0001), (0.00001, 0.00001);
        CREATE TABLE numerics AS SELECT (random() * power(10::numeric, n))::numeric AS a,
            -round((random()::numeric * power(10::numeric, n)), 5) AS b,
            round(n::numeric / 7, abs(n) % 30) AS c, power(10::numeric, n) AS d,
            ARRAY[n, n / 3.0, -n * 1e20] AS e, ARRAY[n * 1.5] AS f
            FROM generate_series(-40, 140) AS n;
        INSERT INTO numerics (a, b, c) VALUES ('NaN', 'Infinity', '-Infinity'),
            (1e-200, 1e300, 0.000), (9999, 10000, 99999999), (0.0001, 0.00001, -0.1);
        INSERT INTO numerics (e) VALUES ('{NaN,1}'), ('{}'), ('{1,NULL}');
        CREATE TABLE lists AS SELECT ARRAY[n, -n] AS i, ARRAY[n::smallint] AS s,
            ARRAY[n * 10000000000, n] AS b, ARRAY[n / 7.0::float8, 'NaN'] AS d,
            ARRAY[(n / 3.0)::float4, 'Infinity'] AS r, ARRAY[n % 2 = 0, n % 3 = 0] AS f,
            ARRAY[md5(n::text)::uuid, NULL] AS u, ARRAY[md5(n::text)::uuid] AS v,
            ARRAY[n::oid, 0] AS o, ARRAY['2000-01-01'::date - n * 8000, NULL] AS t,
            ARRAY[point(n, 1), point(n, 2)] AS p, ARRAY[box(point(n, 1), point(2, 3))] AS x
            FROM generate_series(0, 200) AS n;
        """

    private static let others = """
        CREATE TABLE times AS SELECT '2000-01-01'::date + n * 977 AS d,
            '2000-01-01'::timestamp + n * interval '977 days 1.000001 seconds' AS t,
            '2000-01-01 00:00+00'::timestamptz - n * interval '60 days 0.1 seconds' AS z,
            '00:00'::time + n * interval '7.0305 seconds' AS c,
            ('00:00'::time + n * interval '77.5 seconds')::timetz AT TIME ZONE
                make_interval(mins => n % 700) AS tz,
            make_interval(n % 13 - 6, n % 25 - 12, 0, n % 7 - 3, 0, 0, (n % 11 - 5) * 0.25) AS i
            FROM generate_series(-750, 3000) AS n;
        INSERT INTO times (d, t, z, c, i) VALUES
            ('infinity', 'infinity', '-infinity', '24:00', '0'),
            ('4713-01-01 BC', '4713-01-01 00:00 BC', '294276-12-31 23:59:59.999999+00', '0:0:0.1',
                '-178000000 years -5 mons'),
            ('5874897-12-31', '0001-12-31 23:59:59.5 BC', '0001-01-01 00:00+00', '0:0:0.000001',
                '178000000 years 2147483647 days 2562047788:00:54.775807'),
            ('0001-12-31 BC', '0001-01-01', '9999-12-31 23:59:59+00', '12:34:56.120',
                '-2562047788:00:54.775807'),
            ('9999-12-31', '10000-01-01', '2000-02-29 00:00+00', '23:59:59.999999',
                '1 year -1 days +00:00:00.5'),
            ('10000-01-01', '1999-12-31', NULL, NULL, '-1 mons +3 days -0.000001 secs');
        CREATE TABLE days AS SELECT '1599-12-01'::date + n AS d, n % 2 = 0 AS even,
            md5(n::text)::uuid AS u FROM generate_series(0, 160000, 1) AS n;
        CREATE TABLE addresses AS SELECT (n % 256 || '.' || n / 3 % 256 || '.0.' || n % 100 || '/'
            || n % 33)::inet AS i, network((n % 256 || '.1.' || n % 7 || '.0/' || n % 33)::inet)
            AS c, ('2001:db8::' || to_hex(n))::inet AS six FROM generate_series(0, 300) AS n;
        CREATE TABLE changed (a integer, gone text, b text);
        INSERT INTO changed SELECT n, 'x', 'y' FROM generate_series(1, 9) AS n;
        ALTER TABLE changed DROP COLUMN gone;
        ALTER TABLE changed ADD COLUMN c bigint, ADD COLUMN d text DEFAULT 'n,w', ADD e jsonb;
        INSERT INTO changed SELECT n, NULL, n, 'given', NULL FROM generate_series(1, 9) AS n;
        CREATE TABLE large (a integer, b text, c jsonb, d text[], e numeric, f integer);
        INSERT INTO large SELECT n, repeat('wide, ', n * 900), jsonb_build_object('a',
            repeat('x"', n * 800)), ARRAY[repeat('y ', n * 500), 'z'],
            repeat('7', n * 900)::numeric, -n FROM generate_series(1, 4) AS n;
        CREATE TABLE widest AS SELECT n AS id FROM generate_series(1, 5) AS n;
        DO $$ BEGIN FOR i IN 1..1200 LOOP
            EXECUTE format('ALTER TABLE widest ADD COLUMN c%s integer', i); END LOOP; END $$;
        UPDATE widest SET c1 = 1, c800 = 800, c1200 = 2000000000;
        """

    private static let tables = [
        "singles", "pairs", "arrays", "documents", "integers", "floats", "numerics", "lists",
        "times", "days", "addresses", "changed", "large", "widest",
    ]

    @Test("fields at the borders of their types, null as nothing and as a word")
    func borders() throws {
        let server = try InstalledPostgres()
        let list = Self.tables.joined(separator: " ")
        try server.sql(
            Self.texts + Self.numbers + Self.others,
            then: """
                for table in \(list); do
                    for null in '' '\\N' 'x'; do
                        $query -c "SET timezone = 'UTC'" -c "SET extra_float_digits = 1" \\
                            -c "COPY $table TO STDOUT (FORMAT csv, HEADER, NULL '$null')" \\
                            > "$table.$null.csv"
                    done
                done
                """)
        for table in Self.tables {
            for null in ["", "\\N", "x"] {
                let expected = try Data(
                    contentsOf: URL(filePath: "\(server.folder.path)/\(table).\(null).csv"))
                let found = try Tool.run([
                    "postgres", "scan", server.data, "--database", "postgres", "--table", table,
                    "--null", null,
                ])
                #expect(found.code == 0, "\(table): \(found.errors)")
                // The texts would fill pages of the report.
                let isEqual = Array(found.output.utf8) == Array(expected)
                #expect(isEqual, "\(table) with null as \"\(null)\"")
                #expect(expected.count > 200, "\(table)")
            }
        }
    }
}
