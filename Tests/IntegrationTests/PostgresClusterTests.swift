import FileAccess
import Foundation
import MagneticDisk
import RelationLoader
import StorageTesting
import Strata
import Testing

@Suite(
    "A data directory of the server that is installed here",
    .enabled(
        if: InstalledPostgres.programs != nil,
        "needs PostgreSQL's server programs below /usr/lib/postgresql"))
struct PostgresClusterTests {
    /// All types that Strata loads, and many other states of a heap.
    private static let sql = """
        SET timezone = 'UTC';
        CREATE TABLE every_type (
            truth boolean, small smallint, medium integer, large bigint, single real,
            double double precision, words text, day date, moment timestamp, identity uuid,
            blob bytea, amount numeric);
        INSERT INTO every_type SELECT n % 2 = 0, n, n * 1000, n * 10000000000, n / 7.0, n / 11.0,
            repeat('w', n % 300), date '2000-01-01' + n,
            timestamp '2000-01-01' + n * interval '1 s',
            md5(n::text)::uuid, decode(md5(n::text), 'hex'), n / 13.0
            FROM generate_series(-2000, 2000) n;
        INSERT INTO every_type SELECT FROM generate_series(1, 50);
        INSERT INTO every_type (words, amount) SELECT '', 'NaN' FROM generate_series(1, 50);
        CREATE TABLE changed (a integer, gone text, b text);
        INSERT INTO changed SELECT n, 'x', 'before' FROM generate_series(1, 500) n;
        ALTER TABLE changed DROP COLUMN gone;
        ALTER TABLE changed ADD COLUMN c bigint, ADD COLUMN d text DEFAULT 'new';
        INSERT INTO changed SELECT n, 'after', n, 'given' FROM generate_series(1, 500) n;
        CREATE TABLE wide AS SELECT n AS id FROM generate_series(1, 20) n;
        DO $$ BEGIN FOR i IN 1..900 LOOP
            EXECUTE format('ALTER TABLE wide ADD COLUMN c%s integer', i); END LOOP; END $$;
        UPDATE wide SET c1 = 1, c900 = 900;
        CREATE TABLE arrays (a integer[], b text[], c jsonb, d point, e interval, f inet);
        INSERT INTO arrays SELECT ARRAY[n, n], ARRAY['x', NULL], '{"a": [1, 2]}', '(1,2)', '1 day',
            '10.0.0.1' FROM generate_series(1, 500) n;
        CREATE TABLE toasted (id integer PRIMARY KEY, body text, kept text);
        ALTER TABLE toasted ALTER kept SET STORAGE EXTERNAL;
        INSERT INTO toasted SELECT n, repeat('compressible ', 1000), repeat(md5(n::text), 300)
            FROM generate_series(1, 60) n;
        CREATE TABLE vacuumed (id integer PRIMARY KEY, t text);
        INSERT INTO vacuumed SELECT n, repeat('v', 100) FROM generate_series(1, 5000) n;
        DELETE FROM vacuumed WHERE id % 3 = 0;
        VACUUM (FREEZE) vacuumed;
        UPDATE vacuumed SET t = 'updated' WHERE id % 5 = 0;
        CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY, t text);
        INSERT INTO unlogged SELECT n, 'u' FROM generate_series(1, 1000) n;
        CREATE SEQUENCE numbers;
        SELECT nextval('numbers');
        CREATE INDEX by_hash ON every_type USING hash (medium);
        CREATE INDEX by_gin ON arrays USING gin (c);
        CREATE INDEX by_gist ON arrays USING gist (d);
        CREATE INDEX by_brin ON every_type USING brin (day);
        CREATE INDEX by_spgist ON every_type USING spgist (words);
        CREATE TABLE empty_table (a integer);
        CREATE MATERIALIZED VIEW seen AS SELECT medium, words FROM every_type;
        VACUUM;
        """

    /// A fork of a relation, found by its file name in a data directory.
    private struct Found: Hashable {
        let locator: RelationLocator
        let fork: Fork
    }

