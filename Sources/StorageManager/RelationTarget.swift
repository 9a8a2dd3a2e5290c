public import AsyncIO

/// The IO target for relations: labels, describes and reopens IO on them.
///
/// Labels are packed into `IOTargetData`: relation and database; block, fork and manager;
/// block count and local session. Mirrors PostgreSQL's `aio_smgr_target_info`.
public struct RelationTarget: Sendable {
    /// The target's id.
    public let id: IOTargetID
    /// The registry's number of the relation's storage manager.
    public let manager: StorageManagerID

    /// Labels an IO that is being defined. Mirrors PostgreSQL's `pgaio_io_set_target_smgr`.
    ///
    /// - Parameters:
    ///   - handle: the handle to label, not started yet.
    ///   - locator: the relation.
    ///   - fork: the fork.
    ///   - block: the first block of the IO.
    ///   - count: how many blocks the IO covers.
    ///   - tag: a value private to the storage manager. Its callbacks find it in the last word of
    ///     the target data.
    public func set(
        on handle: borrowing IOHandle, _ locator: RelationLocator, _ fork: Fork, block: BlockNumber,
        count: Int, tag: UInt64 = 0
    ) {
        let label = RelationLabel(
            locator, fork, block: block, count: UInt32(count), manager: manager)
        var data = label.targetData
        data.word3 = tag
        do throws(StorageError) {
            try handle.setTarget(id, data: data)
        } catch {
            // Only the core that the relation belongs to is sure to know its target.
            fatalError("IO on relation \(locator) uses another engine's session: \(error)")
        }
    }
}

/// The contents of an IO's `IOTargetData` if its target is a relation.
public struct RelationLabel: Sendable, Hashable {
    /// The relation.
    public let locator: RelationLocator
    /// The fork.
    public let fork: Fork
    /// The first block.
    public let block: BlockNumber
    /// The number of blocks.
    public let count: UInt32
    /// The number of the relation's storage manager.
    public let manager: StorageManagerID

    /// Makes a label. Storage managers use it to describe blocking IO.
    public init(
        _ locator: RelationLocator, _ fork: Fork, block: BlockNumber, count: UInt32,
        manager: StorageManagerID
    ) {
        self.locator = locator
        self.fork = fork
        self.block = block
        self.count = count
        self.manager = manager
    }

    /// Decodes a label.
    public init(_ data: IOTargetData) {
        let session = UInt32(truncatingIfNeeded: data.word2 >> 32)
        locator = RelationLocator(
            database: UInt32(truncatingIfNeeded: data.word0 >> 32),
            number: UInt32(truncatingIfNeeded: data.word0),
            localTo: session == 0 ? nil : Int(session) - 1)
        fork = Fork(rawValue: UInt8(truncatingIfNeeded: data.word1 >> 32)) ?? .main
        block = BlockNumber(UInt32(truncatingIfNeeded: data.word1))
        count = UInt32(truncatingIfNeeded: data.word2)
        manager = StorageManagerID(rawValue: UInt8(truncatingIfNeeded: data.word1 >> 40))
    }

    /// The label, encoded to travel with a handle.
    public var targetData: IOTargetData {
        IOTargetData(
            UInt64(locator.database) << 32 | UInt64(locator.number),
            UInt64(block.rawValue) | UInt64(fork.rawValue) << 32 | UInt64(manager.rawValue) << 40,
            UInt64(count) | UInt64(locator.localSession) << 32)
    }

    /// Describes the block range: `block 3` or `blocks 3..5`.
    public var blocks: String {
        count <= 1
            ? "block \(block)" : "blocks \(block)..\(UInt64(block.rawValue) + UInt64(count) - 1)"
    }
}

extension RelationLabel: CustomStringConvertible {
    /// For example `blocks 3..5 of relation base/1/16384` or `block 0 of relation base/1/16384_vm`.
    public var description: String { "\(blocks) of relation \(locator)\(fork.suffix)" }
}

final class RelationTargetEntry: IOTarget {
    private let registry: RelationIndex

    init(registry: RelationIndex) { self.registry = registry }

    var name: String { "smgr" }
    var canReopen: Bool { true }

    func reopen(_ io: borrowing IOView) -> CInt {
        let label = RelationLabel(io.targetData)
        guard let relation = registry.relation(label.locator) else { return io.descriptor }
        return relation.storage.descriptor(label.fork, block: label.block, for: io)
    }

    func describe(_ data: IOTargetData) -> String { RelationLabel(data).description }
}
