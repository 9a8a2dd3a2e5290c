import AsyncIO
import BufferManager
import FileAccess
import Foundation
import FreeSpaceMap
import MagneticDisk
import StorageManager
import StorageTesting
import Testing

/// Free-space maps that PostgreSQL and Strata write for each other.
@Suite(
    "Free space beside a server",
    .enabled(
        if: InstalledPostgres.has("pg_freespacemap"),
        "needs PostgreSQL's server programs below /usr/lib/postgresql, and its pg_freespacemap"))
struct FreeSpaceServerTests {
    private let server: InstalledPostgres

    init() throws { server = try InstalledPostgres() }

    /// A table of more blocks than one page of the map has slots, half of whose rows are gone.
    private let made = """
        CREATE EXTENSION pg_freespacemap;
        CREATE TABLE t (id int, v text) WITH (autovacuum_enabled = off);
        ALTER TABLE t ALTER v SET STORAGE PLAIN;
        INSERT INTO t SELECT i, repeat('x', 3000) FROM generate_series(1, 8400) i;
        DELETE FROM t WHERE id % 5 = 0 OR id BETWEEN 3000 AND 3100 OR id > 8200 AND id % 2 = 0;
        VACUUM t;
        """

    private func tell(_ file: String) -> String {
        """
        $query -At -c "SELECT avail FROM pg_freespace('t') ORDER BY blkno" >\(file)
        $query -At -c "SELECT pg_relation_filepath('t')" >path
        """
    }

    private func lines(_ file: String) throws -> [String] {
        try String(contentsOfFile: "\(server.folder.path)/\(file)", encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }

    /// Runs `body` with the map of the table, and writes it out.
    private func withMap(_ body: (FreeSpaceMap) throws -> Void) throws {
        let path = try #require(lines("path").first).split(separator: "/")
        let system = try TestedMethod(.synchronous).makeSystem()
        let registry = try StorageManagerRegistry(system: system)
        let disk = try MagneticDisk(
            files: FileAccess(directory: server.data), system: system,
            configuration: MagneticDiskConfiguration())
        let id = StorageManagerID(rawValue: 1)
        try registry.register(disk, id: id)
        let buffers = try BufferManager(system: system)
        let session = try system.makeSession()
        defer { session.close() }
        let relation = try registry.open(
            RelationLocator(
                database: try #require(UInt32(path[1])), number: try #require(UInt32(path[2]))),
            managedBy: id)
        try body(FreeSpaceMap(buffers, of: relation, session: session))
        #expect(buffers.checksumFailures == 0)
        try buffers.close(relation, session: session)
        try registry.syncPending(session)
    }

    @Test func eachReadsWhatTheOtherWrote() throws {
        try server.sql(made, then: tell("told"))
        let told = try lines("told").compactMap { Int($0) }
        #expect(told.count > 4069 && Set(told).count > 2)
        let end = UInt32(told.count)
        try withMap { map in
            var differing = 0
            for (block, bytes) in told.enumerated() {
                let found = try map.recorded(at: BlockNumber(UInt32(block)))
                if found != bytes { differing += 1 }
            }
            #expect(differing == 0)
            for wanted in [1, 2900, 3100, 6000, 8160] {
                let category = try #require(FreeSpaceCategory(needed: wanted))
                let found = try map.find(wanted, below: end)
                #expect((found != nil) == told.contains { $0 >= category.bytes }, "\(wanted)")
            }
            // Now ours: every block gets another value.
            for block in 0..<end {
                try map.record(Int(block % 250) * 32 + 7, at: BlockNumber(block))
            }
            try map.vacuum()
        }
        #expect(try server.checksums().bad == [])
        // The server shows it, and puts a row where we say that there is room.
        try server.sql(
            "SELECT 1;",
            then: tell("ours") + """

                $query -c "INSERT INTO t VALUES (0, repeat('y', 3000))"
                $query -At -c "SELECT (ctid::text::point)[0]::int FROM t WHERE id = 0" >place
                """)
        let ours = try lines("ours").compactMap { Int($0) }
        #expect(ours == (0..<Int(end)).map { $0 % 250 * 32 })
        let place = try #require(lines("place").first.flatMap { Int($0) })
        #expect(place <= told.count)
    }
}