    private static func forks(below data: String) throws -> [Found] {
        var result: Set<Found> = []
        let manager = FileManager.default
        let databases = try manager.contentsOfDirectory(atPath: "\(data)/base")
        for (directory, database) in [("global", UInt32(0))]
            + databases.compactMap({ name in UInt32(name).map { ("base/\(name)", $0) } })
        {
            for name in try manager.contentsOfDirectory(atPath: "\(data)/\(directory)") {
                let main = name.prefix { $0 != "." }
                let parts = main.split(separator: "_")
                guard let first = parts.first, let number = UInt32(first), parts.count <= 2,
                    let fork = Fork.allCases.first(where: {
                        $0.suffix == (parts.count == 2 ? "_\(parts[1])" : "")
                    })
                else { continue }
                result.insert(
                    Found(
                        locator: RelationLocator(database: database, number: number), fork: fork))
            }
        }
        return Array(result)
    }

    /// A pool over a data directory.
    private final class Stack {
        let system: IOSystem
        let managers: StorageManagerRegistry
        let buffers: BufferManager
        let session: Session
        private let magnetic = StorageManagerID(rawValue: 0)

        init(_ directory: String, _ method: TestedMethod) throws {
            system = try method.makeSystem()
            let files = try FileAccess(directory: directory)
            managers = try StorageManagerRegistry(system: system)
            try managers.register(try MagneticDisk(files: files, system: system), id: magnetic)
            buffers = try BufferManager(configuration: BufferConfiguration(), system: system)
            session = try system.makeSession()
        }

        deinit {
            managers.shutdown(session: session)
            session.close()
        }

        func open(_ locator: RelationLocator) throws -> OpenRelation {
            try managers.open(locator, managedBy: magnetic)
        }
    }

    /// Reads all blocks, one at a time if a stream meets damage.
    private func readAll(_ data: String, _ method: TestedMethod) throws
        -> (blocks: Int, bad: Set<String>)
    {
        let stack = try Stack(data, method)
        var (blocks, bad): (Int, Set<String>) = (0, [])
        for found in try Self.forks(below: data) {
            let relation = try stack.open(found.locator)
            let count = try relation.storage.blockCount(found.fork)
            blocks += Int(count)
            var options = ReadStreamOptions()
            options.fork = found.fork
            var next: UInt32 = 0
            while next < count {
                var stream = ReadStream(
                    stack.buffers, over: relation, session: stack.session, options: options,
                    source: BlockRange(next..<count))
                do throws(StorageError) {
                    while let page = try stream.next() {
                        next = page.block.rawValue + 1
                        page.withView { view in
                            // Every page is of a kind that has items, or has none.
                            for number in view.linePointerNumbers { _ = try? view.item(number) }
                        }
                    }
                } catch {
                    let isDamage = error.code == .invalidPage
                    let block = try #require(isDamage ? error.location.block : nil)
                    bad.insert("\(found.locator)\(found.fork.suffix) \(block)")
                    next = block + 1
                }
            }
        }
        return (blocks, bad)
    }

    @Test("is read in place, and the same damaged pages are found as by pg_checksums")
    func wholeDirectory() throws {
        let cluster = try InstalledPostgres()
        try cluster.sql(
            Self.sql,
            then: """
                for table in every_type seen; do
                    $query -c "COPY (SELECT * FROM $table) TO STDOUT CSV HEADER" > $table.csv
                done
                $query -At -F ' ' -c "SELECT relname, pg_relation_filepath(oid) FROM pg_class
                    WHERE relnamespace = 'public'::regnamespace AND relfilenode > 0" > paths
                """)
        let sound = try cluster.checksums()
        #expect(sound.bad.isEmpty && sound.blocks > 3000)
        for method in IOMethodMatrix.all {
            let found = try readAll(cluster.data, method)
            #expect(found.blocks == sound.blocks, "\(method)")
            #expect(found.bad.isEmpty, "\(method)")
        }
        let paths = Dictionary(
            uniqueKeysWithValues: Command.text("\(cluster.folder.path)/paths")
                .split(separator: "\n").map { line in
                    let words = line.split(separator: " ")
                    return (String(words[0]), String(words[1]))
                })
        #expect(paths.count > 15)
        try rows(cluster, paths)
        try damage(cluster)
    }

