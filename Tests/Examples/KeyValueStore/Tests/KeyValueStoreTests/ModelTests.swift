import KeyValueTesting
import StorageTesting
import Strata
import Testing

@testable import KeyValueStore

/// Random operations, compared with a dictionary.
@Suite struct ModelTests {
    private func expectEqual(_ connection: Connection, _ model: Model) throws {
        let keys = model.sorted
        let forward = connection.scan()
        #expect(forward.map(\.key) == keys)
        #expect(forward.error == nil)
        let backward = connection.scanBackward()
        #expect(backward.map(\.key) == keys.reversed())
        for entry in connection.scan() { #expect(model.entries[entry.key] == entry.value) }
        #expect(try connection.checkTree() == keys.count)
    }

    private func work(
        _ connection: Connection, _ model: inout Model, _ draw: inout Draw, steps: Int,
        removing: Int
    ) throws {
        for _ in 0..<steps {
            let key = draw.key()
            switch draw.random.below(100) {
            case 0..<removing:
                #expect(
                    try connection.remove(key, .buffered)
                        == (model.entries.removeValue(forKey: key) != nil))
            case 90..<99:
                #expect(try connection.get(key) == model.entries[key])
            case 99:
                let end = draw.key()
                let expected = model.sorted.filter { !($0 < key) && $0 < end }
                #expect(connection.scan(from: key, to: end).map(\.key) == expected)
                #expect(
                    connection.scanBackward(below: end, downTo: key).map(\.key)
                        == expected.reversed())
            default:
                let value = draw.value()
                try connection.put(key, value, .buffered)
                model.entries[key] = value
            }
        }
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func randomOperations(seed: UInt64) throws {
        try TemporaryDirectory.with { directory in
            var model = Model()
            var draw = Draw(seed: seed, keyCount: [60, 400, 3000][Int(seed % 3)])
            let path = directory + "/store"
            for round in 0..<4 {
                let store = try KeyValueStore.open(path, options: smallOptions())
                let connection = try store.connect()
                if round > 0 { try expectEqual(connection, model) }
                // The tree grows, and then shrinks to nothing in the last round.
                try work(
                    connection, &model, &draw, steps: 3000, removing: round == 3 ? 80 : 25)
                try expectEqual(connection, model)
                if round == 3 {
                    for key in model.sorted { try connection.remove(key, .buffered) }
                    try expectEqual(connection, Model())
                }
                connection.close()
                try store.close()
            }
        }
    }

    @Test func keysInOrderFillTheLeaves() throws {
        try TemporaryDirectory.with { directory in
            let store = try KeyValueStore.open(directory + "/store", options: smallOptions())
            let connection = try store.connect()
            let count = 20_000
            for number in 0..<count {
                let key = Array(String(1_000_000 + number).utf8)
                try connection.put(key, bytes(number, 100), .buffered)
            }
            #expect(try connection.checkTree() == count)
            // 20,000 × about 110 bytes, in leaves that are nearly full.
            #expect(store.statistics.blocks < 330)
            // Joining gives the pages back: the same again needs no more.
            for number in 0..<count {
                let key = Array(String(1_000_000 + number).utf8)
                #expect(try connection.remove(key, .buffered))
            }
            #expect(try connection.checkTree() == 0)
            let blocks = store.statistics.blocks
            for number in 0..<count {
                let key = Array(String(1_000_000 + number).utf8)
                try connection.put(key, bytes(number, 100), .buffered)
            }
            #expect(store.statistics.blocks == blocks)
            connection.close()
            try store.close()
        }
    }

    @Test func refusesWhatDoesNotFit() throws {
        try TemporaryDirectory.with { directory in
            let store = try KeyValueStore.open(directory + "/store", options: smallOptions())
            let connection = try store.connect()
            #expect(throws: KeyValueError.badKey(length: 0)) { try connection.put([], [1]) }
            #expect(throws: KeyValueError.badKey(length: 513)) {
                try connection.get([UInt8](repeating: 1, count: 513))
            }
            let long = [UInt8](repeating: 7, count: store.longestValue)
            try connection.put([1], long)
            #expect(try connection.get([1]) == long)
            #expect(throws: KeyValueError.valueTooLong(length: long.count + 1)) {
                try connection.put([1], long + [1])
            }
            #expect(try connection.checkTree() == 1)
            connection.close()
            try store.close()
        }
    }
}
