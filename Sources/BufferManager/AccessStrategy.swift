/// How an operation uses the pool: in passing, a ring of few buffers that it uses again and again,
/// so that it leaves other pages where they are.
///
/// Belongs to one session's thread at a time, and to one ``BufferManager``. Mirrors PostgreSQL's
/// `BufferAccessStrategy`.
public final class AccessStrategy {
    /// The kinds of use.
    public enum Kind: Sendable, Hashable, CaseIterable {
        /// Takes any buffer; no ring.
        case normal
        /// Reads a large relation once: 256 KiB, and what is being read ahead.
        case bulkRead
        /// Writes a large relation: 16 MiB.
        case bulkWrite
        /// Visits pages in passing to tidy them: 2 MiB.
        case vacuum

        var ringPages: Int {
            switch self {
            case .normal: 0
            case .bulkRead: 256 * 1024 / 8192
            case .bulkWrite: 16 * 1024 * 1024 / 8192
            case .vacuum: 2 * 1024 * 1024 / 8192
            }
        }
    }

    /// The kind of use.
    public let kind: Kind
    /// How many buffers the ring has; zero without a ring.
    public var ringSize: Int { ring.count }

    /// The ring: numbers of buffers plus one, zero where none was taken yet.
    var ring: [UInt32]
    var position = 0

    /// Makes a strategy for a manager's shared pool. Mirrors PostgreSQL's `GetAccessStrategy`.
    ///
    /// - Parameters:
    ///   - kind: the kind of use.
    ///   - manager: whose pool. A ring takes at most an eighth of it.
    ///   - readAhead: how many pages a bulk read has in flight; they are added to its ring.
    public init(_ kind: Kind, for manager: BufferManager, readAhead: Int = 0) {
        self.kind = kind
        let wanted = kind.ringPages + (kind == .bulkRead ? max(0, readAhead) : 0)
        let limit = max(1, manager.configuration.bufferCount / 8)
        ring = Array(repeating: 0, count: kind == .normal ? 0 : min(wanted, limit))
    }

    /// How many pages the strategy's user should have pinned at most, if the ring limits it: with
    /// more, the ring cannot use its own buffers again. Mirrors `GetAccessStrategyPinLimit`.
    public var pinLimit: Int? {
        switch kind {
        case .normal: nil
        case .bulkRead: ring.count
        case .bulkWrite, .vacuum: max(1, ring.count / 2)
        }
    }
}
