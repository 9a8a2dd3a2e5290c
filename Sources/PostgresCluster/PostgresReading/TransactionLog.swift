package import AsyncIO
internal import DequeModule
internal import Threads

/// The outcome of a transaction, as `pg_xact` records it.
package enum TransactionStatus: UInt8, Sendable, Hashable {
    /// No outcome is recorded: the transaction is running, prepared, or was cut off by a crash.
    case inProgress = 0
    case committed = 1
    case aborted = 2
    /// A subtransaction whose parent was being committed.
    case subcommitted = 3
}

/// The logs of transactions' outcomes: `pg_xact`, `pg_subtrans`, `pg_multixact`. Files are read on
/// demand, whole, and the latest are kept, at most ``mostSegments`` of them. Any thread may use it.
package final class TransactionLog: Sendable {
    private let storage: DataDirectory
    private let cache = Lock(Cache(), rank: .transactionLog)
    private static let pageSize = 8192
    /// The bytes of a file.
    private static let segmentSize: UInt64 = 32 * 8192
    /// 32 MiB of files.
    private static let mostSegments = 128

    /// The files in memory.
    private struct Cache {
        /// The whole pages of each file; none if it does not exist.
        var segments: [Segment: [UInt8]] = [:]
        /// The files, the one read first at the beginning.
        var order: Deque<Segment> = []
    }

    private struct Segment: Hashable {
        let directory: String
        let number: UInt64
    }

    package init(_ storage: DataDirectory) { self.storage = storage }

    /// The whole pages of a file; none if it does not exist.
    private func segment(_ segment: Segment) throws(StorageError) -> [UInt8] {
        if let bytes = cache.withLock({ $0.segments[segment] }) { return bytes }
        var name = String(segment.number, radix: 16, uppercase: true)
        name = String(repeating: "0", count: max(0, 4 - name.count)) + name
        var bytes = try storage.read("\(segment.directory)/\(name)") ?? []
        bytes.removeLast(bytes.count % Self.pageSize)
        cache.withLock { cache in
            if cache.segments.updateValue(bytes, forKey: segment) != nil { return }
            cache.order.append(segment)
            // The oldest goes first: which is needed again, nobody knows.
            if cache.order.count > Self.mostSegments, let oldest = cache.order.popFirst() {
                cache.segments[oldest] = nil
            }
        }
        return bytes
    }

    /// The `count` bytes at a position of a log, as a number, least significant byte first; nil if
    /// the files do not reach that far. They must not cross the border of a file.
    private func number(
        _ directory: String, at position: UInt64, count: Int
    ) throws(StorageError) -> UInt32? {
        let bytes = try segment(
            Segment(directory: directory, number: position / Self.segmentSize))
        let offset = Int(position % Self.segmentSize)
        guard offset + count <= bytes.count else { return nil }
        return (0..<count).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }

    private func word(
        _ directory: String, _ position: UInt64
    ) throws(StorageError) -> UInt32? {
        try number(directory, at: position, count: 4)
    }

    private func missing(_ directory: String, _ what: String) -> StorageError {
        StorageError(
            .clusterDamaged, "\(directory) does not cover \(what)",
            remedy: "Restore the folder from a backup of the cluster.",
            at: StorageError.Location(path: directory))
    }
}

extension TransactionLog {
    /// Whether a transaction committed. Mirrors `TransactionIdDidCommit`.
    ///
    /// - Throws: `clusterDamaged` if `pg_xact` does not reach that far.
    package func isCommitted(_ transaction: UInt32) throws(StorageError) -> Bool {
        var number = transaction
        // Bounds the chain of parents, which a damaged file could make endless.
        for _ in 0..<Self.mostParents {
            switch try status(number) {
            case .committed: return true
            case .aborted, .inProgress: return false
            case .subcommitted:
                guard let parent = try word("pg_subtrans", UInt64(number) * 4), parent != 0
                else { return false }
                number = parent
            }
        }
        return false
    }

    private static let mostParents = 64

    /// The status of a transaction in `pg_xact`.
    package func status(_ transaction: UInt32) throws(StorageError) -> TransactionStatus {
        // Transactions 1 and 2 are the server's own and always committed.
        if transaction < 3 { return transaction == 0 ? .aborted : .committed }
        // Each byte has the outcomes of four transactions.
        guard let byte = try number("pg_xact", at: UInt64(transaction / 4), count: 1) else {
            // A transaction that never began may have no page yet.
            if isBefore(storage.control.nextTransaction, orAt: transaction) { return .inProgress }
            throw missing("pg_xact", "transaction \(transaction)")
        }
        let bits = UInt8(truncatingIfNeeded: byte >> (transaction % 4 * 2)) & 3
        return TransactionStatus(rawValue: bits) ?? .inProgress
    }

    private func isBefore(_ first: UInt32, orAt second: UInt32) -> Bool {
        Int32(bitPattern: second &- first) >= 0
    }

    /// The member of a multixact that updated or deleted the row; nil if all members only locked
    /// it. Mirrors `HeapTupleGetUpdateXid`.
    package func updater(ofMultixact number: UInt32) throws(StorageError) -> UInt32? {
        let next = storage.control.nextMultixact
        guard !isBefore(next, orAt: number),
            let start = try word("pg_multixact/offsets", UInt64(number) * 4), start != 0
        else { throw missing("pg_multixact", "multixact \(number)") }
        // Number zero is never used.
        let following = number == .max ? 1 : number &+ 1
        var end = storage.control.nextMemberOffset
        if following != next,
            let offset = try word("pg_multixact/offsets", UInt64(following) * 4), offset != 0
        {
            end = offset
        }
        let count = min(end &- start, Self.mostMembers)
        for index in 0..<count {
            let (status, member) = try member(start &+ index)
            // Without the control file, nothing but this tells that there are no more.
            if storage.control.isAssumed && member == 0 { return nil }
            if status >= 4, member != 0 { return member }
        }
        return nil
    }

    /// The number of a multixact's first member; nil if it is not recorded.
    package func firstMember(ofMultixact number: UInt32) -> UInt32? {
        let start = (try? word("pg_multixact/offsets", UInt64(number) * 4)) ?? nil
        return start.flatMap { $0 == 0 ? nil : $0 }
    }

    /// More members than any multixact has that a server could handle.
    private static let mostMembers: UInt32 = 1 << 16

    /// What a member of a multixact did to the row, and its transaction. A page has 409 groups,
    /// each of four bytes of flags and four transactions.
    private func member(_ offset: UInt32) throws(StorageError) -> (UInt8, UInt32) {
        let perPage: UInt64 = 1636
        let place = UInt64(offset)
        let page = place / perPage * UInt64(Self.pageSize)
        let index = place % perPage
        let group = page + index / 4 * 20
        guard
            let flags = try number(
                "pg_multixact/members", at: group + index % 4, count: 1),
            let member = try word("pg_multixact/members", group + 4 + index % 4 * 4)
        else { throw missing("pg_multixact", "member \(offset)") }
        return (UInt8(truncatingIfNeeded: flags), member)
    }
}
