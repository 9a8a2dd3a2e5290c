import Foundation
import PostgresCluster
import StorageTesting
import Testing

/// Verdicts on the data directory of a server that runs and changes it.
@Suite(
    "A running server",
    .enabled(
        if: InstalledPostgres.programs != nil,
        "needs PostgreSQL's server programs below /usr/lib/postgresql"))
struct RunningServerTests {
    /// Makes, empties, moves and drops relations and databases until the file `stop` exists, or the
    /// folder is gone.
    private static let churn = """
        while [ -e sql ] && [ ! -e stop ]; do
            $query -f sql
            $query -c "CREATE DATABASE other"
            $query -c "ALTER DATABASE other SET TABLESPACE one"
            $query -c "DROP DATABASE other" -c "CREATE TABLESPACE three LOCATION '$PWD/three'"
            $query -c "DROP TABLESPACE three" -c CHECKPOINT
        done
        """

    private static let sql = """
        DROP TABLE IF EXISTS t; DROP TABLE IF EXISTS u;
        CREATE TABLE t AS SELECT n, repeat('x', 200) t, repeat(md5(n::text), 200) big
            FROM generate_series(1, 2000) n;
        CREATE INDEX ON t (n);
        VACUUM t;
        DELETE FROM t WHERE n > 200;
        VACUUM t;
        ALTER TABLE t SET TABLESPACE one;
        CREATE INDEX ON t (t);
        ALTER TABLE t SET TABLESPACE two;
        VACUUM FULL t;
        TRUNCATE t;
        CREATE UNLOGGED TABLE u (a integer);
        INSERT INTO u SELECT generate_series(1, 2000);
        TRUNCATE u;
        VACUUM FULL pg_class;
        REINDEX TABLE pg_attribute;
        DROP TABLE t;
        DROP TABLE u;
        """

    @Test("is never accused while it truncates, moves and drops relations")
    func changing() throws {
        let cluster = try InstalledPostgres()
        let folder = cluster.folder.path
        try Data(Self.sql.utf8).write(to: URL(filePath: "\(folder)/sql"))
        try Data(Self.churn.utf8).write(to: URL(filePath: "\(folder)/churn"))
        try cluster.run(
            """
            mkdir one two three
            export query='psql -X -q -h \(folder) -U postgres -d postgres'
            pg_ctl -D data -w -s -l log \
                -o "-F -k \(folder) -h '' -c shared_buffers=4MB -c max_wal_size=32MB" start
            $query -c "CREATE TABLESPACE one LOCATION '$PWD/one'" \
                -c "CREATE TABLESPACE two LOCATION '$PWD/two'"
            sh churn >churn.log 2>&1 </dev/null &
            """)
        defer {
            _ = try? Data().write(to: URL(filePath: "\(folder)/stop"))
            _ = try? cluster.run("pg_ctl -D data -w -s -m immediate stop", mayFail: true)
        }
        let end = ContinuousClock.now + .seconds(12)
        var runs = 0
        while ContinuousClock.now < end {
            for method in IOMethodMatrix.all {
                let found = try findings(cluster.data, method)
                #expect(found.isEmpty, "\(method): \(found)")
                runs += 1
            }
        }
        #expect(runs >= IOMethodMatrix.all.count)
    }

    private func findings(_ data: String, _ method: TestedMethod) throws -> [ClusterFinding] {
        var options = PostgresOptions()
        options.ioMethod = method.choice
        let directory = try DataDirectory.open(data, options: options)
        let session = try directory.makeSession()
        var findings: [ClusterFinding] = []
        var observer = ClusterObserver()
        observer.finding = { findings.append($0) }
        let report = try directory.verify(session: session, observer: observer)
        #expect(report.pages > 1000)
        session.close()
        try directory.close()
        return findings
    }

    @Test("whose table's file was removed, or cut off, is found damaged")
    func damaged() throws {
        let cluster = try InstalledPostgres()
        let folder = cluster.folder.path
        let sql = """
            CREATE TABLE gone AS SELECT n FROM generate_series(1, 1000) n;
            CREATE TABLE short AS SELECT n FROM generate_series(1, 9000) n;
            CREATE TABLE vacuumed AS SELECT n FROM generate_series(1, 9000) n;
            VACUUM short, vacuumed;
            CHECKPOINT;
            DELETE FROM vacuumed WHERE n > 100;
            VACUUM vacuumed;
            """
        try Data(sql.utf8).write(to: URL(filePath: "\(folder)/sql"))
        let paths = try cluster.run(
            """
            query='psql -X -q -h \(folder) -U postgres -d postgres'
            pg_ctl -D data -w -s -l log -o "-F -k \(folder) -h ''" start >/dev/null
            $query -f sql
            $query -At -c "SELECT pg_relation_filepath(x::regclass)
                FROM (VALUES ('gone'), ('short')) v (x)"
            """
        ).split(separator: "\n").map(String.init)
        defer { _ = try? cluster.run("pg_ctl -D data -w -s -m immediate stop", mayFail: true) }
        #expect(try findings(cluster.data, TestedMethod(.worker)).isEmpty)
        try #require(paths.count == 2)
        unlink("\(cluster.data)/\(paths[0])")
        truncate("\(cluster.data)/\(paths[1])", 10 * 8192)
        let found = try findings(cluster.data, TestedMethod(.synchronous))
        #expect(found.map(\.path).sorted() == paths.sorted(), "\(found)")
        #expect(Set(found.map(\.kind)) == [.missing, .wrongLength])
    }
}
