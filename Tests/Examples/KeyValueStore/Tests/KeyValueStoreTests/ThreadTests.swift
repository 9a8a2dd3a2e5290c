import Foundation
import KeyValueTesting
import StorageTesting
import Strata
import Testing

@testable import KeyValueStore

/// Writers and readers at the same time. Also run with the thread sanitizer.
@Suite struct ThreadTests {
    /// A value that says whose it is.
    private static func value(_ key: [UInt8], _ version: Int) -> [UInt8] {
        let length = version % 40 == 0 ? 9000 + version % 5000 : version % 150
        var seed = 5381
        for byte in key { seed = seed &* 33 &+ Int(byte) }
        return withUnsafeBytes(of: version) { Array($0) } + bytes(seed &+ version, length)
    }

    private static func isValue(_ value: [UInt8], of key: [UInt8]) -> Bool {
        guard value.count >= 8 else { return false }
        let version = value.withUnsafeBytes { $0.loadUnaligned(as: Int.self) }
        return version >= 0 && value == Self.value(key, version)
    }

    @Test func writersAndReaders() throws {
        let steps = ProcessInfo.processInfo.environment["KV_STEPS"].flatMap { Int($0) } ?? 4000
        try TemporaryDirectory.with { directory in
            var options = smallOptions()
            options.engine.poolBytes = 256 * 8192
            let store = try KeyValueStore.open(directory + "/store", options: options)
            let keyCount = 500
            @Sendable func key(_ writer: Int, _ number: Int) -> [UInt8] {
                // The writers' keys lie between one another.
                Array("key\(String(1_000_000 + number * 7919 % 999_983))/\(writer)".utf8)
            }
            let models: [[[UInt8]: [UInt8]]?] = try TestThreads.run(5) { thread in
                let connection = try store.connect()
                defer { connection.close() }
                var random = SplitMix64(seed: UInt64(thread), stream: 3)
                var mine: [[UInt8]: [UInt8]] = [:]
                if thread < 3 {
                    for step in 0..<steps {
                        let key = key(thread, random.below(keyCount))
                        let grows = step / 1000 % 2 == 0
                        if random.below(100) < (grows ? 70 : 25) {
                            let value = Self.value(key, step)
                            try connection.put(key, value, step % 50 == 0 ? .committed : .buffered)
                            mine[key] = value
                        } else {
                            let isThere = mine.removeValue(forKey: key) != nil
                            let wasThere = try connection.remove(key, .buffered)
                            if wasThere != isThere {
                                throw KeyValueError.damaged("an entry of thread \(thread)")
                            }
                        }
                        let own = self.anyKey(mine, &random)
                        if let own, try connection.get(own) != mine[own] {
                            throw KeyValueError.damaged("a lost value of thread \(thread)")
                        }
                    }
                    return mine
                }
                for step in 0..<steps / 4 {
                    let key = key(random.below(3), random.below(keyCount))
                    if let value = try connection.get(key), !Self.isValue(value, of: key) {
                        throw KeyValueError.damaged("a value of another key or moment")
                    }
                    if step % 10 > 0 { continue }
                    try self.checkScan(connection, from: key, isBackward: step % 20 == 0)
                }
                return nil
            }
            let connection = try store.connect()
            var expected: [[UInt8]: [UInt8]] = [:]
            for model in models.compactMap({ $0 }) { expected.merge(model) { $1 } }
            #expect(try connection.checkTree() == expected.count)
            var found: [[UInt8]: [UInt8]] = [:]
            for entry in connection.scan() { found[entry.key] = entry.value }
            #expect(found == expected)
            connection.close()
            try store.close()
        }
    }

    /// Looks at the entries on one side of a key while others change them.
    private func checkScan(
        _ connection: Connection, from key: [UInt8], isBackward: Bool
    ) throws {
        var last: [UInt8]?
        let scan = isBackward ? connection.scanBackward(below: key) : connection.scan(from: key)
        for entry in scan.prefix(200) {
            if let last, isBackward ? !(entry.key < last) : !(last < entry.key) {
                throw KeyValueError.damaged("a scan out of order")
            }
            if !Self.isValue(entry.value, of: entry.key) {
                throw KeyValueError.damaged("a scan with a value of another key")
            }
            last = entry.key
        }
        if let error = scan.error { throw error }
    }

    private func anyKey(_ entries: [[UInt8]: [UInt8]], _ random: inout SplitMix64) -> [UInt8]? {
        if entries.isEmpty || random.below(4) > 0 { return nil }
        return entries.keys.first
    }

    @Test func tasksReadWhatWasWritten() async throws {
        let directory = TemporaryDirectory()
        let store = try KeyValueStore.open(directory.path + "/store", options: smallOptions())
        let connection = try store.connect()
        let keys = (0..<3000).map { Array("key\($0)".utf8) }
        for (number, key) in keys.enumerated() {
            try connection.put(key, Self.value(key, number), .buffered)
        }
        connection.close()
        let reader = try store.reader(.engineThread)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in stride(from: task, to: keys.count, by: 16) {
                        let value = try await reader.get(keys[number])
                        #expect(value == Self.value(keys[number], number))
                    }
                    #expect(try await reader.get(Array("nokey\(task)".utf8)) == nil)
                }
            }
            try await group.waitForAll()
        }
        await reader.close()
        try store.close()
    }
}
