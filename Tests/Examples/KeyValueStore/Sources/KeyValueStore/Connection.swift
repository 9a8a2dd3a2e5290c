import Strata
import Synchronization

/// What one thread uses of a store. Any number of threads have one each.
///
///     let connection = try store.connect()
///     try connection.put(key, value)              // durable when it returns
///     let value = try connection.get(key)
///     for try entry in connection.scan(from: key) // see Scan
///     connection.close()
public final class Connection {
    /// When a change is durable.
    public enum Durability: Sendable {
        /// When the call returns.
        case committed
        /// Some time later: with the next committed change of any connection, with
        /// ``KeyValueStore/sync()``, or with a checkpoint. A crash may lose it, and then all
        /// changes that came after it.
        case buffered
    }

    let store: KeyValueStore
    let relation: Relation
    let session: Session
    let record = LogRecord()
    /// Values are copied here while they may be changing.
    let scratch = UnsafeMutableRawPointer.allocate(
        byteCount: PageFrame.pageSize, alignment: 16)
    let change: ChangeMark

    init(_ store: KeyValueStore, _ session: Session, _ change: ChangeMark) {
        self.store = store
        relation = store.relation
        self.session = session
        self.change = change
    }

    deinit { scratch.deallocate() }

    /// Gives back what the connection holds. It must not be used afterwards.
    public func close() {
        store.forget(change)
        session.close()
    }

    static func check(_ key: [UInt8]) throws {
        guard !key.isEmpty, key.count <= Layout.longestKey else {
            throw KeyValueError.badKey(length: key.count)
        }
    }
}

/// Where in the log a thread's change in progress may begin; `.max` if it has none.
///
/// A checkpoint may forget the log only before the changes that are in progress: their records may
/// be in the log while their pages do not count as changed yet.
final class ChangeMark: Sendable {
    let position = Atomic<UInt64>(.max)
}

// MARK: Reading

extension Connection {
    /// The value of a key; nil if there is none.
    public func get(_ key: [UInt8]) throws -> [UInt8]? {
        var value: [UInt8] = []
        return try get(key, into: &value) ? value : nil
    }

    /// Copies the value of a key, so that an array can be used again.
    ///
    /// - Returns: whether there is one; if not, `value` is unchanged.
    public func get(_ key: [UInt8], into value: inout [UInt8]) throws -> Bool {
        try Self.check(key)
        for _ in 0..<Tree.patience {
            switch try key.withUnsafeBytes({ try find(Bytes($0)) }) {
            case .value(let length):
                copyScratch(length, to: &value)
                return true
            case .overflow(let reference):
                guard let whole = try readChain(reference) else { continue }
                value = whole
                return true
            case .absent: return false
            case .elsewhere, .child: continue
            }
        }
        throw KeyValueError.damaged("no leaf for a key")
    }

    /// Goes down once.
    @inline(__always)
    private func find(_ key: Bytes) throws -> Step {
        var (block, isLeaf) = (Tree.root, false)
        let target = scratch
        // A tree has at most as many levels; a stale path may lead in a circle.
        for _ in 0..<Self.mostLevels {
            let step = try relation.read(BlockNumber(block), session: session) { page in
                try page.step(key, target, isLeaf: isLeaf)
            }
            guard case .child(let child, let level) = step else { return step }
            (block, isLeaf) = (child, level == 0)
        }
        return .elsewhere
    }

    static let mostLevels = 24

    private func copyScratch(_ length: Int, to value: inout [UInt8]) {
        if value.count != length {
            value = Array(UnsafeRawBufferPointer(start: scratch, count: length))
        } else {
            value.withUnsafeMutableBytes { target in
                target.copyMemory(from: UnsafeRawBufferPointer(start: scratch, count: length))
            }
        }
    }

    /// A long value; nil if it was replaced meanwhile.
    func readChain(_ reference: OverflowReference) throws -> [UInt8]? {
        var value: [UInt8] = []
        value.reserveCapacity(Int(reference.length))
        var block = reference.first
        while value.count < Int(reference.length) {
            guard block < relation.blockCount,
                let (part, next) = try relation.read(
                    BlockNumber(block), session: session,
                    { page in try page.overflowPart(reference.chain) }),
                !part.isEmpty
            else { return nil }
            value += part
            block = next
        }
        return value
    }

    /// The block of the node of a level that has a key, and of its parent, as of some moment.
    ///
    /// - Returns: the root as its own parent if the tree has no more levels; nil if it does not
    ///   have that level, any more.
    func path(to key: Bytes, level: Int) throws -> (parent: UInt32, node: UInt32)? {
        let target = scratch
        for _ in 0..<Tree.patience {
            var (parent, block) = (Tree.root, Tree.root)
            descent: for _ in 0..<Self.mostLevels {
                // Levels above the leaves; their values are not looked at.
                let step = try relation.read(BlockNumber(block), session: session) { page in
                    let header = try page.header()
                    guard header.isNode else { return Step.elsewhere }
                    if header.level <= level {
                        return header.level == level ? Step.absent : Step.elsewhere
                    }
                    return try page.step(key, target)
                }
                switch step {
                case .absent: return (parent, block)
                case .child(let child, _):
                    guard child < relation.blockCount else { break descent }
                    (parent, block) = (block, child)
                default:
                    // The root is a node always.
                    if block == Tree.root { return nil }
                    break descent
                }
            }
        }
        throw KeyValueError.damaged("no node of level \(level) for a key")
    }
}
