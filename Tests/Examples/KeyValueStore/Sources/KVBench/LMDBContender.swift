import CLMDB
import Foundation

/// LMDB: https://www.symas.com/lmdb, as its documentation in `lmdb.h` advises.
final class LMDBContender: Contender, @unchecked Sendable {
    let opening: Opening
    private let environment: OpaquePointer
    private let database: MDB_dbi

    init(_ opening: Opening) throws {
        self.opening = opening
        var environment: OpaquePointer?
        try lmdb(mdb_env_create(&environment), "create an environment")
        guard let environment else { throw BenchError("lmdb: no environment") }
        try lmdb(mdb_env_set_mapsize(environment, 16 << 30), "set the map's size")
        // "Turn off readahead … useful when the DB is larger than RAM and system RAM is full."
        let flags = UInt32(MDB_NOTLS) | (opening.exceedsMemory ? UInt32(MDB_NORDAHEAD) : 0)
        try lmdb(mdb_env_open(environment, opening.path, flags, 0o600), "open")
        var transaction: OpaquePointer?
        try lmdb(mdb_txn_begin(environment, nil, 0, &transaction), "begin")
        var database: MDB_dbi = 0
        try lmdb(mdb_dbi_open(transaction, nil, 0, &database), "open the database")
        try lmdb(mdb_txn_commit(transaction), "commit")
        self.environment = environment
        self.database = database
    }

    var settings: String {
        "map 16 GiB, readers reset and renewed, loading in batches with MDB_NOSYNC"
            + (opening.exceedsMemory ? ", MDB_NORDAHEAD" : "")
    }

    var loadBatch: Int { 1_000_000 }

    func worker() throws -> any Worker { LMDBWorker(environment, database, opening.work) }

    func finishLoad() throws {
        try lmdb(mdb_env_sync(environment, 1), "sync")
        try lmdb(mdb_env_set_flags(environment, UInt32(MDB_NOSYNC), 0), "set flags")
    }

    func settle() throws {}
    func close() throws { mdb_env_close(environment) }
}

private func lmdb(_ result: CInt, _ what: String) throws {
    if result != 0 { throw BenchError("lmdb: \(what): \(String(cString: mdb_strerror(result)))") }
}

final class LMDBWorker: Worker {
    private let environment: OpaquePointer
    private let database: MDB_dbi
    private let work: Workload
    private let key = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 8)
    private var reader: OpaquePointer?

    init(_ environment: OpaquePointer, _ database: MDB_dbi, _ work: Workload) {
        self.environment = environment
        self.database = database
        self.work = work
    }

    func load(_ numbers: ArraySlice<UInt32>, inOrder: Bool) throws {
        _ = mdb_env_set_flags(environment, UInt32(MDB_NOSYNC), 1)
        var transaction: OpaquePointer?
        try lmdb(mdb_txn_begin(environment, nil, 0, &transaction), "begin")
        let flags = inOrder ? UInt32(MDB_APPEND) : 0
        for number in numbers {
            Workload.writeKey(Int(number), to: key)
            var name = MDB_val(mv_size: 16, mv_data: key)
            let value = work.value(Int(number))
            var data = MDB_val(
                mv_size: value.count, mv_data: UnsafeMutableRawPointer(mutating: value.baseAddress))
            try lmdb(mdb_put(transaction, database, &name, &data, flags), "put")
        }
        try lmdb(mdb_txn_commit(transaction), "commit")
    }

    private func renew() throws {
        if let reader {
            try lmdb(mdb_txn_renew(reader), "renew")
        } else {
            try lmdb(
                mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &reader), "begin reading")
        }
    }

    func read(_ count: Int, below bound: Int, _ random: inout Random) throws -> Int {
        var wrong = 0
        for _ in 0..<count {
            let number = random.below(bound)
            Workload.writeKey(number, to: key)
            var name = MDB_val(mv_size: 16, mv_data: key)
            var data = MDB_val()
            // Each read sees what was committed before it.
            try renew()
            let result = mdb_get(reader, database, &name, &data)
            if result != 0 || !work.isValue(number, data.mv_data, data.mv_size) { wrong += 1 }
            mdb_txn_reset(reader)
        }
        return wrong
    }

    func scan(from first: Int, _ count: Int) throws -> Int {
        try renew()
        defer { mdb_txn_reset(reader) }
        var cursor: OpaquePointer?
        try lmdb(mdb_cursor_open(reader, database, &cursor), "open a cursor")
        defer { mdb_cursor_close(cursor) }
        var wrong = 0
        let expected = UnsafeMutableRawPointer.allocate(byteCount: 16, alignment: 8)
        defer { expected.deallocate() }
        Workload.writeKey(first, to: key)
        var name = MDB_val(mv_size: 16, mv_data: key)
        var data = MDB_val()
        for number in first..<first + count {
            let result = mdb_cursor_get(
                cursor, &name, &data, number == first ? MDB_SET_RANGE : MDB_NEXT)
            Workload.writeKey(number, to: expected)
            if result != 0 || name.mv_size != 16 || memcmp(name.mv_data, expected, 16) != 0
                || !work.isValue(number, data.mv_data, data.mv_size)
            {
                wrong += 1
            }
        }
        return wrong
    }

    func update(_ number: Int) throws {
        var transaction: OpaquePointer?
        try lmdb(mdb_txn_begin(environment, nil, 0, &transaction), "begin")
        Workload.writeKey(number, to: key)
        var name = MDB_val(mv_size: 16, mv_data: key)
        let value = work.value(number, isUpdated: true)
        var data = MDB_val(
            mv_size: value.count, mv_data: UnsafeMutableRawPointer(mutating: value.baseAddress))
        try lmdb(mdb_put(transaction, database, &name, &data, 0), "put")
        try lmdb(mdb_txn_commit(transaction), "commit")
    }

    func close() { if let reader { mdb_txn_abort(reader) } }
}
