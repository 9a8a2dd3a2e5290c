import AsyncIO
import StorageTesting
import Strata
import Testing
import Threads

/// Each system call of a load, a scan, a checkpoint and a recovery fails once: the first, the
/// second, and so on until the work is done without meeting the failure. Whatever the call and the
/// error, the store is intact afterwards: what was acknowledged is there, and what was not counts
/// entirely or not at all.
@Suite("Failing calls, one by one") struct FailingCallTests {
    /// An error, and the calls that may return it.
    struct Failure: Sendable, CustomStringConvertible {
        let number: CInt
        let description: String
        var calls = Set(SimulatedCall.allCases)

        static let space: Set<SimulatedCall> = [.open, .write, .allocate, .makeDirectory, .rename]
        static let all = [
            Failure(number: EIO, description: "EIO"),
            Failure(number: EINTR, description: "EINTR"),
            Failure(number: ENOSPC, description: "ENOSPC", calls: space),
            Failure(number: EDQUOT, description: "EDQUOT", calls: space),
            Failure(number: EMFILE, description: "EMFILE", calls: [.open]),
        ]
    }

    static let managers = ["magnetic", "compressed"]

    @Test(arguments: Failure.all, managers)
    func loading(_ failure: Failure, _ manager: String) throws {
        try everyCall(failure, manager) { store in
            let load = try store.engine.beginLoad(
                LoadTarget(relation: "new", managerName: manager), session: store.session)
            try load.add(7, version: 7)
            store.mayBecome("new", Array(repeating: 7, count: 7))
            try load.commit(rowCount: 7)
            store.became("new", Array(repeating: 7, count: 7))
        }
    }

    @Test(arguments: Failure.all, managers)
    func appending(_ failure: Failure, _ manager: String) throws {
        try everyCall(failure, manager) { store in
            let load = try store.engine.beginLoad(
                LoadTarget(relation: "old", mode: .append), session: store.session)
            try load.add(6, version: 8)
            store.mayBecome("old", FailingStore.before + Array(repeating: 8, count: 6))
            try load.commit(rowCount: 6)
            store.became("old", FailingStore.before + Array(repeating: 8, count: 6))
        }
    }

    @Test(arguments: Failure.all, managers)
    func replacingAndDropping(_ failure: Failure, _ manager: String) throws {
        try everyCall(failure, manager) { store in
            let load = try store.engine.beginLoad(
                LoadTarget(relation: "old", mode: .replace), session: store.session)
            try load.add(3, version: 9)
            store.mayBecome("old", [9, 9, 9])
            try load.commit(rowCount: 3)
            store.became("old", [9, 9, 9])
            store.mayBecome("old", nil)
            try store.engine.dropRelation(named: "old", session: store.session)
            store.became("old", nil)
        }
    }

    @Test(arguments: Failure.all, managers)
    func scanning(_ failure: Failure, _ manager: String) throws {
        try everyCall(failure, manager) { store in
            let found = try store.engine.relation(named: "old").versions(store.session)
            #expect(found == FailingStore.before)
        }
    }

    @Test(arguments: Failure.all, managers)
    func checkpoints(_ failure: Failure, _ manager: String) throws {
        try everyCall(failure, manager) { store in
            let relation = try store.engine.relation(named: "old")
            // Pages that do not exist yet cannot be torn.
            var pages = try relation.extend(by: 3, session: store.session)
            var added = 0
            while let page = pages.next() {
                try page.write(version: 4)
                added += 1
            }
            store.mayBecome("old", FailingStore.before + Array(repeating: 4, count: added))
            try store.engine.checkpoint(store.session)
            store.became("old", FailingStore.before + Array(repeating: 4, count: added))
        }
    }

    /// The catalog must not count the rows of a page that was changed, whichever call failed.
    @Test(arguments: Failure.all, managers)
    func changing(_ failure: Failure, _ manager: String) throws {
        try everyCall(failure, manager) { store in
            let relation = try store.engine.relation(named: "old")
            var after = FailingStore.before
            after[2] = FailingStore.changed
            store.mayBecome("old", after)
            try relation.page(BlockNumber(2), session: store.session)
                .write(version: FailingStore.changed)
            try store.engine.checkpoint(store.session)
            store.became("old", after)
        }
    }

