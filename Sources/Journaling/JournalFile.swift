internal import AsyncIO
internal import FileAccess
internal import StorageManager

/// One of the two files of a journal, and how far its writer has come. Guarded by the lock of the
/// ``DoubleWriteJournal``.
struct JournalFile {
    let path: String
    /// Opened on first use; stays open.
    private(set) var file: VirtualFile?
    /// Whether a failed attempt may have made the file.
    private var mayBeMade = false
    /// Whether the file's name survives a power cut.
    private var isNameDurable = false
    /// The round in its header on disk; zero if there is none.
    private(set) var round: UInt64 = 0
    /// The number of batches, and the position of the next one.
    private(set) var sequence: UInt64 = 0
    private(set) var end = JournalFormat.firstBatch
    /// The end of its allocated space.
    private var allocated = JournalFormat.firstBatch
    /// The highest block of each fork that has a copy here.
    private var highest: [Key: UInt32] = [:]

    private struct Key: Hashable {
        let locator: RelationLocator
        let fork: Fork
    }

    init(path: String) { self.path = path }

    var isEmpty: Bool { sequence == 0 }

    /// Whether it has copies of a fork's blocks from that one on.
    func holds(_ locator: RelationLocator, _ fork: Fork, from block: BlockNumber) -> Bool {
        highest[Key(locator: locator, fork: fork)].map { $0 >= block.rawValue } ?? false
    }

    /// Prepares the file for a round in which it has no batch yet, making it the first time.
    /// Returns once that is durable.
    ///
    /// - Throws: `fileExists` if there is one that this engine has not made; what writing throws.
    mutating func begin(
        round new: UInt64, store: UInt64, in files: FileAccess, _ memory: JournalMemory
    ) throws(StorageError) {
        let opened: VirtualFile
        if let file { opened = file } else { opened = try make(in: files) }
        file = opened
        memory.set(JournalFormat.encodeHeader(store: store, round: new))
        try unsafe opened.writeAll(memory.bytes(JournalFormat.alignment), at: 0)
        try opened.sync(dataOnly: isNameDurable)
        if !isNameDurable { try files.syncDirectory(".") }
        isNameDurable = true
        round = new
        sequence = 0
        end = JournalFormat.firstBatch
        highest.removeAll(keepingCapacity: true)
    }

    /// Makes the file, unless there is one that this engine has not made.
    private mutating func make(in files: FileAccess) throws(StorageError) -> VirtualFile {
        do throws(StorageError) {
            return try files.open(path, mayBeMade ? .create : .exclusive)
        } catch {
            // What failed may be a step after the one that made it.
            if error.code != .fileExists { mayBeMade = true }
            throw error
        }
    }

    /// Makes sure that the file has space for that many more bytes.
    mutating func reserve(_ length: Int, step: Int64) throws(StorageError) {
        guard let file else { return }
        let needed = end + Int64(length)
        guard needed > allocated else { return }
        let generous = max(needed, allocated + step)
        do throws(StorageError) {
            try file.zeroExtend(from: allocated, count: generous - allocated)
            allocated = generous
        } catch {
            if generous == needed { throw error }
            try file.zeroExtend(from: allocated, count: needed - allocated)
            allocated = needed
        }
    }

    /// Records a written batch. Blocks that ceased to exist are forgotten once that is durable
    /// (``forget(_:_:from:)``).
    mutating func add(_ header: JournalBatchHeader, _ entries: Span<JournalEntry>) {
        sequence += 1
        end += Int64(header.length)
        for position in entries.indices {
            let entry = entries[position]
            let key = Key(locator: entry.locator, fork: entry.fork)
            if header.kind == .pages { highest[key] = max(highest[key] ?? 0, entry.block) }
        }
    }

    /// Records that a fork's copies from a block on no longer count.
    mutating func forget(_ locator: RelationLocator, _ fork: Fork, from block: UInt32) {
        let key = Key(locator: locator, fork: fork)
        guard let found = highest[key], found >= block else { return }
        highest[key] = block == 0 ? nil : block - 1
    }

    /// Closes the file and removes it, if it has begun.
    mutating func remove(from files: FileAccess, _ session: Session) throws(StorageError) {
        guard let opened = file.take() else { return }
        opened.close(session)
        isNameDurable = false
        (round, sequence, end, allocated) = (
            0, 0, JournalFormat.firstBatch, JournalFormat.firstBatch
        )
        highest = [:]
        try files.remove(path, ifExists: true)
    }
}

extension VirtualFile {
    /// Writes all of `memory`, which must be valid during the call, or throws.
    @unsafe
    func writeAll(_ memory: UnsafeRawBufferPointer, at offset: Int64) throws(StorageError) {
        var done = 0
        while done < memory.count {
            let rest = unsafe UnsafeRawBufferPointer(rebasing: memory[done...])
            let count = try unsafe write(rest, at: offset + Int64(done))
            guard count > 0 else {
                throw StorageError(
                    .fileWriteFailed, "file \"\(path)\" takes no more bytes",
                    remedy: StorageError.shortWriteRemedy,
                    at: StorageError.Location(path: path))
            }
            done += count
        }
    }
}

/// Memory for the header of a batch, aligned for direct IO. Guarded by the journal's lock.
@safe
final class JournalMemory {
    private let start: UnsafeMutableRawPointer

    init() {
        unsafe start = .allocate(
            byteCount: JournalFormat.maximumHeadLength, alignment: JournalFormat.alignment)
        unsafe start.initializeMemory(
            as: UInt8.self, repeating: 0, count: JournalFormat.maximumHeadLength)
    }

    deinit { unsafe start.deallocate() }

    /// The first bytes, valid as long as this object.
    func bytes(_ count: Int) -> UnsafeRawBufferPointer {
        precondition(count <= JournalFormat.maximumHeadLength)
        return unsafe UnsafeRawBufferPointer(start: start, count: count)
    }

    func set(_ bytes: [UInt8]) {
        precondition(bytes.count <= JournalFormat.maximumHeadLength)
        unsafe bytes.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress {
                unsafe start.copyMemory(from: base, byteCount: bytes.count)
            }
        }
    }

    func encode(_ header: JournalBatchHeader, _ entries: Span<JournalEntry>) {
        var span = unsafe MutableRawSpan(
            _unsafeStart: start, byteCount: JournalFormat.maximumHeadLength)
        header.encode(entries, to: &span)
    }
}
