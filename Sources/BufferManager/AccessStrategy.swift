internal import Threads

/// How an operation uses the pool. An operation that touches many pages once takes its buffers from
/// a ring of few that it reuses, so that other pages stay in the pool.
///
/// Belongs to one session's thread at a time, and to one ``BufferManager``. Mirrors PostgreSQL's
/// `BufferAccessStrategy`.
public final class AccessStrategy {
    /// The kinds of use.
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// Takes any buffer, without a ring.
        case normal
        /// Reads a large relation once: a ring of 256 KiB plus the pages being read ahead.
        case bulkRead
        /// Reads a relation from which other scans may follow: a ring like that of `bulkRead` for
        /// blocks that no such scan has read yet, as long as the pool has memory that was never
        /// used; else any buffer.
        case scan
        /// Writes a large relation: a ring of 16 MiB.
        case bulkWrite
        /// Visits pages to tidy them: a ring of 2 MiB.
        case vacuum

        var ringPages: Int {
            switch self {
            case .normal: 0
            case .bulkRead, .scan: 256 * 1024 / 8192
            case .bulkWrite: 16 * 1024 * 1024 / 8192
            case .vacuum: 2 * 1024 * 1024 / 8192
            }
        }
    }

    /// The kind of use.
    public let kind: Kind
    /// The number of buffers in the ring; zero without a ring.
    public var ringSize: Int { ring.count }

    /// The ring: buffer numbers plus one, or zero for a place without a buffer yet.
    var ring: [UInt32]
    var position = 0
    private let spareRings: SpareRings?

    /// Whether pages are used in passing.
    var isPassing: Bool { kind != .normal && kind != .scan }

    /// Makes a strategy for a manager's shared pool. Mirrors PostgreSQL's `GetAccessStrategy`.
    ///
    /// - Parameters:
    ///   - kind: the kind of use.
    ///   - manager: the manager of the pool. A ring takes at most an eighth of the pool.
    ///   - readAhead: how many pages a read or scan has in flight; its ring grows by as many.
    public init(_ kind: Kind, for manager: BufferManager, readAhead: Int = 0) {
        self.kind = kind
        let reads = kind == .bulkRead || kind == .scan
        let wanted = kind.ringPages + (reads ? max(0, readAhead) : 0)
        let limit = max(1, manager.configuration.bufferCount / 8)
        spareRings = kind == .scan ? manager.shared.spareRings : nil
        let count = kind == .normal ? 0 : min(wanted, limit)
        ring = spareRings?.take(count) ?? Array(repeating: 0, count: count)
    }

    deinit { spareRings?.add(ring) }

    /// The most pages that the strategy's user should pin, if the ring limits it. With more, the
    /// ring cannot reuse its own buffers. Mirrors `GetAccessStrategyPinLimit`.
    public var pinLimit: Int? {
        switch kind {
        case .normal: nil
        case .bulkRead, .scan: ring.count
        case .bulkWrite, .vacuum: max(1, ring.count / 2)
        }
    }
}

/// The rings that ended scans have left, for the next ones: their buffers are as good as free.
final class SpareRings: Sendable {
    private let rings = Lock<[[UInt32]]>([], rank: .spareRings)
    private static let limit = 16

    /// A ring of that size, if it is the last one left.
    func take(_ count: Int) -> [UInt32]? {
        rings.withLock { $0.last?.count == count ? $0.removeLast() : nil }
    }

    func add(_ ring: [UInt32]) {
        rings.withLock { if $0.count < Self.limit { $0.append(ring) } }
    }
}
