internal import AsyncIO
internal import StorageManager
internal import Threads

/// One relation of a ``MemoryDisk``: slabs of pages for each fork.
///
/// Safe to use from any thread; `RelationStorage` says which calls callers must serialise. A fork's
/// lock is held only briefly: pages are copied outside it.
final class MemoryRelation: RelationStorage {
    private struct Pages {
        var exists = false
        var count = 0
        /// The slabs that `count` pages need.
        var slabs: [MemorySlab] = []
    }

    private let locator: RelationLocator
    private let disk: MemoryDisk
    private let target: RelationTarget
    private let forks: InlineArray<4, ForkPages>

    /// Lets an array hold a lock, which cannot be copied.
    private final class ForkPages: Sendable {
        let pages = Lock(Pages(), rank: .memoryPages)
    }

    init(_ locator: RelationLocator, disk: MemoryDisk, target: RelationTarget) {
        self.locator = locator
        self.disk = disk
        self.target = target
        forks = InlineArray { _ in ForkPages() }
    }

    private func with<Result: Sendable, Failure>(
        _ fork: Fork, _ body: (inout Pages) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try forks[Int(fork.rawValue)].pages.withLock { (pages) throws(Failure) in try body(&pages) }
    }

    // MARK: Life of a fork

    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
        let isNew = with(fork) { pages in
            defer { pages.exists = true }
            return !pages.exists
        }
        guard isNew || ifMissing else {
            throw StorageError(
                .alreadyExists, "relation \(locator)\(fork.suffix) exists already",
                remedy: "Unlink the relation first, or give the new one another number.",
                at: location(fork))
        }
    }

    func exists(_ fork: Fork) throws(StorageError) -> Bool { with(fork) { $0.exists } }

    /// Keeps the pages: they exist nowhere else.
    func close(_ fork: Fork, session: Session) { session.submitStaged() }

    /// Removes a fork and its pages.
    func remove(_ fork: Fork) {
        let freed = with(fork) { pages in
            defer { pages = Pages() }
            return pages.slabs.count
        }
        disk.budget.giveBack(freed * MemorySlab.pageCount)
    }

    // MARK: Length

    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 {
        UInt32(try existing(fork).count)
    }

    func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
        throws(StorageError)
    {
        try grow(fork, to: Int(block.rawValue) + 1, from: block, count: 1)
        let pages = InlineArray<1, PageAddress>(repeating: page)
        try write(fork, block: block, from: pages.span, sync: sync)
    }

    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)
    {
        try grow(fork, to: Int(block.rawValue) + count, from: block, count: count)
    }

    /// - Throws: `extendFailed` if that would exceed the limit or the memory the process can have;
    ///   the fork is unchanged then.
    private func grow(_ fork: Fork, to count: Int, from block: BlockNumber, count new: Int)
        throws(StorageError)
    {
        guard new >= 0, count <= Int(BlockNumber.maximumCount) else {
            throw extendFailed(
                fork, block, "it can have at most \(BlockNumber.maximumCount) blocks",
                remedy: "Spread the data over several relations.")
        }
        let old = try existing(fork)
        let needed = (count + MemorySlab.pageCount - 1) / MemorySlab.pageCount - old.slabs.count
        var slabs: [MemorySlab] = []
        if needed > 0 {
            guard disk.budget.take(needed * MemorySlab.pageCount) else {
                throw extendFailed(
                    fork, block,
                    "memory relations take \(disk.budget.used * blockSize) of at most"
                        + " \(disk.budget.limit * blockSize) bytes",
                    remedy: "Drop or truncate one, or raise MemoryDiskConfiguration.maximumBytes.")
            }
            for _ in 0..<needed {
                guard let slab = MemorySlab() else {
                    disk.budget.giveBack(needed * MemorySlab.pageCount)
                    throw extendFailed(
                        fork, block, "the system has no more memory",
                        remedy: "Drop or truncate a memory relation.")
                }
                slabs.append(slab)
            }
        }
        // The caller serialises growing and truncating, so the fork has not changed meanwhile.
        with(fork) { pages in
            pages.slabs += slabs
            pages.count = max(pages.count, count)
        }
    }

    /// Frees the memory of whole slabs at once.
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        guard try blockCount(fork) > count else { return }
        let kept = (Int(count) + MemorySlab.pageCount - 1) / MemorySlab.pageCount
        let freed = with(fork) { pages in
            let freed = pages.slabs.count - kept
            pages.count = Int(count)
            pages.slabs.removeLast(freed)
            // Pages that a later extension adds again must be zeroes.
            let rest = Int(count) % MemorySlab.pageCount
            if rest > 0 { pages.slabs.last?.clear(from: rest) }
            return freed
        }
        disk.budget.giveBack(freed * MemorySlab.pageCount)
    }

    // MARK: Blocks

    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int { Int(Int32.max) / blockSize }

    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {
        let done = try copy(fork, block, pages, isRead: true)
        if done < pages.count {
            throw .endsBefore(label(fork, block, pages.count), isRead: true)
        }
    }

    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        let done = try copy(fork, block, pages, isRead: false)
        if done < pages.count {
            throw .endsBefore(label(fork, block, pages.count), isRead: false)
        }
    }

    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        try start(handle, fork, block, pages, isRead: true)
    }

    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        try start(handle, fork, block, pages, isRead: false)
    }

    private func start(
        _ handle: consuming IOHandle, _ fork: Fork, _ block: BlockNumber,
        _ pages: Span<PageAddress>, isRead: Bool
    ) throws(StorageError) {
        let done: Int
        do throws(StorageError) {
            try handle.registerCallbacks(isRead ? disk.readCallbacks : disk.writeCallbacks)
            done = try copy(fork, block, pages, isRead: isRead)
        } catch {
            handle.release()
            throw error
        }
        target.set(on: handle, locator, fork, block: block, count: pages.count)
        handle.startExecuted(isRead ? .read : .write, result: done * blockSize)
    }

    /// Copies pages in or out as far as they exist, and returns how many.
    private func copy(
        _ fork: Fork, _ block: BlockNumber, _ pages: Span<PageAddress>, isRead: Bool
    ) throws(StorageError) -> Int {
        let (slabs, count) = try existing(fork)
        let end = min(pages.count, count - Int(block.rawValue))
        var done = 0
        while done < end {
            let place = Int(block.rawValue) + done
            let first = place % MemorySlab.pageCount
            let part = done..<min(end, done + MemorySlab.pageCount - first)
            let slab = slabs[place / MemorySlab.pageCount]
            if isRead {
                slab.read(first, into: pages.extracting(part))
            } else {
                slab.write(first, from: pages.extracting(part))
            }
            done = part.upperBound
        }
        return max(0, done)
    }

    func immediateSync(_ fork: Fork) throws(StorageError) { _ = try existing(fork) }

    func registerSync(_ fork: Fork) throws(StorageError) { _ = try existing(fork) }

    // MARK: Words

    /// - Throws: `notFound` for a fork that does not exist.
    private func existing(_ fork: Fork) throws(StorageError) -> (slabs: [MemorySlab], count: Int) {
        let found = with(fork) { $0.exists ? ($0.slabs, $0.count) : nil }
        guard let found else {
            throw StorageError(
                .notFound, "relation \(locator)\(fork.suffix) does not exist in memory",
                remedy: "Create it first; a memory relation ends with its engine.",
                at: location(fork))
        }
        return (slabs: found.0, count: found.1)
    }

    private func extendFailed(
        _ fork: Fork, _ block: BlockNumber, _ reason: String, remedy: String
    ) -> StorageError {
        StorageError(
            .extendFailed, "could not extend relation \(locator)\(fork.suffix): \(reason)",
            remedy: remedy, at: location(fork, block))
    }

    private func location(_ fork: Fork, _ block: BlockNumber? = nil) -> StorageError.Location {
        StorageError.Location(
            relation: locator.description, fork: fork.name, block: block?.rawValue)
    }

    private func label(_ fork: Fork, _ block: BlockNumber, _ count: Int) -> RelationLabel {
        RelationLabel(locator, fork, block: block, count: UInt32(count), manager: target.manager)
    }
}
