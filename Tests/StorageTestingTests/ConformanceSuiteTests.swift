import AsyncIO
import MagneticDisk
import MemoryDisk
import StorageManager
import StorageTesting
import Testing

/// A suite that accepted everything would be worthless: these managers have one fault each.
@Suite("The conformance suite")
struct ConformanceSuiteTests {
    @Test("finds what is wrong with a manager", arguments: ManagerFault.allCases)
    fileprivate func faults(_ fault: ManagerFault) {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            FaultyDisk(fault, over: try MemoryDisk(system: surroundings.system))
        }
        let violations = suite.violations(under: TestedMethod(.synchronous))
        #expect(violations.map(\.duty).contains(fault.duty), "\(violations)")
    }

    @Test("finds a manager that reports durability falsely")
    func unsynced() {
        let suite = StorageManagerConformance { surroundings throws(StorageError) in
            ForgetfulDisk(
                over: try MagneticDisk(files: surroundings.files, system: surroundings.system))
        }
        let violations = suite.violations(
            of: "power cuts", under: TestedMethod(.synchronous))
        #expect(!violations.isEmpty)
    }

    @Test("has a name for each duty")
    func names() {
        #expect(
            Set(StorageManagerConformance.duties).count == StorageManagerConformance.duties.count)
        #expect(
            Set(ManagerFault.allCases.map(\.duty)).isSubset(of: StorageManagerConformance.duties))
    }
}

private enum ManagerFault: CaseIterable {
    case changingName
    case overwritingCreation
    case lostWrites
    case shiftedReads
    case dirtyExtension
    case ignoredTruncation
    case readableBehindTheEnd
    case ignoredRemoval
    case lengthFromMemory

    var duty: String {
        switch self {
        case .changingName: "declarations"
        case .overwritingCreation: "life of a fork"
        case .lostWrites: "blocking IO"
        case .shiftedReads: "started IO"
        case .dirtyExtension: "extension"
        case .ignoredTruncation: "truncation"
        case .readableBehindTheEnd: "the end of a fork"
        case .ignoredRemoval: "removal"
        case .lengthFromMemory: "extension"
        }
    }
}

private final class FaultyDisk: ForwardingStorageManager {
    private let fault: ManagerFault
    let base: any StorageManager

    init(_ fault: ManagerFault, over base: MemoryDisk) {
        self.fault = fault
        self.base = base
    }

    var name: String { fault == .changingName ? "" : "faulty" }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        FaultyRelation(fault, over: try base.open(locator, target: target))
    }

    func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        if fault != .ignoredRemoval { try base.unlink(locator, fork: fork) }
    }
}

/// Plain files that are never synced.
private final class ForgetfulDisk: ForwardingStorageManager {
    let base: any StorageManager

    init(over base: MagneticDisk) { self.base = base }

    var name: String { "forgetful" }

    func syncPending(_ session: Session) throws(StorageError) {}
}

private final class FaultyRelation: ForwardingRelationStorage {
    private let fault: ManagerFault
    let base: any RelationStorage

    init(_ fault: ManagerFault, over base: any RelationStorage) {
        self.fault = fault
        self.base = base
    }

    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
        try base.create(fork, ifMissing: ifMissing || fault == .overwritingCreation)
    }

    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)
    {
        try base.zeroExtend(fork, from: block, count: count, sync: sync)
        guard fault == .dirtyExtension else { return }
        let page = PageMemory(1)
        try base.write(fork, block: block, from: page.addresses.span, sync: sync)
    }

    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {
        do throws(StorageError) {
            try base.read(fork, block: block, into: pages)
        } catch {
            if fault != .readableBehindTheEnd { throw error }
        }
    }

    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        let isShifted = fault == .shiftedReads && block.rawValue > 2
        try base.startRead(
            handle, fork, block: isShifted ? BlockNumber(block.rawValue - 1) : block, into: pages)
    }

    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        if fault == .lostWrites && block == 7 { return }
        try base.write(fork, block: block, from: pages, sync: sync)
    }

    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 {
        let count = try base.blockCount(fork)
        return fault == .lengthFromMemory && count > 10 ? 31 : count
    }

    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        if fault == .ignoredTruncation && count % 16 != 0 { return }
        try base.truncate(fork, to: count, session: session)
    }
}
