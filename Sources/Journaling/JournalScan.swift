internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import StoreFormat

/// The contents of a journal file, found by reading it from its beginning.
///
/// Batches count as long as each is complete and follows the previous one. What comes after was
/// never acknowledged, unless a later batch says that it was durable: then the medium has damaged
/// what lies between.
struct JournalScan {
    /// The position of a page's copy.
    struct Copy {
        let file: Int
        let offset: Int64
        let checksum: UInt32
    }

    /// A fork that has copies.
    struct Key: Hashable {
        let locator: RelationLocator
        let fork: Fork
    }

    /// The newest copies of all pages, by fork and block.
    private(set) var copies: [Key: [UInt32: Copy]] = [:]
    /// Pages with a replacement that does not count, and the files with its copy.
    private(set) var uncounted: [PageKey: Int] = [:]
    /// How many batches were complete.
    private(set) var batches = 0
    /// How many were damaged after they were durable.
    private(set) var damagedBatches = 0

    private let store: UInt64
    /// Whether the replacement of a relation's page with that number counts.
    private let counts: (RelationLocator, UInt32) -> Bool
    /// Memory for pages whose checksums are computed.
    private let memory = PageSlots(slots: 1, pages: 1)

    /// - Parameter counts: whether the replacement of a relation's page with that number counts:
    ///   others are as if they had never been written.
    init(store: UInt64, counts: @escaping (RelationLocator, UInt32) -> Bool) {
        self.store = store
        self.counts = counts
    }

    /// The round of a file; nil if it was never used.
    ///
    /// - Throws: `journalDamaged`, `storeTooNew`, or what reading throws.
    func round(of file: VirtualFile) throws(StorageError) -> UInt64? {
        let size = try file.size()
        let bytes = try Self.read(file, at: 0, count: JournalFormat.alignment)
        do throws(JournalFormat.HeaderFailure) {
            return try JournalFormat.decodeHeader(bytes, size: size, store: store)
        } catch {
            switch error {
            case .unused: return nil
            case .newer(let version):
                throw StorageError(
                    .storeTooNew,
                    "the journal \"\(file.path)\" has format version \(version); this program knows"
                        + " versions up to \(JournalFormat.header.version)",
                    remedy: "Open the store with the newer program that used it last.",
                    at: StorageError.Location(path: file.path))
            case .damaged(let reason): throw Self.damaged(file.path, reason)
            }
        }
    }

    /// Adds the batches of a file, whose round must be later than those added before.
    ///
    /// - Parameter number: the file's number, returned in ``Copy/file``.
    mutating func add(_ file: VirtualFile, number: Int, round: UInt64) throws(StorageError) {
        let size = try file.size()
        var position = JournalFormat.firstBatch
        var sequence: UInt64 = 0
        while position < size {
            if let batch = try batch(file, position, round), batch.header.sequence == sequence,
                try isWhole(batch, file)
            {
                try add(batch, file, number)
                position += Int64(batch.header.length)
                sequence &+= 1
                continue
            }
            guard let next = try laterBatch(file, position, size, round, after: sequence) else {
                return
            }
            // The valid parts of damaged batches are better than nothing.
            if let batch = try batch(file, position, round), batch.header.sequence == sequence {
                try add(batch, file, number)
            }
            // Whatever the batches say, there are no more than the file has room for.
            let most = UInt64(size) / UInt64(JournalFormat.alignment)
            damagedBatches += Int(clamping: min(next.sequence - sequence, most))
            (position, sequence) = (Int64(next.position), next.sequence)
        }
    }

    private struct Batch {
        let header: JournalBatchHeader
        let entries: [JournalEntry]
        let position: Int64

        func offset(of entry: Int) -> Int64 {
            position + Int64(header.headLength) + Int64(entry) * Int64(blockSize)
        }
    }

    /// The batch at that position, if its header and entries are complete.
    private func batch(_ file: VirtualFile, _ position: Int64, _ round: UInt64)
        throws(StorageError) -> Batch?
    {
        let first = try Self.read(file, at: position, count: JournalFormat.alignment)
        guard let header = JournalBatchHeader(first), belongs(header, position, round) else {
            return nil
        }
        let bytes = try Self.read(file, at: position, count: header.headLength)
        guard let entries = header.entries(bytes) else { return nil }
        return Batch(header: header, entries: entries, position: position)
    }

    private func belongs(_ header: JournalBatchHeader, _ position: Int64, _ round: UInt64) -> Bool {
        header.store == store && header.round == round && header.position == UInt64(position)
    }

