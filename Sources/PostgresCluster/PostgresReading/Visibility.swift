package import AsyncIO
package import PageFormat

/// The state of a row version for a transaction that begins now.
package enum RowState: String, Sendable, Hashable, CaseIterable {
    /// The transaction sees it.
    case visible
    /// The inserting transaction never committed.
    case insertAborted = "insert aborted"
    /// It was deleted or replaced.
    case deleted
}

/// Decides which row versions a new transaction would see. Caches the latest answers. Belongs to
/// one thread at a time. Mirrors `HeapTupleSatisfiesMVCC` with a snapshot in which no transaction
/// is running: a transaction that the log does not record as committed never will be.
package struct Visibility {
    private let log: TransactionLog
    private var lastInsert = Answer()
    private var lastDelete = Answer()

    private struct Answer {
        var transaction: UInt32 = 0
        var isCommitted = false
    }

    /// Bits of `t_infomask` that the page format does not need.
    private enum Mask {
        static let exclusiveLock: UInt16 = 0x0040
        static let lockOnly: UInt16 = 0x0080
        static let locks: UInt16 = 0x0050
        static let isMultixact: UInt16 = 0x1000
        static let movedOff: UInt16 = 0x4000
        static let movedIn: UInt16 = 0x8000
    }

    package init(_ log: TransactionLog) { self.log = log }

    /// The state of a row version. O(1) if hint bits or cached answers decide.
    ///
    /// - Throws: `clusterDamaged` if the logs do not cover a transaction.
    @inline(__always)
    package mutating func state(_ header: HeapTupleHeader) throws(StorageError) -> RowState {
        let flags = header.flags
        // Most rows of a table: hints say that the row was inserted and not deleted.
        if flags.contains(.xminCommitted) && flags.contains(.xmaxInvalid)
            && flags.rawValue & (Mask.movedOff | Mask.movedIn) == 0
        {
            return .visible
        }
        return try decide(header)
    }

    /// The state of a row version. If the logs do not tell, it is visible if `assuming`.
    ///
    /// - Throws: as ``state(_:)``, unless `assuming`.
    package mutating func state(
        _ header: HeapTupleHeader, assuming: Bool
    ) throws(StorageError) -> RowState {
        do throws(StorageError) {
            return try state(header)
        } catch {
            guard assuming, error.code == .clusterDamaged else { throw error }
            return .visible
        }
    }

    @inline(never)
    private mutating func decide(_ header: HeapTupleHeader) throws(StorageError) -> RowState {
        guard try isInserted(header) else { return .insertAborted }
        return try isDeleted(header) ? .deleted : .visible
    }

    private mutating func isInserted(_ header: HeapTupleHeader) throws(StorageError) -> Bool {
        let flags = header.flags
        if flags.contains(.xminFrozen) { return true }
        // VACUUM FULL before PostgreSQL 9.0 moved rows, in a transaction of its own.
        if flags.rawValue & Mask.movedOff != 0 { return try !log.isCommitted(header.field3) }
        if flags.rawValue & Mask.movedIn != 0 { return try log.isCommitted(header.field3) }
        if flags.contains(.xminCommitted) { return true }
        if flags.contains(.xminInvalid) { return false }
        if lastInsert.transaction != header.xmin {
            lastInsert.isCommitted = try log.isCommitted(header.xmin)
            lastInsert.transaction = header.xmin
        }
        return lastInsert.isCommitted
    }

    private mutating func isDeleted(_ header: HeapTupleHeader) throws(StorageError) -> Bool {
        let bits = header.flags.rawValue
        if header.flags.contains(.xmaxInvalid) { return false }
        let isMultixact = bits & Mask.isMultixact != 0
        if bits & Mask.lockOnly != 0 { return false }
        if !isMultixact && bits & Mask.locks == Mask.exclusiveLock { return false }
        if isMultixact {
            guard let updater = try log.updater(ofMultixact: header.xmax) else { return false }
            return try log.isCommitted(updater)
        }
        if header.flags.contains(.xmaxCommitted) { return true }
        if lastDelete.transaction != header.xmax {
            lastDelete.isCommitted = try log.isCommitted(header.xmax)
            lastDelete.transaction = header.xmax
        }
        return lastDelete.isCommitted
    }
}

extension Visibility {
    /// Whether the log says that a row version's inserter committed; nil if it does not tell.
    /// Hint bits other than that of frozen rows are not asked.
    package mutating func isInserterCommitted(_ header: HeapTupleHeader) -> Bool? {
        if header.flags.contains(.xminFrozen) { return true }
        if lastInsert.transaction != header.xmin {
            guard let isCommitted = try? log.isCommitted(header.xmin) else { return nil }
            lastInsert = Answer(transaction: header.xmin, isCommitted: isCommitted)
        }
        return lastInsert.isCommitted
    }

    /// The transaction that updated or deleted a row version, whether it committed or not: zero if
    /// none did, nil if the logs do not tell. Mirrors `HeapTupleHeaderGetUpdateXid`.
    package func updater(_ header: HeapTupleHeader) -> UInt32? {
        let bits = header.flags.rawValue
        guard bits & Mask.isMultixact != 0, bits & Mask.lockOnly == 0,
            !header.flags.contains(.xmaxInvalid)
        else { return header.xmax }
        do throws(StorageError) {
            return try log.updater(ofMultixact: header.xmax) ?? 0
        } catch {
            return nil
        }
    }
}
