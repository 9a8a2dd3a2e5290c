import AsyncIO
import FileAccess
import StorageManager
import StorageTesting
import Testing

@testable import CompressedDisk

/// Power cuts at any call: synced contents are there, and no chunk is a mixture.
@Suite("Compressed relations and power cuts")
struct CrashTests {
    /// How many seeds there are; each cuts the power at several boundaries.
    static let seeds = 0..<60

    @Test("leave each chunk as of the last sync, or a later state", arguments: seeds)
    func powerCuts(_ number: Int) throws {
        let seed = IOMethodMatrix.seed &+ UInt64(number)
        // One full run, to count the boundaries.
        let whole = try Workload(seed: seed, disk: SimulatedDisk())
        try whole.run()
        let boundaries = whole.disk.changeCount
        var random = SplitMix64(seed: seed, stream: 77)
        for attempt in 0..<12 {
            let cut = 1 + random.below(boundaries)
            let disk = SimulatedDisk()
            disk.cutPower(afterCalls: cut)
            let workload = try? Workload(seed: seed, disk: disk)
            try? workload?.run()
            workload?.end()
            let survivor = disk.crash(seed: random.next())
            guard let workload else { continue }
            let withoutMap = survivor.copy()
            let faults = try workload.faults(in: survivor)
            #expect(
                faults.isEmpty,
                "seed \(seed), power cut after \(cut) of \(boundaries) calls: \(faults)")
            if attempt > 2 { continue }
            withoutMap.remove("base/1/16384.map")
            let more = try workload.faults(in: withoutMap, isMapLost: true)
            #expect(
                more.isEmpty,
                "seed \(seed), cut after \(cut) of \(boundaries) calls, map lost: \(more)")
        }
    }
}

/// A seeded mixture of everything that changes a relation, and what may be found of it.
private final class Workload {
    let disk: SimulatedDisk
    private let seed: UInt64
    private let chunkPages: Int
    private let all: OpenManager
    private var session: Session { all.session }
    private let storage: any RelationStorage
    private var random: SplitMix64
    private var version: UInt32 = 0
    /// What each block holds; zero for zeroes.
    private var pages: [UInt32] = []
    /// Lengths that may be found: as of the last sync, and all since.
    private var lengths: Set<Int> = []
    /// The same for chunks: the contents of their blocks.
    private var states: [Int: [[UInt32]]] = [:]
    /// How many of a chunk's blocks truncations since the last sync left.
    private var cuts: [Int: Set<Int>] = [:]
    private var wasCreated = false

    init(seed: UInt64, disk: SimulatedDisk) throws {
        self.disk = disk
        self.seed = seed
        random = SplitMix64(seed: seed)
        chunkPages = [2, 4][random.below(2)]
        all = try OpenManager(on: disk, chunkPages: chunkPages)
        storage = try all.open()
    }

    func end() { all.close() }

    func run() throws {
        try storage.create(.main, ifMissing: false)
        try sync()
        wasCreated = true
        for _ in 0..<40 {
            switch random.below(12) {
            case 0, 1: try extend()
            case 2: try truncate()
            case 3: try sync()
            case 4:
                try all.manager.compact(OpenManager.locator)
                // The call syncs everything except what is in flight.
                settle()
            default: try write()
            }
        }
        try sync()
        end()
    }

    // MARK: Changes, recorded in the model before they are tried

    private func note(_ chunk: Int) {
        let first = chunk * chunkPages
        guard first < pages.count else { return }
        states[chunk, default: []].append(
            Array(pages[first..<min(first + chunkPages, pages.count)]))
    }

    private func extend() throws {
        let count = 1 + random.below(9)
        let first = pages.count
        pages += Array(repeating: 0, count: count)
        lengths.insert(pages.count)
        for chunk in first / chunkPages...(pages.count - 1) / chunkPages { note(chunk) }
        try storage.zeroExtend(
            .main, from: BlockNumber(UInt32(first)), count: count, sync: .register)
    }

    private func write() throws {
        guard !pages.isEmpty else { return }
        let first = random.below(pages.count)
        let count = 1 + random.below(min(10, pages.count - first))
        let memory = PageMemory(count)
        for position in 0..<count {
            version += 1
            pages[first + position] = version
            memory.fill(position, version)
        }
        for chunk in first / chunkPages...(first + count - 1) / chunkPages { note(chunk) }
        let started = random.below(2) == 0
        if started {
            try start(first, memory)
        } else {
            try storage.write(
                .main, block: BlockNumber(UInt32(first)), from: memory.addresses.span,
                sync: .register)
        }
    }