    /// A device that fails during a transfer has damaged nothing; only the read failed.
    @Test func failuresWithinTransfersAreNotDamage() throws {
        let store = try FailingStore(try FailingStore.prepare("compressed").copy())
        var faults = SimulatedDiskFaults()
        faults.shortTransferProbability = 0.4
        faults.errorProbability = 0.2
        var told: [StorageError.Code: Int] = [:]
        for round in 0..<200 {
            store.disk.isFaulty = false
            store.disk.faults = faults
            let relation = try store.engine.relation(named: "old")
            let block = BlockNumber(UInt32(round % FailingStore.before.count))
            try relation.page(block, session: store.session).write(version: 1)
            try store.engine.checkpoint(store.session)
            _ = try store.engine.buffers.evict(relation.open, session: store.session)
            store.disk.isFaulty = true
            do {
                if round % 2 == 0 {
                    _ = try store.engine.compact(relation: "old", session: store.session)
                } else {
                    _ = try relation.versions(store.session)
                }
            } catch let error as StorageError {
                told[error.code, default: 0] += 1
            }
        }
        #expect(told.keys.allSatisfy { !$0.rawValue.contains("amage") }, "\(told)")
        #expect(told.values.reduce(0, +) > 20)
        store.disk.isFaulty = false
        #expect(store.faults() == [])
        store.end()
    }

    /// Recovery from a power cut in the middle of an append and of a load.
    @Test(arguments: Failure.all, managers)
    func recovery(_ failure: Failure, _ manager: String) throws {
        let crashed = try FailingStore.prepare(manager) { store in
            let load = try store.engine.beginLoad(
                LoadTarget(relation: "old", mode: .append), session: store.session)
            try load.add(5, version: 2)
            let other = try store.engine.beginLoad(
                LoadTarget(relation: "x"), session: store.session)
            try other.add(5, version: 3)
            store.disk.cutPower(afterCalls: 0)
        }
        var call = 0
        while true {
            call += 1
            let disk = crashed.copy()
            disk.fail(call: call, of: failure.calls, with: failure.number)
            let opened = Result { try FailingStore(disk) }
            let wasMet = !disk.hasPlannedFailure
            disk.fail(call: .max, with: EIO)
            let context: Comment = "\(failure) at call \(call)"
            if case .failure(let error) = opened {
                #expect(wasMet && failure.number != EINTR, "\(context): \(error)")
            }
            if case .success(let store) = opened { store.end() }
            for survivor in [call % 2 == 0 ? disk.kill() : disk.crash(seed: UInt64(call))] {
                let store = try FailingStore(survivor)
                #expect(store.faults() == [], context)
                store.end()
            }
            if !wasMet { break }
        }
        #expect(call > 10)
    }

    /// Runs work with the first call failing, then the second, and so on until all of them were
    /// met.
    private func everyCall(
        _ failure: Failure, _ manager: String, _ work: (FailingStore) throws -> Void
    ) throws {
        let prepared = try FailingStore.prepare(manager)
        var call = 0
        while true {
            call += 1
            let store = try FailingStore(prepared.copy())
            store.disk.fail(call: call, of: failure.calls, with: failure.number)
            let result = Result { try work(store) }
            let wasMet = !store.disk.hasPlannedFailure
            store.disk.fail(call: .max, with: EIO)
            let context: Comment = "\(failure) at call \(call)"
            if case .failure(let error) = result {
                #expect(wasMet && failure.number != EINTR, "\(context): \(error)")
            }
            // What readers see now, and what the next process or a power cut leave.
            #expect(store.faults() == [], context)
            let disk = store.disk
            store.end()
            for survivor in [call % 2 == 0 ? disk.kill() : disk.crash(seed: UInt64(call))] {
                let later = try FailingStore(survivor, possible: store.possible)
                #expect(later.faults() == [], context)
                later.end()
            }
            if !wasMet { break }
        }
        #expect(call > 2)
    }
}

