import Foundation
import KeyValueStore
import Strata

/// The example's own store.
final class StrataContender: Contender {
    let opening: Opening
    let store: KeyValueStore

    init(_ opening: Opening) throws {
        self.opening = opening
        var options = KeyValueOptions()
        options.engine.poolBytes = opening.cacheBytes
        options.engine.usesDirectIO = true
        options.checkpointBytes = 2 << 30
        store = try KeyValueStore.open(opening.path, options: options)
    }

    var settings: String {
        "pool \(opening.cacheBytes >> 20) MiB, direct IO, checkpoint every 2 GiB of log"
    }

    var loadBatch: Int { 10_000 }

    func worker() throws -> any Worker { StrataWorker(try store.connect(), opening.work) }
    func finishLoad() throws { try store.sync() }
    func settle() throws { try store.checkpoint() }
    func close() throws { try store.close() }
}

final class StrataWorker: Worker {
    private let connection: Connection
    private let work: Workload
    private var key = [UInt8](repeating: 0, count: Workload.keyLength)
    private var value: [UInt8]

    init(_ connection: Connection, _ work: Workload) {
        self.connection = connection
        self.work = work
        value = [UInt8](repeating: 0, count: work.valueLength)
    }

    @inline(__always)
    private func setKey(_ number: Int) {
        key.withUnsafeMutableBytes { Workload.writeKey(number, to: $0.baseAddress!) }
    }

    private func setValue(_ bytes: UnsafeRawBufferPointer) {
        value.withUnsafeMutableBytes { $0.copyMemory(from: bytes) }
    }

    func load(_ numbers: ArraySlice<UInt32>, inOrder: Bool) throws {
        for number in numbers {
            setKey(Int(number))
            setValue(work.value(Int(number)))
            try connection.put(key, value, .buffered)
        }
    }

    func read(_ count: Int, below bound: Int, _ random: inout Random) throws -> Int {
        var wrong = 0
        for _ in 0..<count {
            let number = random.below(bound)
            setKey(number)
            let isThere = try connection.get(key, into: &value)
            let isRight =
                isThere
                && value.withUnsafeBytes {
                    work.isValue(number, $0.baseAddress!, $0.count)
                }
            if !isRight { wrong += 1 }
        }
        return wrong
    }

    func scan(from first: Int, _ count: Int) throws -> Int {
        setKey(first)
        var (wrong, number) = (0, first)
        let scan = connection.scan(from: key)
        while number < first + count {
            let isRight = try scan.withNext { key, value in
                setKey(number)
                return key.count == Workload.keyLength
                    && memcmp(key.baseAddress!, self.key, Workload.keyLength) == 0
                    && work.isValue(number, value.baseAddress!, value.count)
            }
            if isRight != true { wrong += 1 }
            number += 1
        }
        return wrong
    }

    func update(_ number: Int) throws {
        setKey(number)
        setValue(work.value(number, isUpdated: true))
        try connection.put(key, value)
    }

    func close() { connection.close() }
}
