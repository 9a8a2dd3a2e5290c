import CRocksDB
import Foundation

/// RocksDB: https://github.com/facebook/rocksdb/wiki, "Setup Options and Basic Tuning".
final class RocksDBContender: Contender, @unchecked Sendable {
    let opening: Opening
    private let database: OpaquePointer

    init(_ opening: Opening) throws {
        self.opening = opening
        let options = rocksdb_options_create()
        rocksdb_options_set_create_if_missing(options, 1)
        rocksdb_options_increase_parallelism(options, 2)
        rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1)
        rocksdb_options_set_compression(options, CInt(rocksdb_no_compression))
        rocksdb_options_set_bytes_per_sync(options, 1 << 20)
        rocksdb_options_set_max_open_files(options, -1)
        let table = rocksdb_block_based_options_create()
        rocksdb_block_based_options_set_block_size(table, 4096)
        rocksdb_block_based_options_set_filter_policy(
            table, rocksdb_filterpolicy_create_bloom_full(10))
        rocksdb_block_based_options_set_format_version(table, 5)
        let cache = rocksdb_cache_create_lru(opening.cacheBytes)
        rocksdb_block_based_options_set_block_cache(table, cache)
        rocksdb_options_set_block_based_table_factory(options, table)
        if opening.exceedsMemory {
            rocksdb_options_set_use_direct_reads(options, 1)
            rocksdb_options_set_use_direct_io_for_flush_and_compaction(options, 1)
        }
        var error: UnsafeMutablePointer<CChar>?
        let database = rocksdb_open(options, opening.path, &error)
        try rocks(error, "open")
        guard let database else { throw BenchError("rocksdb: no database") }
        self.database = database
    }

    var settings: String {
        "LRU block cache \(opening.cacheBytes >> 20) MiB, blocks 4 KiB, Bloom filter 10 bits, 2"
            + " threads, dynamic level bytes, no compression, batches with the log unsynced while"
            + " loading" + (opening.exceedsMemory ? ", direct IO" : "")
    }

    var loadBatch: Int { 10_000 }

    func worker() throws -> any Worker { RocksDBWorker(database, opening.work) }

    func finishLoad() throws {
        var error: UnsafeMutablePointer<CChar>?
        rocksdb_flush_wal(database, 1, &error)
        try rocks(error, "sync the log")
    }

    func settle() throws { rocksdb_compact_range(database, nil, 0, nil, 0) }
    func close() throws { rocksdb_close(database) }
}

private func rocks(_ error: UnsafeMutablePointer<CChar>?, _ what: String) throws {
    if let error { throw BenchError("rocksdb: \(what): \(String(cString: error))") }
}

final class RocksDBWorker: Worker {
    private let database: OpaquePointer
    private let work: Workload
    private let key = UnsafeMutablePointer<CChar>.allocate(capacity: 16)
    private let reading = rocksdb_readoptions_create()
    private let loading = rocksdb_writeoptions_create()
    private let durable = rocksdb_writeoptions_create()

    init(_ database: OpaquePointer, _ work: Workload) {
        self.database = database
        self.work = work
        rocksdb_writeoptions_set_sync(durable, 1)
    }

    func load(_ numbers: ArraySlice<UInt32>, inOrder: Bool) throws {
        let batch = rocksdb_writebatch_create()
        defer { rocksdb_writebatch_destroy(batch) }
        for number in numbers {
            Workload.writeKey(Int(number), to: key)
            let value = work.value(Int(number))
            rocksdb_writebatch_put(
                batch, key, 16, value.baseAddress!.assumingMemoryBound(to: CChar.self), value.count)
        }
        var error: UnsafeMutablePointer<CChar>?
        rocksdb_write(database, loading, batch, &error)
        try rocks(error, "write")
    }

    func read(_ count: Int, below bound: Int, _ random: inout Random) throws -> Int {
        var wrong = 0
        var error: UnsafeMutablePointer<CChar>?
        for _ in 0..<count {
            let number = random.below(bound)
            Workload.writeKey(number, to: key)
            // Pinned: the value is not copied.
            let found = rocksdb_get_pinned(database, reading, key, 16, &error)
            try rocks(error, "get")
            guard let found else {
                wrong += 1
                continue
            }
            var length = 0
            let bytes = rocksdb_pinnableslice_value(found, &length)
            if !work.isValue(number, bytes!, length) { wrong += 1 }
            rocksdb_pinnableslice_destroy(found)
        }
        return wrong
    }

    func scan(from first: Int, _ count: Int) throws -> Int {
        let iterator = rocksdb_create_iterator(database, reading)
        defer { rocksdb_iter_destroy(iterator) }
        Workload.writeKey(first, to: key)
        rocksdb_iter_seek(iterator, key, 16)
        var wrong = 0
        for number in first..<first + count {
            guard rocksdb_iter_valid(iterator) != 0 else { return wrong + 1 }
            var (keyLength, length) = (0, 0)
            let name = rocksdb_iter_key(iterator, &keyLength)
            let bytes = rocksdb_iter_value(iterator, &length)
            Workload.writeKey(number, to: key)
            if keyLength != 16 || memcmp(name!, key, 16) != 0
                || !work.isValue(number, bytes!, length)
            {
                wrong += 1
            }
            rocksdb_iter_next(iterator)
        }
        return wrong
    }

    func update(_ number: Int) throws {
        Workload.writeKey(number, to: key)
        let value = work.value(number, isUpdated: true)
        var error: UnsafeMutablePointer<CChar>?
        rocksdb_put(
            database, durable, key, 16, value.baseAddress!.assumingMemoryBound(to: CChar.self),
            value.count, &error)
        try rocks(error, "put")
    }

    func close() {
        rocksdb_readoptions_destroy(reading)
        rocksdb_writeoptions_destroy(loading)
        rocksdb_writeoptions_destroy(durable)
    }
}
