import AsyncIO
import StorageManager
import Threads

/// The declarations of a ``TraitDisk``.
struct Traits: Sendable {
    var capabilities = StorageManagerCapabilities(canReopen: true)
    var group = 1
}

/// The calls on a ``TraitDisk``.
final class ReadLog: Sendable {
    private struct Entries {
        var reads: [Range<UInt32>] = []
        var prefetched: [UInt32] = []
        var flags: [IOFlags] = []
    }

    private let entries = Lock(Entries(), rank: .observer)

    /// The blocks of each started read.
    var reads: [Range<UInt32>] { entries.withLock { $0.reads } }
    /// The first block of each advice.
    var prefetched: [UInt32] { entries.withLock { $0.prefetched } }
    /// The flags of each read that completed.
    var flags: [IOFlags] { entries.withLock { $0.flags } }

    fileprivate func note(read: Range<UInt32>) { entries.withLock { $0.reads.append(read) } }
    fileprivate func note(prefetch: UInt32) { entries.withLock { $0.prefetched.append(prefetch) } }
    fileprivate func note(flags: IOFlags) { entries.withLock { $0.flags.append(flags) } }
}

/// A storage manager on top of another, with the declarations that a test wants.
final class TraitDisk: ForwardingStorageManager {
    let base: any StorageManager
    private let traits: Traits
    private let log: ReadLog
    private let callbacks: IOCallbackID

    init(_ base: any StorageManager, _ traits: Traits, _ log: ReadLog, _ system: IOSystem)
        throws(StorageError)
    {
        self.base = base
        self.traits = traits
        self.log = log
        callbacks = try system.register(callbacks: FlagWatcher(log))
    }

    var name: String { "traits" }
    var capabilities: StorageManagerCapabilities { traits.capabilities }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        TraitRelation(try base.open(locator, target: target), traits, log, callbacks)
    }
}

private final class FlagWatcher: IOCallbacks {
    private let log: ReadLog
    init(_ log: ReadLog) { self.log = log }

    var phases: IOCallbackPhases { .completeShared }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        log.note(flags: io.flags)
        return prior
    }

    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        StorageError(.readFailed, "this says nothing of its own")
    }
}

private final class TraitRelation: ForwardingRelationStorage {
    let base: any RelationStorage
    private let traits: Traits
    private let log: ReadLog
    private let callbacks: IOCallbackID

    init(
        _ base: any RelationStorage, _ traits: Traits, _ log: ReadLog, _ callbacks: IOCallbackID
    ) {
        self.base = base
        self.traits = traits
        self.log = log
        self.callbacks = callbacks
    }

    func blocksPerGroup(_ fork: Fork) -> Int { traits.group }
    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool {
        log.note(prefetch: block.rawValue)
        return try base.prefetch(fork, block: block, count: count)
    }
    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        log.note(read: block.rawValue..<block.rawValue + UInt32(pages.count))
        do throws(StorageError) {
            try handle.registerCallbacks(callbacks)
        } catch {
            handle.release()
            throw error
        }
        try base.startRead(handle, fork, block: block, into: pages)
    }
}
