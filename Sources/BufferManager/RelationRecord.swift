internal import AsyncIO
internal import StorageManager
internal import Synchronization

/// What the buffer manager keeps of one relation: the way to its storage for whoever writes one of
/// its pages, the locks under which its forks are extended, its count of damaged pages.
///
/// Kept by the ``RelationTable`` and by the buffers that hold its pages, so that a page can be
/// written however long after the last reader of its relation has gone. The buffers' part is a
/// count in front of one reference: a run of buffers costs one atomic operation.
final class RelationRecord: Sendable {
    let locator: RelationLocator
    /// Replaced when the relation was closed and opened again.
    private let current: Lock<OpenRelation>
    /// Pages that failed their checksum when they were read. Counted by completing threads.
    let checksumFailures = Atomic<UInt64>(0)

    /// The main fork's blocks from there on need no journal, as a crash takes them away whole.
    let unprotectedStart = Atomic<UInt32>(.max)

    private let mainExtension = ParkingLock()
    private let freeSpaceExtension = ParkingLock()
    private let visibilityExtension = ParkingLock()
    private let initializationExtension = ParkingLock()

    /// The manager's, kept for whoever waits for one of the relation's pages.
    let waits: WaitTable

    init(_ relation: OpenRelation, _ waits: WaitTable) {
        locator = relation.locator
        self.waits = waits
        current = Lock(relation)
    }

    /// How many buffers hold pages of it, of all pools. While there are any they keep the record.
    private let uses = Atomic<Int>(0)

    var relation: OpenRelation { current.withLock { $0 } }

    /// Notes that buffers are given pages of the relation. One operation for a whole run of them;
    /// the caller has a reference of its own.
    func addUses(_ count: Int) {
        if uses.add(count, ordering: .relaxed).oldValue == 0 {
            _ = unsafe Unmanaged.passRetained(self)
        }
    }

    /// Notes that buffers hold other pages, or none, from now on. May end the record.
    func dropUses(_ count: Int) {
        let old = uses.subtract(count, ordering: .acquiringAndReleasing).oldValue
        assert(old >= count, "what was not used cannot be dropped")
        if old == count { unsafe Unmanaged.passUnretained(self).release() }
    }

    func use(_ relation: OpenRelation) {
        current.withLock { if $0 !== relation { $0 = relation } }
    }

    /// Keeps extensions of one fork apart. The holder does blocking IO, so nobody waits for the
    /// lock with IO staged.
    func withExtensionLock<Result: ~Copyable>(
        _ fork: Fork, _ session: Session, _ body: () throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        session.submitStaged()
        switch fork {
        case .main: return try mainExtension.withLock(body)
        case .freeSpaceMap: return try freeSpaceExtension.withLock(body)
        case .visibilityMap: return try visibilityExtension.withLock(body)
        case .initialization: return try initializationExtension.withLock(body)
        }
    }
}

/// The records by relation. Any thread. Asked on the way of a miss, never of a hit.
final class RelationTable: Sendable {
    private let records = Lock<[RelationLocator: RelationRecord]>([:])
    let waits = WaitTable()

    /// The relation's record, made if there is none.
    func record(of relation: OpenRelation) -> RelationRecord {
        let record = records.withLock { records in
            if let record = records[relation.locator] { return record }
            let record = RelationRecord(relation, waits)
            records[relation.locator] = record
            return record
        }
        record.use(relation)
        return record
    }

    func existing(_ locator: RelationLocator) -> RelationRecord? {
        records.withLock { $0[locator] }
    }

    /// Lets go of a record; buffers that still have pages of it keep it alive.
    func forget(_ locator: RelationLocator) {
        _ = records.withLock { $0.removeValue(forKey: locator) }
    }
}
