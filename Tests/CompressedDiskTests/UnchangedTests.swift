import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing

@testable import CompressedDisk

/// Reading a relation changes none of its files, whatever is wrong with them.
@Suite("Reading a compressed relation")
struct UnchangedTests {
    /// The damage done to the files of a relation of 40 blocks.
    enum Damage: CaseIterable, Sendable {
        case none, noMap, emptyMap, tornMap, halfRecord, rubbishMap, longMap, header, noData
        case shortData, longData, trace, leftover

        func inflict(_ harm: Harm) throws {
            let (map, chunks) = (RealStore.map, RealStore.chunks)
            switch self {
            case .none: break
            case .noMap: try harm.remove(map)
            case .emptyMap: try harm.set(map, [])
            case .tornMap: try harm.change(map) { $0 += Array(repeating: 0x5A, count: 100) }
            case .halfRecord: try harm.change(map) { $0.removeLast(64) }
            case .rubbishMap: try harm.change(map) { $0 = $0.map { $0 ^ 0x55 } }
            case .longMap: try harm.setLength(map, 1 << 36)
            case .header: try harm.change(chunks) { $0[17] ^= 1 }
            case .noData: try harm.set(chunks, [])
            case .shortData: try harm.change(chunks) { $0.removeLast(5000) }
            case .longData: try harm.setLength(chunks, 1 << 36)
            case .trace: try harm.change(chunks) { $0[2100] ^= 1 }
            case .leftover: try harm.set(map + ".new", [1, 2, 3])
            }
        }
    }

    @Test("changes nothing", arguments: IOMethodMatrix.all, Damage.allCases)
    func looking(_ method: TestedMethod, _ damage: Damage) throws {
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: 40)
            try damage.inflict(harm)
            let before = try harm.everything()
            for isReadOnly in [true, false] {
                try RealStore.with(path, method, configure: { $0.opensReadOnly = isReadOnly }) {
                    store in
                    _ = try? store.storage.blockCount(.main)
                    for block in 0..<UInt32(40) {
                        let found = store.read(block)
                        #expect(found != .zeroes && found != .other, "\(damage), block \(block)")
                    }
                    _ = try? store.startRead(0, 4)
                    _ = try? store.check()
                    _ = try? store.manager.space(of: RealStore.locator, fork: .main)
                    try store.manager.syncPending(store.session)
                }
                #expect(try harm.everything() == before, "\(damage)")
            }
        }
    }

    /// Each is written while the other, of the same state or an earlier one, is durable.
    @Test("A torn write of one trace is no damage", arguments: IOMethodMatrix.all, [1024, 2048])
    func tornTrace(_ method: TestedMethod, _ place: Int) throws {
        for syncs in 1...3 {
            try TemporaryDirectory.with { path in
                try RealStore.make(path, method, blocks: 40)
                for sync in 1..<syncs {
                    try RealStore.with(path, method) { store in
                        try store.write(UInt32(4 * sync), 4)
                        try store.manager.syncPending(store.session)
                    }
                }
                try Harm(path: path).change(RealStore.chunks) { $0[place + 100] ^= 1 }
                try RealStore.with(path, method) { store in
                    let found = try store.check()
                    #expect(found.isEmpty, "after \(syncs) syncs")
                }
            }
        }
    }

    @Test("The first change repairs the map", arguments: IOMethodMatrix.all)
    func mending(_ method: TestedMethod) throws {
        for damage in [Damage.noMap, .emptyMap, .tornMap, .halfRecord, .rubbishMap, .longMap] {
            try TemporaryDirectory.with { path in
                try RealStore.make(path, method, blocks: 40)
                try damage.inflict(Harm(path: path))
                try RealStore.with(path, method) { store in
                    try store.write(20, 4)
                    try store.manager.syncPending(store.session)
                    let checked = try store.check()
                    #expect(checked.isEmpty, "\(damage)")
                }
                let log = RecordingLog()
                try RealStore.with(path, method, log: log) { store in
                    for block in 0..<UInt32(40) { #expect(store.read(block) == .right) }
                }
                #expect(log.messages.isEmpty, "\(damage): \(log.messages)")
            }
        }
    }

    @Test("A map that is all that is left of a relation is not overwritten")
    func remainingMap() throws {
        let method = TestedMethod(.synchronous)
        try TemporaryDirectory.with { path in
            let harm = Harm(path: path)
            try RealStore.make(path, method, blocks: 40)
            try harm.remove(RealStore.chunks)
            let before = try harm.everything()
            try RealStore.with(path, method) { store in
                let error = RealStore.error {
                    try store.storage.create(.main, ifMissing: true)
                }
                #expect(error?.code == .fileExists && error?.location.path == RealStore.map)
            }
            #expect(try harm.everything() == before)
        }
    }
}