/// A store on a simulated disk, and the possible contents of its relations.
final class FailingStore {
    static let before: [UInt8] = Array(repeating: 1, count: 6)

    let disk: SimulatedDisk
    let engine: Engine
    let session: Session
    private(set) var possible: [String: [[UInt8]?]]

    init(
        _ disk: SimulatedDisk, creation: EngineOptions.Creation = .never,
        possible: [String: [[UInt8]?]] = ["old": [FailingStore.before]]
    ) throws {
        self.disk = disk
        self.possible = possible
        var options = EngineOptions()
        options.fileSystem = disk
        options.ioExecutor = disk
        var faults = SimulatedFaults()
        faults.completion = .waiters
        options.ioMethod = SimulatedMethod.choice(seed: 1, faults: faults)
        options.creation = creation
        options.poolBytes = 16 * blockSize
        options.maximumSessions = 2
        options.combineLimit = 4
        options.createdSegmentBlocks = 4
        options.journalBytes = 1 << 20
        options.compressedDisk.properties.chunkBytes = 32 * 1024
        options.compressedDisk.compactsByItself = false
        options.backgroundWriter = nil
        options.logger = RecordingLog().logger(level: .critical)
        engine = try Engine.open("/", options: options)
        session = try engine.makeSession()
    }

    /// The version that pages are changed to.
    static let changed: UInt8 = 5

    /// A disk with a store that has one relation.
    ///
    /// - Parameter body: what else happens before the process dies or the power fails.
    static func prepare(
        _ manager: String, _ body: (FailingStore) throws -> Void = { _ in }
    ) throws -> SimulatedDisk {
        let store = try FailingStore(SimulatedDisk(), creation: .ifMissing)
        let load = try store.engine.beginLoad(
            LoadTarget(relation: "old", managerName: manager), session: store.session)
        try load.add(before.count, version: before[0])
        try load.commit(rowCount: UInt64(before.count))
        try body(store)
        store.end()
        return store.disk.crash(seed: 9)
    }

    /// Releases the store as a dying process does.
    func end() { session.close() }

    func became(_ name: String, _ contents: [UInt8]?) { possible[name] = [contents] }

    func mayBecome(_ name: String, _ contents: [UInt8]?) {
        possible[name] = (possible[name] ?? [nil]) + [contents]
    }

    /// Deviations from the possible contents. Relations that were never acknowledged may exist or
    /// not.
    func faults() -> [String] {
        var faults: [String] = []
        for (name, contents) in possible {
            do {
                let found =
                    engine.description(of: name) == nil
                    ? nil : try engine.relation(named: name).versions(session)
                if !contents.contains(found) {
                    faults.append("\(name) is \(String(describing: found))")
                }
            } catch { faults.append("\(name): \(error)") }
        }
        return faults
    }

}

extension PendingLoad {
    fileprivate func add(_ count: Int, version: UInt8) throws {
        for _ in 0..<count {
            let page = try nextPage()
            try page.write(version: version)
        }
    }
}

extension PinnedPage {
    fileprivate func write(version: UInt8) throws {
        try withEditor { editor in
            editor.initialize()
            // The version that pages are changed to has one more row, so that a count shows it.
            for _ in 0..<(version == FailingStore.changed ? 2 : 1) {
                _ = try editor.addItem([version, UInt8(block.rawValue)].span.bytes)
            }
        }
    }
}

extension Relation {
    fileprivate func versions(_ session: Session) throws -> [UInt8] {
        var versions: [UInt8] = []
        var rows: UInt64 = 0
        let extent = extent
        var pages = scan(session: session, extent: extent)
        while let page = try pages.next() {
            rows += page.withView { UInt64($0.linePointerCount) }
            let block = page.block.rawValue
            versions.append(
                try page.withView { view in
                    guard let item = try view.item(1), item.byteCount == 2,
                        unsafe item.unsafeLoad(fromByteOffset: 1, as: UInt8.self) == UInt8(block)
                    else { return 255 }
                    return unsafe item.unsafeLoad(fromByteOffset: 0, as: UInt8.self)
                })
        }
        try checkRowCount(rows, of: extent)
        return versions
    }
}
