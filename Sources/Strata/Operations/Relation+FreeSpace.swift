internal import BufferManager
internal import FreeSpaceMap
internal import Threads

/// Finding pages that have room, by the map in the fork `fsm`. It is a hint, so look at the page.
/// Whatever a crash makes of it, later searches put it right. All calls block.
extension Relation {
    /// Records how much room a page has, of `bytes` free ones up to 31 less. Mirrors
    /// `RecordPageWithFreeSpace`.
    ///
    /// Searches are sure to find it once ``vacuumFreeSpaceMap(session:)`` has passed. Creates the
    /// map if there is none. O(1).
    ///
    /// - Throws: `notFound` if the relation has no such block, or was dropped; `misuse`, `closed`,
    ///   `storeReadOnly`; `relationBusy` while the map is being cut; what reading and extending
    ///   throw.
    public func recordFreeSpace(_ bytes: Int, at block: BlockNumber, session: Session)
        throws(StorageError)
    {
        try checkExists(block, .main)
        try withMap(session) { (map) throws(StorageError) in try map.record(bytes, at: block) }
    }

    /// How much room the map says a page has, in bytes; 0 if it says nothing. Mirrors
    /// `GetRecordedFreeSpace`.
    ///
    /// - Throws: as ``recordFreeSpace(_:at:session:)``.
    public func recordedFreeSpace(at block: BlockNumber, session: Session) throws(StorageError)
        -> Int
    {
        try checkExists(block, .main)
        return try withMap(session) { (map) throws(StorageError) in try map.recorded(at: block) }
    }

    /// A block below ``blockCount`` whose page has at least that much room, as far as the map
    /// knows; nil if it knows of none. Mirrors `GetPageWithFreeSpace`.
    ///
    /// Searches that follow each other get different blocks, as long as there are several.
    ///
    /// - Throws: `misuse` unless 0 to 8160 bytes are needed, PostgreSQL's largest tuple; otherwise
    ///   as ``recordFreeSpace(_:at:session:)``.
    public func findPage(with bytes: Int, session: Session) throws(StorageError) -> BlockNumber? {
        try withMap(session) { (map) throws(StorageError) in
            try map.find(bytes, below: blockCount)
        }
    }

    /// Records that the page of `block` turned out to have `found` free bytes, and finds another
    /// one, near it if possible. Mirrors `RecordAndGetPageWithFreeSpace`.
    ///
    /// - Throws: as ``findPage(with:session:)``.
    public func findPage(
        with bytes: Int, recording found: Int, at block: BlockNumber, session: Session
    ) throws(StorageError) -> BlockNumber? {
        try checkExists(block, .main)
        return try withMap(session) { (map) throws(StorageError) in
            try map.find(bytes, recording: found, at: block, below: blockCount)
        }
    }

    /// Makes searches find everything that was recorded, and begin with low blocks again. Mirrors
    /// `FreeSpaceMapVacuum`. Reads the whole map.
    ///
    /// - Throws: as ``recordFreeSpace(_:at:session:)``.
    public func vacuumFreeSpaceMap(session: Session) throws(StorageError) {
        try withMap(session) { (map) throws(StorageError) in try map.vacuum() }
    }

    /// Runs `body` while nothing shortens the map.
    private func withMap<Result>(
        _ session: Session, _ body: (FreeSpaceMap) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        try engine.checkUsable(session)
        try engine.beginExtending(record, .freeSpaceMap)
        defer { engine.endExtending(locator, .freeSpaceMap) }
        try engine.settle(record, .freeSpaceMap, session)
        return try body(FreeSpaceMap(engine.buffers, of: open, session: session))
    }
}

extension Engine {
    /// Takes the blocks from `end` on off the map of a relation, if it has one.
    func forget(from end: UInt32, _ record: RelationState, _ session: Session)
        throws(StorageError)
    {
        if try blockCount(of: .freeSpaceMap, record) == 0 { return }
        try settle(record, .freeSpaceMap, session)
        try FreeSpaceMap(buffers, of: record.open, session: session).truncate(to: end)
    }
}
