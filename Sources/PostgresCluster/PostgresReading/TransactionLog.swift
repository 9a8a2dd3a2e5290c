package import AsyncIO
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

/// The logs of transactions' outcomes: `pg_xact`, `pg_subtrans`, `pg_multixact`. Pages are read on
/// demand and cached, at most ``mostPages`` of them. Any thread may use it.
package final class TransactionLog: Sendable {
    private let storage: DataDirectory
    private let cache = Lock<[LogPage: [UInt8]]>([:], rank: .transactionLog)
    private static let pageSize = 8192
    private static let pagesPerSegment: UInt64 = 32
    /// 32 MiB of pages.
    private static let mostPages = 4096

    private struct LogPage: Hashable {
        let directory: String
        let number: UInt64
    }

    package init(_ storage: DataDirectory) { self.storage = storage }

    /// A page of a log; nil if its file does not reach that far.
    private func page(_ directory: String, _ number: UInt64) throws(StorageError) -> [UInt8]? {
        let key = LogPage(directory: directory, number: number)
        if let page = cache.withLock({ $0[key] }) { return page }
        var name = String(number / Self.pagesPerSegment, radix: 16, uppercase: true)
        name = String(repeating: "0", count: max(0, 4 - name.count)) + name
        guard let segment = try storage.read("\(directory)/\(name)") else { return nil }
        let first = number - number % Self.pagesPerSegment
        cache.withLock { cache in
            if cache.count + Int(Self.pagesPerSegment) > Self.mostPages { cache.removeAll() }
            var start = 0
            var index = first
            while start + Self.pageSize <= segment.count, index < first + Self.pagesPerSegment {
                let page = Array(segment[start..<start + Self.pageSize])
                cache[LogPage(directory: directory, number: index)] = page
                start += Self.pageSize
                index += 1
            }
        }
        return cache.withLock { $0[key] }
    }

    private func word(
        _ directory: String, _ position: UInt64
    ) throws(StorageError) -> UInt32? {
        guard let page = try page(directory, position / UInt64(Self.pageSize)) else { return nil }
        let offset = Int(position % UInt64(Self.pageSize))
        guard offset + 4 <= page.count else { return nil }
        return (0..<4).reduce(0) { $0 | UInt32(page[offset + $1]) << UInt32(8 * $1) }
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
        let perPage: UInt64 = 32_768
        let number = UInt64(transaction)
        guard let page = try page("pg_xact", number / perPage) else {
            // A transaction that never began may have no page yet.
            if isBefore(storage.control.nextTransaction, orAt: transaction) { return .inProgress }
            throw missing("pg_xact", "transaction \(transaction)")
        }
        let index = Int(number % perPage)
        let bits = page[index / 4] >> UInt8(index % 4 * 2) & 3
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
            if status >= 4, member != 0 { return member }
        }
        return nil
    }

    /// More members than any multixact has that a server could handle.
    private static let mostMembers: UInt32 = 1 << 16

    /// What a member of a multixact did to the row, and its transaction. A page has 409 groups,
    /// each of four bytes of flags and four transactions.
    private func member(_ offset: UInt32) throws(StorageError) -> (UInt8, UInt32) {
        let perPage: UInt64 = 1636
        let place = UInt64(offset)
        let index = Int(place % perPage)
        let group = index / 4 * 20
        guard let page = try page("pg_multixact/members", place / perPage) else {
            throw missing("pg_multixact", "member \(offset)")
        }
        let start = group + 4 + index % 4 * 4
        let member = (0..<4).reduce(0 as UInt32) { $0 | UInt32(page[start + $1]) << UInt32(8 * $1) }
        return (page[group + index % 4], member)
    }
}
