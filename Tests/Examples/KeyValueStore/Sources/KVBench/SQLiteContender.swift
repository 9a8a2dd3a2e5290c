import CSQLite
import Foundation

/// SQLite: https://sqlite.org/wal.html, and the table without rowid that
/// https://sqlite.org/withoutrowid.html advises for such keys. The size of pages and
/// memory-mapped IO are left at their defaults.
final class SQLiteContender: Contender, @unchecked Sendable {
    let opening: Opening

    init(_ opening: Opening) throws {
        self.opening = opening
        let worker = try SQLiteWorker(opening)
        try worker.run(
            "CREATE TABLE IF NOT EXISTS kv (k BLOB PRIMARY KEY, v BLOB NOT NULL)"
                + (isWithoutRowid ? " WITHOUT ROWID" : ""))
        worker.close()
    }

    /// The manual advises it for rows below about a twentieth of a page.
    private var isWithoutRowid: Bool {
        20 * (Workload.keyLength + opening.work.valueLength) <= 4096
    }

    var settings: String {
        "WAL, cache \(opening.cacheBytes >> 20) MiB "
            + (opening.exceedsMemory ? "divided among the connections" : "for each connection")
            + ", pages of 4 KiB, prepared statements, synchronous FULL; "
            + (isWithoutRowid ? "WITHOUT ROWID; " : "")
            + "loading in one transaction with synchronous OFF"
    }

    var loadBatch: Int { 10_000_000 }

    func worker() throws -> any Worker { try SQLiteWorker(opening) }

    func finishLoad() throws {
        let worker = try SQLiteWorker(opening)
        try worker.run("PRAGMA wal_checkpoint(TRUNCATE)")
        worker.close()
        for name in ["db"] {
            let descriptor = open(opening.path + "/" + name, O_RDWR)
            if descriptor >= 0 {
                fsync(descriptor)
                Glibc.close(descriptor)
            }
        }
    }

    func settle() throws {}
    func close() throws {}
}

final class SQLiteWorker: Worker {
    private var connection: OpaquePointer?
    private let work: Workload
    private let key = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 8)
    private var select: OpaquePointer?
    private var range: OpaquePointer?
    private var insert: OpaquePointer?
    private var replace: OpaquePointer?
    private var begin: OpaquePointer?
    private var commit: OpaquePointer?
    private var isLoading = false

    init(_ opening: Opening) throws {
        work = opening.work
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        try check(sqlite3_open_v2(opening.path + "/db", &connection, flags, nil))
        try check(sqlite3_busy_timeout(connection, 60_000))
        let cache =
            opening.exceedsMemory ? opening.cacheBytes / opening.threads : opening.cacheBytes
        for pragma in [
            "journal_mode=WAL", "synchronous=FULL", "cache_size=-\(cache >> 10)",
        ] { try run("PRAGMA \(pragma)") }
    }

    private func check(_ result: CInt) throws {
        if result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW {
            throw BenchError("sqlite: \(String(cString: sqlite3_errmsg(connection)))")
        }
    }

    func run(_ text: String) throws { try check(sqlite3_exec(connection, text, nil, nil, nil)) }

    private func prepared(_ statement: inout OpaquePointer?, _ text: String) throws
        -> OpaquePointer?
    {
        if statement == nil {
            try check(sqlite3_prepare_v2(connection, text, -1, &statement, nil))
        }
        return statement
    }

    private func bindKey(_ statement: OpaquePointer?, _ number: Int) {
        Workload.writeKey(number, to: key)
        sqlite3_bind_blob(statement, 1, key, 16, nil)
    }

    private func step(_ statement: OpaquePointer?) throws {
        try check(sqlite3_step(statement))
        sqlite3_reset(statement)
    }

    func load(_ numbers: ArraySlice<UInt32>, inOrder: Bool) throws {
        if !isLoading { try run("PRAGMA synchronous=OFF") }
        isLoading = true
        let statement = try prepared(&insert, "INSERT INTO kv VALUES (?, ?)")
        try step(try prepared(&begin, "BEGIN IMMEDIATE"))
        for number in numbers {
            bindKey(statement, Int(number))
            let value = work.value(Int(number))
            sqlite3_bind_blob(statement, 2, value.baseAddress, CInt(value.count), nil)
            try step(statement)
        }
        try step(try prepared(&commit, "COMMIT"))
    }

    func read(_ count: Int, below bound: Int, _ random: inout Random) throws -> Int {
        let statement = try prepared(&select, "SELECT v FROM kv WHERE k = ?")
        var wrong = 0
        for _ in 0..<count {
            let number = random.below(bound)
            bindKey(statement, number)
            if sqlite3_step(statement) == SQLITE_ROW,
                let bytes = sqlite3_column_blob(statement, 0),
                work.isValue(number, bytes, Int(sqlite3_column_bytes(statement, 0)))
            {
            } else {
                wrong += 1
            }
            sqlite3_reset(statement)
        }
        return wrong
    }

    func scan(from first: Int, _ count: Int) throws -> Int {
        let statement = try prepared(&range, "SELECT k, v FROM kv WHERE k >= ? ORDER BY k")
        bindKey(statement, first)
        let expected = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 8)
        defer { expected.deallocate() }
        var wrong = 0
        for number in first..<first + count {
            Workload.writeKey(number, to: expected)
            if sqlite3_step(statement) == SQLITE_ROW,
                let name = sqlite3_column_blob(statement, 0), memcmp(name, expected, 16) == 0,
                let bytes = sqlite3_column_blob(statement, 1),
                work.isValue(number, bytes, Int(sqlite3_column_bytes(statement, 1)))
            {
            } else {
                wrong += 1
            }
        }
        sqlite3_reset(statement)
        return wrong
    }

    func update(_ number: Int) throws {
        let statement = try prepared(&replace, "UPDATE kv SET v = ?2 WHERE k = ?1")
        bindKey(statement, number)
        let value = work.value(number, isUpdated: true)
        sqlite3_bind_blob(statement, 2, value.baseAddress, CInt(value.count), nil)
        try step(statement)
    }

    func close() {
        for statement in [select, range, insert, replace, begin, commit] {
            sqlite3_finalize(statement)
        }
        sqlite3_close(connection)
    }
}
