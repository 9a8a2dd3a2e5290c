internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Synchronization
internal import Threads

/// One fork of a compressed relation: its data file, the map of its chunks, and the use of its
/// space.
///
/// Any thread. ``state`` is held only briefly, never during IO, and taken where IO completes.
/// Changing a chunk takes its writing lock, which readers never take: a reader sees the chunk's
/// state before or after. The old place of a changed chunk is given out again only once the change
/// is durable and all reads are over that may have begun before.
final class CompressedFork: Sendable {
    /// The first unit for chunks; the file's header is before it.
    static let firstUnit: UInt32 = 1

    struct State {
        var map = ForkMap()
        var space = ForkSpace()
        /// What the map file lacks.
        var unrecorded = UnrecordedChanges()
        /// The cuts that still matter for chunks in the file or in flight.
        var cuts = CutHistory()
        /// The last traces in the data file's header, up to two, the newest last.
        var traces: [ForkTrace] = []
        /// The next chunk's generation, or more, according to what the map file is known to have
        /// recorded durably.
        var recordedGeneration: UInt64 = 0
        /// The next chunk's generation according to the last record of the map that counts.
        var mapGeneration: UInt64 = 0
        var readers = ReaderTurns()
        /// Chunks that are being written, as they will be.
        var inFlight = ChunksInFlight()
        var habit = EncodingHabit()

        /// Starts with what was found in files, or with nothing. IO in flight no longer counts.
        mutating func begin(_ map: ForkMap = ForkMap(), fileUnits: UInt32 = 0) {
            let readers = readers
            self = State()
            self.map = map
            space.fileUnits = fileUnits
            self.readers.begin(after: readers)
        }

        /// The newest form of a chunk that is in flight, if it is newer than the map's, and how
        /// many of its pages count.
        func newestInFlight(_ chunk: UInt32) -> (frame: FrameInFlight, pages: Int)? {
            guard let frame = inFlight.newest(chunk) else { return nil }
            if Int(chunk) < map.chunkCount,
                map[Int(chunk)].generation >= frame.part.entry.generation
            {
                return nil
            }
            let pages = countingPages(chunk, frame.part.entry)
            return pages == 0 ? nil : (frame, pages)
        }

        /// How many pages of a written chunk, or one being written, are part of the fork. The fork
        /// may have been cut meanwhile, and later additions must be zeroes.
        func countingPages(_ chunk: UInt32, _ entry: ChunkEntry) -> Int {
            cuts.kept(of: chunk, generation: entry.generation, Int(entry.pages))
        }

        /// Whether the map file has everything.
        var isDurable: Bool { unrecorded.isEmpty && inFlight.isEmpty }

        /// Whether nothing reads, writes, or waits for a sync.
        var isAtRest: Bool { isDurable && readers.areNone }
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
    /// Whether another thread waits for the end of compaction.
    let isForgotten = Atomic<Bool>(false)
    /// Whether the fork was unlinked. Another object is for what may be created in its place.
    private let retired = Atomic<Bool>(false)

    /// A class, so that an array can hold the lock, which cannot be copied.
    private final class WritingLock: Sendable {
        let lock = Lock<Void>((), rank: .forkWriting)
    }

    struct Files: Sendable {
        let data: VirtualFile
        let map: MapFile
    }

    /// Neighbouring chunks share a lock.
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

    /// The paths of a new map before it replaces the old one. The second is for when something else
    /// has the first.
    static func newMapPaths(_ locator: RelationLocator, _ fork: Fork) -> [String] {
        ["", ".1"].map { "\(locator)\(fork.suffix).map.new\($0)" }
    }

    // MARK: Files

    /// The fork's files, opened and read if necessary.
    ///
    /// - Throws: `notFound` if the fork does not exist; `damagedMap` if neither the map nor the
    ///   chunks tell what the fork consists of.
    func opened() throws(StorageError) -> Files {
        try files.withLock { (files) throws(StorageError) in
            if let files { return files }
            if isRetired { throw missing() }
            let opened = try open()
            files = opened
            return opened
        }
    }

    /// Takes the files of a fork that was just created.
    func adopt(_ new: Files) { files.withLock { $0 = new } }

    /// Whether the files are open, and therefore the map is in memory.
    var isOpen: Bool { files.withLock { $0 != nil } }

    /// Whether the fork was unlinked, so that this object is of no more use. Any thread.
    var isRetired: Bool { retired.load(ordering: .acquiring) }

    /// Forgets the files for good, as they are being unlinked.
    func retire() {
        retired.store(true, ordering: .releasing)
        forget()
    }

    /// Closes the files and drops the state in memory, once the fork is neither being compacted nor
    /// made durable: both free extents of the state that they have seen.
    func forget() {
        isForgotten.store(true, ordering: .relaxed)
        compacting.withLock { _ in
            syncing.withLock { _ in
                files.withLock { files in
                    state.withLock { $0.begin() }
                    files = nil
                }
            }
        }
        isForgotten.store(false, ordering: .relaxed)
    }

    // MARK: Locks

    /// Runs `body` while no other thread changes some chunks.
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

    /// Runs `body` while no thread changes any chunk.
    func whileNobodyWrites<Result, Failure>(_ body: () throws(Failure) -> Result)
        throws(Failure) -> Result
    {
        try holding(Array(0..<Self.lockCount)[...], body)
    }

    /// Takes the locks in the order of their numbers, so that no cycle of waiting can form.
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

    /// A file's error, with the relation and fork that the file belongs to.
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

    /// The error of a chunk that is not as it was written.
    func damaged(chunk: UInt32, pages: Int) -> StorageError {
        let first = UInt64(chunk) * UInt64(pages)
        return StorageError(
            .damagedChunk,
            "chunk \(chunk) of file \"\(dataPath)\" is damaged: blocks \(first).."
                + "\(first + UInt64(pages) - 1) of relation \(locator)\(fork.suffix)",
            remedy: "Restore the relation from a backup, or rewrite all of its pages; the other"
                + " chunks can be read.",
            at: location(block: UInt32(clamping: first)))
    }

    /// The error of chunks whose contents are not in the file, some of them together.
    ///
    /// - Parameter isRefusal: whether a change was refused; otherwise one of them was read.
    func lost(_ chunks: Range<UInt32>, isRefusal: Bool = false) -> StorageError {
        let (map, units) = state.withLock { ($0.map, $0.space.fileUnits) }
        return lost(chunks, of: map, units, isRefusal: isRefusal)
    }

    /// The same error before the map is the fork's, for a file of that many units.
    func lost(
        _ chunks: Range<UInt32>, of map: ForkMap, _ units: UInt32, isRefusal: Bool = false
    ) -> StorageError {
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
        let isInFile = entry.extent.end <= units && !entry.isEmpty
        let reason =
            isInFile
            ? "file \"\(mapPath)\" is missing or damaged, and what was found may be older than"
                + " the last write"
            : entry.isEmpty
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

    /// The error of a file that would become longer than is possible.
    func tooLarge() -> StorageError {
        StorageError(
            .extendFailed, "file \"\(dataPath)\" cannot be longer than 16 TiB",
            remedy: "Spread the data over several relations.", at: location())
    }
}