    private func isWhole(_ batch: Batch, _ file: VirtualFile) throws(StorageError) -> Bool {
        guard batch.header.kind == .pages else { return true }
        return try withExtendedLifetime(memory) { () throws(StorageError) in
            for (index, entry) in batch.entries.enumerated()
            where try !read(
                file, at: batch.offset(of: index), checksum: entry.checksum,
                into: memory.address(0, 0))
            {
                return false
            }
            return true
        }
    }

    private mutating func add(_ batch: Batch, _ file: VirtualFile, _ number: Int)
        throws(StorageError)
    {
        batches += 1
        for (index, entry) in batch.entries.enumerated() {
            let key = Key(locator: entry.locator, fork: entry.fork)
            switch batch.header.kind {
            case .pages:
                if entry.replacement > 0, !counts(entry.locator, entry.replacement) {
                    uncounted[entry.page] = number
                    continue
                }
                copies[key, default: [:]][entry.block] = Copy(
                    file: number, offset: batch.offset(of: index), checksum: entry.checksum)
            case .forgotten:
                guard let known = copies[key] else { continue }
                copies[key] = known.filter { $0.key < entry.block }
            }
        }
    }

    /// How many zeroes end the search for a later batch. No batch is that long, and each begins
    /// where the previous one ends, except after damage. So a file that only claims to be large
    /// costs little time.
    private static let longestGap =
        2
        * Int64(
            JournalFormat.maximumHeadLength + JournalFormat.maximumEntries * blockSize)
    private static let searchStep = 1 << 20

    /// Looks after an incomplete batch for a complete header that says the batch was durable.
    private func laterBatch(
        _ file: VirtualFile, _ position: Int64, _ size: Int64, _ round: UInt64,
        after sequence: UInt64
    ) throws(StorageError) -> JournalBatchHeader? {
        let step = JournalFormat.alignment
        let zeroes = CRC32C.checksum([UInt8](repeating: 0, count: Self.searchStep).span)
        var first: JournalBatchHeader?
        var start = position + Int64(step)
        var gap: Int64 = 0
        while start < size, gap < Self.longestGap {
            let bytes = try Self.read(file, at: start, count: Self.searchStep)
            if bytes.count == Self.searchStep, CRC32C.checksum(bytes.span) == zeroes {
                gap += Int64(bytes.count)
                start += Int64(bytes.count)
                continue
            }
            gap = 0
            for offset in Swift.stride(from: 0, to: bytes.count, by: step) {
                let head = Array(bytes[offset...].prefix(JournalFormat.batchHeaderSize))
                if let header = JournalBatchHeader(head),
                    belongs(header, start + Int64(offset), round), header.sequence > sequence
                {
                    first = first ?? header
                    if header.durable > sequence { return first }
                }
            }
            start += Int64(max(bytes.count, step))
        }
        return nil
    }

    /// The newest copies of the given pages, as far as they exist, in the order of their positions.
    func copies(of pages: Set<PageKey>) -> [(page: PageKey, copy: Copy)] {
        pages.compactMap { page in
            copies[Key(locator: page.locator, fork: page.fork)]?[page.block].map { (page, $0) }
        }.sorted { ($0.copy.file, $0.copy.offset) < ($1.copy.file, $1.copy.offset) }
    }

    /// Reads a page's copy. Returns whether it is as it was written.
    ///
    /// - Parameter page: memory that only the caller uses.
    func read(
        _ file: VirtualFile, at offset: Int64, checksum: UInt32, into page: PageAddress
    ) throws(StorageError) -> Bool {
        guard try unsafe file.readFully(into: page.bytes, at: offset) == blockSize
        else { return false }
        let bytes = unsafe Span<UInt8>(
            _unsafeStart: page.pointer.assumingMemoryBound(to: UInt8.self), count: blockSize)
        return CRC32C.checksum(bytes) == checksum
    }

    /// Reads `count` bytes, or fewer at the file's end.
    private static func read(_ file: VirtualFile, at offset: Int64, count: Int)
        throws(StorageError) -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let found = try file.readFully(into: &raw, at: offset)
        bytes.removeLast(count - found)
        return bytes
    }

    static func damaged(_ path: String, _ reason: String) -> StorageError {
        StorageError(
            .journalDamaged,
            "the journal \"\(path)\" is damaged: \(reason)",
            remedy: "Restore the store from a backup. Without one, move the file away: pages that"
                + " were being written when the store was last used may then be torn, which"
                + " verifying the store shows; nothing else is lost.",
            at: StorageError.Location(path: path))
    }
}