    /// Checks the contents of tables with known types, and the errors about others.
    private func rows(_ cluster: InstalledPostgres, _ paths: [String: String]) throws {
        let stack = try Stack(cluster.data, TestedMethod(.synchronous))
        func text(_ table: String, _ columns: String) throws -> (text: String, errors: [String]) {
            let parts = try #require(paths[table]).split(separator: "/").compactMap { UInt32($0) }
            let relation = try stack.open(RelationLocator(database: parts[0], number: parts[1]))
            var writer = RowWriter(schema: try Schema(parsing: columns))
            var output = ByteOutput()
            var errors: [String] = []
            writer.writeHeader(to: &output)
            var stream = ReadStream(
                stack.buffers, over: relation, session: stack.session,
                source: BlockRange(0..<(try relation.storage.blockCount(.main))))
            while let page = try stream.next() {
                page.withView { view in
                    for number in view.linePointerNumbers {
                        do {
                            guard let tuple = try view.tuple(number) else { continue }
                            try writer.write(tuple, to: &output)
                        } catch {
                            errors.append("\(error)")
                        }
                    }
                }
            }
            let bytes = output.span.indices.map { output.span[$0] }
            return (String(decoding: bytes, as: UTF8.self), errors)
        }
        let everyType = try text(
            "every_type",
            """
            truth boolean, small smallint, medium integer, large bigint, single real, \
            double double precision, words text, day date, moment timestamp, identity uuid, \
            blob bytea, amount numeric
            """)
        #expect(everyType.errors.isEmpty)
        #expect(everyType.text == Command.text("\(cluster.folder.path)/every_type.csv"))
        let seen = try text("seen", "medium integer, words text")
        #expect(seen.text == Command.text("\(cluster.folder.path)/seen.csv"))
        // A dropped column is unchanged. An added one is missing in older rows.
        let changed = try text("changed", "a integer, gone text, b text, c bigint, d text")
        #expect(changed.errors.isEmpty)
        #expect(changed.text.contains("\n7,x,before,,\n"))
        #expect(changed.text.contains("\n7,,after,7,given\n"))
        let toasted = try text("toasted", "id integer, body text, kept text")
        #expect(toasted.errors.count == 60)
        #expect(toasted.errors.allSatisfy { $0.contains("compressed") || $0.contains("external") })
        let wide = (1...900).map { ", c\($0) integer" }.joined()
        #expect(try text("wide", "id integer\(wide)").errors.isEmpty)
        // Bytes of unknown types are read as something, or refused.
        for table in paths.keys where table != "toasted" {
            _ = try text(table, "a integer, b text, c numeric, d timestamp, e text")
        }
    }

    /// Damages pages of all kinds of files, and compares what is found.
    private func damage(_ cluster: InstalledPostgres) throws {
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 8)
        for found in try Self.forks(below: cluster.data) where random.below(4) == 0 {
            let path = "\(cluster.data)/\(found.locator)\(found.fork.suffix)"
            let file = try FileHandle(forUpdating: URL(filePath: path))
            let size = try file.seekToEnd()
            for _ in 0..<3 where size > 0 {
                let place = random.next() % size
                try file.seek(toOffset: place)
                let byte = try file.read(upToCount: 1)?.first ?? 0
                try file.seek(toOffset: place)
                try file.write(contentsOf: Data([byte ^ UInt8(1 << random.below(8))]))
            }
            try file.close()
        }
        let expected = try cluster.checksums()
        #expect(expected.bad.count > 20)
        for method in IOMethodMatrix.all {
            let bad = try readAll(cluster.data, method).bad
            #expect(
                bad.isSuperset(of: expected.bad),
                "\(method), seed \(IOMethodMatrix.seed): \(expected.bad.subtracting(bad))")
            // pg_checksums takes a page for new by its header alone.
            #expect(
                bad.subtracting(expected.bad).count <= 2,
                "\(method), seed \(IOMethodMatrix.seed): \(bad.subtracting(expected.bad))")
        }
    }
}
