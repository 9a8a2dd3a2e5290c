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
        /// Writes a large relation: a ring of 16 MiB.
        case bulkWrite
        /// Visits pages to tidy them: a ring of 2 MiB.
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
    /// The number of buffers in the ring; zero without a ring.
    public var ringSize: Int { ring.count }

    /// The ring: buffer numbers plus one, or zero for a place without a buffer yet.
    var ring: [UInt32]
    var position = 0

    /// Makes a strategy for a manager's shared pool. Mirrors PostgreSQL's `GetAccessStrategy`.
    ///
    /// - Parameters:
    ///   - kind: the kind of use.
    ///   - manager: the manager of the pool. A ring takes at most an eighth of the pool.
    ///   - readAhead: how many pages a bulk read has in flight; its ring grows by as many.
    public init(_ kind: Kind, for manager: BufferManager, readAhead: Int = 0) {
        self.kind = kind
        let wanted = kind.ringPages + (kind == .bulkRead ? max(0, readAhead) : 0)
        let limit = max(1, manager.configuration.bufferCount / 8)
        ring = Array(repeating: 0, count: kind == .normal ? 0 : min(wanted, limit))
    }

    /// The most pages that the strategy's user should pin, if the ring limits it. With more, the
    /// ring cannot reuse its own buffers. Mirrors `GetAccessStrategyPinLimit`.
    public var pinLimit: Int? {
        switch kind {
        case .normal: nil
        case .bulkRead: ring.count
        case .bulkWrite, .vacuum: max(1, ring.count / 2)
        }
    }
}
