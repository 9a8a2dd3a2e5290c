internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Synchronization
internal import Threads

/// One fork of a compressed relation: its data file, the map of its chunks, and what its space is
/// used for.
///
/// Any thread. ``state`` is held for moments, never during IO, and taken where IO completes.
/// Changing a chunk takes its writing lock, which readers never take: a reader sees the
/// chunk as it was before or after. What a changed chunk took before is given out again only once
/// the change is durable and all reads that may have begun before are over.
final class CompressedFork: Sendable {
    /// The first unit that chunks can have: before it stands the file's header.
    static let firstUnit: UInt32 = 1

    struct State {
        var map = ForkMap()
        var space = FreeSpace(origin: CompressedFork.firstUnit)
        /// Chunks whose entries the map file does not have.
        var changed: Set<UInt32> = []
        /// Whether the map file lacks the dimensions.
        var hasChangedDimensions = false
        /// The cuts that still say something about chunks of the file or in flight.
        var cuts = CutHistory()
        /// What the data file's header tells.
        var trace: ForkTrace?
        /// Whether it does not tell of all cuts, or is damaged: the next sync that has something to
        /// do writes it.
        var hasNewCuts = false
        /// What changed chunks took before, since the last sync.
        var freed: [Extent] = []
        var freedUnits = 0
        var readers = ReaderTurns()
        /// How many units were free when the fork was compacted last: no more could be done then.
        var freeOnceCompacted: UInt32 = 0
        /// Chunks that are being written, as they will be; of each the newest last.
        var inFlight: [UInt32: [FrameInFlight]] = [:]
        var habit = EncodingHabit()
        /// How long the data file is, in units, as far as is known.
        var fileUnits: UInt32 = 0

        /// Begins with what was found in files, or with nothing. What is in flight no longer
        /// counts.
        mutating func begin(_ map: ForkMap = ForkMap(), fileUnits: UInt32 = 0) {
            let readers = readers
            self = State()
            self.map = map
            self.fileUnits = fileUnits
            self.readers.begin(after: readers)
        }

        /// The newest form of a chunk that is not in the map yet, if that is newer than what is,
        /// and how many pages of it count.
        func newestInFlight(_ chunk: UInt32) -> (frame: FrameInFlight, pages: Int)? {
            guard let frame = inFlight[chunk]?.last else { return nil }
            if Int(chunk) < map.chunkCount,
                map[Int(chunk)].generation >= frame.part.entry.generation
            {
                return nil
            }
            let pages = countingPages(chunk, frame.part.entry)
            return pages == 0 ? nil : (frame, pages)
        }

        /// How many pages of a chunk that was written, or is being, are part of the fork: the fork
        /// may have been cut meanwhile, and what is added to it later is to be zeroes.
        func countingPages(_ chunk: UInt32, _ entry: ChunkEntry) -> Int {
            cuts.kept(of: chunk, generation: entry.generation, Int(entry.pages))
        }

        /// Whether the map file has all that there is.
        var isDurable: Bool { changed.isEmpty && !hasChangedDimensions && inFlight.isEmpty }

        /// Whether nobody reads or writes, or waits for a sync.
        var isAtRest: Bool { isDurable && readers.areNone }
    }

    /// A chunk in the memory of a slot that is about to be written from it.
    struct FrameInFlight {
        let slot: FrameSlot
        let part: FrameSlot.Part
    }

    let disk: CompressedDisk
    let locator: RelationLocator
    let fork: Fork
    let state = Lock(State(), rank: .forkState)
    private let files = Lock<Files?>(nil, rank: .forkFiles)
    private let writing: [WritingLock]
    /// Held while the fork is made durable; taken before the others.
    let syncing = Lock<Void>((), rank: .forkSync)
    /// Held while the fork is compacted; taken before ``syncing``.
    let compacting = Lock<Void>((), rank: .forkCompaction)
    /// Somebody waits for the end of compaction.
    let isForgotten = Atomic<Bool>(false)

    /// So that an array can hold what cannot be copied.
    private final class WritingLock: Sendable {
        let lock = Lock<Void>((), rank: .forkWriting)
    }

    struct Files: Sendable {
        let data: VirtualFile
        let map: MapFile
    }

    /// Chunks next to each other share a lock.
    private static let chunksPerLock = 8
    private static let lockCount = 8

    init(_ locator: RelationLocator, _ fork: Fork, disk: CompressedDisk) {
        self.locator = locator
        self.fork = fork
        self.disk = disk
        writing = (0..<Self.lockCount).map { _ in WritingLock() }
    }

    var identity: ChunkIdentity { ChunkIdentity(locator, fork) }
    var dataPath: String { Self.dataPath(locator, fork) }
    var mapPath: String { Self.mapPath(locator, fork) }

    /// The path of the file with the chunks, such as `base/1/16384_fsm.chunks`.
    static func dataPath(_ locator: RelationLocator, _ fork: Fork) -> String {
        "\(locator)\(fork.suffix).chunks"
    }

    /// The path of the file with the map, such as `base/1/16384.map`.
    static func mapPath(_ locator: RelationLocator, _ fork: Fork) -> String {
        "\(locator)\(fork.suffix).map"
    }

    /// The path under which a new map is written before it replaces the other.
    static func newMapPath(_ locator: RelationLocator, _ fork: Fork) -> String {
        "\(locator)\(fork.suffix).map.new"
    }

    // MARK: Files