    private func start(_ first: Int, _ memory: PageMemory) throws {
        let outcome = IOReturn()
        let handle = try session.acquireHandle(reporting: outcome)
        let reference = handle.waitReference
        let addresses = memory.addresses
        try storage.startWrite(
            handle, .main, block: BlockNumber(UInt32(first)), from: addresses.span,
            sync: .register)
        try session.wait(for: reference)
        try all.system.check(outcome)
    }

    private func truncate() throws {
        let count = random.below(pages.count + 1)
        pages.removeLast(pages.count - count)
        lengths.insert(count)
        if count > 0 {
            let chunk = (count - 1) / chunkPages
            note(chunk)
            cuts[chunk, default: []].insert(count - chunk * chunkPages)
        }
        try storage.truncate(.main, to: UInt32(count), session: session)
    }

    private func sync() throws {
        try all.manager.syncPending(session)
        settle()
    }

    /// Records that everything done so far is durable.
    private func settle() {
        lengths = [pages.count]
        states = [:]
        cuts = [:]
        for chunk in 0..<(pages.count + chunkPages - 1) / chunkPages { note(chunk) }
    }

    // MARK: What is found

    /// What a chunk may hold. The map records the order in which a chunk was written and cut.
    /// Without it, a cut may be found of a chunk whose last write before the cut is lost.
    private func allowedStates(of chunk: Int, isMapLost: Bool) -> [[UInt32]] {
        let states = states[chunk] ?? []
        guard isMapLost, let cuts = cuts[chunk] else { return states }
        return states + cuts.flatMap { cut in states.map { Array($0.prefix(cut)) } }
    }

    /// Deviations from what a power cut may leave. Without the map, a chunk whose last write was
    /// interrupted is found damaged, and zeroes may be found lost.
    func faults(in survivor: SimulatedDisk, isMapLost: Bool = false) throws -> [String] {
        let all = try OpenManager(on: survivor, chunkPages: chunkPages)
        defer { all.close() }
        let storage = try all.open()
        guard try storage.exists(.main) else {
            return wasCreated ? ["the relation is gone"] : []
        }
        let count: Int
        do {
            count = Int(try storage.blockCount(.main))
        } catch {
            return wasCreated ? ["it cannot be opened: \(error)"] : []
        }
        guard wasCreated else { return [] }
        var faults: [String] = []
        if isMapLost {
            for chunk in 0..<(pages.count + chunkPages - 1) / chunkPages {
                let isLost = (states[chunk] ?? []).allSatisfy { state in
                    state.enumerated().contains { position, value in
                        value != 0 && chunk * chunkPages + position >= count
                    }
                }
                if isLost && pages.count > count { faults.append("chunk \(chunk) is lost") }
            }
        } else if !lengths.contains(count) {
            faults.append("length \(count), not of \(lengths)")
        }
        for chunk in 0..<(count + chunkPages - 1) / chunkPages {
            let first = chunk * chunkPages
            let length = min(chunkPages, count - first)
            let memory = PageMemory(length)
            do {
                try storage.read(
                    .main, block: BlockNumber(UInt32(first)), into: memory.addresses.span)
            } catch {
                let states = states[chunk] ?? []
                let wasWritten = states.count > 1
                // After a crash, nothing distinguishes chunks of zeroes from lost ones without the
                // map.
                let mayBeLost =
                    error.code == .lostChunk
                    && states.contains { $0.allSatisfy { $0 == 0 } }
                if !isMapLost || !(wasWritten || mayBeLost) {
                    faults.append("chunk \(chunk): \(error)")
                }
                continue
            }
            let isKnown = allowedStates(of: chunk, isMapLost: isMapLost).contains { state in
                (0..<length).allSatisfy { position in
                    let value = position < state.count ? state[position] : 0
                    return value == 0
                        ? memory.isZero(position) : memory.holds(position, value)
                }
            }
            if !isKnown { faults.append("chunk \(chunk) is none of \(states[chunk] ?? [])") }
        }
        if isMapLost { return faults }
        // What is found can be changed and kept.
        try storage.zeroExtend(
            .main, from: BlockNumber(UInt32(count)), count: 3, sync: .register)
        let page = PageMemory(1)
        page.fill(0, 4_000_000)
        try storage.write(
            .main, block: BlockNumber(UInt32(count)), from: page.addresses.span, sync: .register)
        try all.manager.syncPending(all.session)
        try all.manager.check(OpenManager.locator, fork: .main) { faults.append("\($0)") }
        return faults
    }
}