    /// The fork's files, opened and read by need.
    ///
    /// - Throws: `notFound` for a fork that does not exist, `damagedMap` where neither the map nor
    ///   the chunks tell what the fork consists of.
    func opened() throws(StorageError) -> Files {
        try files.withLock { (files) throws(StorageError) in
            if let files { return files }
            let opened = try open()
            files = opened
            return opened
        }
    }

    /// Takes the files of a fork that was just created.
    func adopt(_ new: Files) { files.withLock { $0 = new } }

    /// Whether the files are open, and so the map in memory.
    var isOpen: Bool { files.withLock { $0 != nil } }

    /// Lets go of the files and of what is in memory, once nobody compacts the fork.
    func forget() {
        isForgotten.store(true, ordering: .relaxed)
        compacting.withLock { _ in
            files.withLock { files in
                state.withLock { $0.begin() }
                files = nil
            }
        }
        isForgotten.store(false, ordering: .relaxed)
    }

    // MARK: Locks

    /// Runs `body` while nobody else changes some chunks.
    func whileWriting<Result, Failure>(
        _ chunks: ClosedRange<UInt32>, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let first = Int(chunks.lowerBound) / Self.chunksPerLock
        let last = Int(chunks.upperBound) / Self.chunksPerLock
        let wanted =
            last - first >= Self.lockCount
            ? Array(0..<Self.lockCount) : Set((first...last).map { $0 % Self.lockCount }).sorted()
        return try holding(wanted[...], body)
    }

    /// Runs `body` while nobody changes any chunk.
    func whileNobodyWrites<Result, Failure>(_ body: () throws(Failure) -> Result)
        throws(Failure) -> Result
    {
        try holding(Array(0..<Self.lockCount)[...], body)
    }

    /// Takes the locks in the order of their numbers, so that nobody waits in a circle.
    private func holding<Result, Failure>(
        _ wanted: ArraySlice<Int>, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let first = wanted.first else { return try body() }
        var result: Result?
        try writing[first].lock.withLock { _ throws(Failure) in
            result = try holding(wanted.dropFirst(), body)
        }
        guard let result else { preconditionFailure("a lock runs what it is given") }
        return result
    }

    // MARK: Words

    func location(block: UInt32? = nil, path: String? = nil) -> StorageError.Location {
        StorageError.Location(
            relation: locator.description, fork: fork.name, block: block, path: path ?? dataPath)
    }

    /// The same error of a file, with the relation and fork that it belongs to.
    func naming(
        _ error: StorageError, as code: StorageError.Code? = nil, block: BlockNumber? = nil
    ) -> StorageError {
        StorageError(
            error.code == .resourcesExhausted ? error.code : code ?? error.code, error.message,
            remedy: error.remedy,
            at: location(
                block: block?.rawValue ?? error.location.block,
                path: error.location.path ?? dataPath), errorNumber: error.errorNumber,
            underlying: error.underlying)
    }

    /// A chunk that is not as it was written.
    func damaged(chunk: UInt32, pages: Int) -> StorageError {
        let first = UInt64(chunk) * UInt64(pages)
        return StorageError(
            .damagedChunk,
            "chunk \(chunk) of file \"\(dataPath)\" is damaged: blocks \(first).."
                + "\(first + UInt64(pages) - 1) of relation \(locator)\(fork.suffix)",
            remedy: "Restore the relation from a backup, or write all of its pages anew; the other"
                + " chunks can be read.",
            at: location(block: UInt32(clamping: first)))
    }

    /// Chunks whose content is not in the file, some that lie together.
    ///
    /// - Parameter isRefusal: the fork was to be changed; else one of them was to be read.
    func lost(_ chunks: Range<UInt32>, isRefusal: Bool = false) -> StorageError {
        lost(chunks, of: state.withLock { $0.map }, isRefusal: isRefusal)
    }

    /// The same before the map is the fork's.
    func lost(_ chunks: Range<UInt32>, of map: ForkMap, isRefusal: Bool = false) -> StorageError {
        let dimensions = map.dimensions
        let first = Int(chunks.lowerBound)
        let entry = first < map.chunkCount ? map[first] : .lost
        let pages = UInt64(dimensions.properties.chunkPages)
        let block = UInt64(chunks.lowerBound) * pages
        let end = min(UInt64(chunks.upperBound) * pages, UInt64(dimensions.blockCount))
        let names =
            chunks.count == 1
            ? "chunk \(chunks.lowerBound) of file \"\(dataPath)\" is lost"
            : "chunks \(chunks.lowerBound)..\(chunks.upperBound - 1) of file \"\(dataPath)\""
                + " are lost"
        let reason =
            entry.isEmpty
            ? "file \"\(mapPath)\" is missing or damaged, and the chunks were not found"
            : "the file ends before it should"
        return StorageError(
            .lostChunk,
            (isRefusal ? "relation \(locator)\(fork.suffix) cannot be changed: " : "") + names
                + ", blocks \(block)..\(max(block + 1, end) - 1) of relation \(locator)"
                + "\(fork.suffix): \(reason)",
            remedy: "Put the relation's files back as they were, or restore the relation from a"
                + " backup. Its other chunks can be read.",
            at: location(block: UInt32(clamping: block)))
    }

    /// A file that consists of more than it can have.
    func tooLarge() -> StorageError {
        StorageError(
            .extendFailed, "file \"\(dataPath)\" cannot be longer than 16 TiB",
            remedy: "Spread the data over several relations.", at: location())
    }
}
