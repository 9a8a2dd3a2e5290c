import AsyncIO
import StorageManager

/// Keeps pages scrambled in the care of another storage manager: the example of the article
/// "Write your own storage manager". It hides nothing from anyone; a real cipher takes its place
/// line by line.
final class ScrambledDisk: StorageManager {
    private let base: any StorageManager
    private let work: HandleWork
    private let unscrambling: IOCallbackID

    /// Stands on `base`, which is this object's from now on.
    init(over base: any StorageManager, system: IOSystem) throws(StorageError) {
        self.base = base
        work = HandleWork(handleCount: system.handleCapacity)
        unscrambling = try system.register(callbacks: Unscrambling(work))
    }

    var name: String { "scrambled" }

    /// What is below, and that completing a read is some work.
    var capabilities: StorageManagerCapabilities {
        var capabilities = base.capabilities
        capabilities.transformsPages = true
        return capabilities
    }

    func open(_ locator: RelationLocator, target: RelationTarget) throws(StorageError)
        -> any RelationStorage
    {
        ScrambledRelation(
            try base.open(locator, target: target), work: work, unscrambling: unscrambling)
    }

    func unlink(_ locator: RelationLocator, fork: Fork) throws(StorageError) {
        try base.unlink(locator, fork: fork)
    }

    func syncPending(_ session: Session) throws(StorageError) { try base.syncPending(session) }

    func shutdown() { base.shutdown() }
}

/// One relation: what moves pages is done here, all else below.
final class ScrambledRelation: RelationStorage {
    private let base: any RelationStorage
    private let work: HandleWork
    private let unscrambling: IOCallbackID

    init(_ base: any RelationStorage, work: HandleWork, unscrambling: IOCallbackID) {
        self.base = base
        self.work = work
        self.unscrambling = unscrambling
    }

    // MARK: Reading

    func read(_ fork: Fork, block: BlockNumber, into pages: Span<PageAddress>)
        throws(StorageError)
    {
        try base.read(fork, block: block, into: pages)
        for position in pages.indices { Scramble.apply(to: pages[position]) }
    }

    func startRead(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        into pages: Span<PageAddress>
    ) throws(StorageError) {
        do throws(StorageError) {
            // Before the lower manager registers its own, so as to run after them.
            try handle.registerCallbacks(unscrambling)
        } catch {
            handle.release()
            throw error
        }
        work.setPages(handle.id, pages)
        try base.startRead(handle, fork, block: block, into: pages)
    }

    // MARK: Writing

    func write(
        _ fork: Fork, block: BlockNumber, from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        let copies = ScrambledCopies()
        for position in pages.indices {
            let copy = InlineArray<1, PageAddress>(
                repeating: copies.copy(pages, position..<position + 1)[0])
            try base.write(
                fork, block: block.advanced(by: position), from: copy.span, sync: sync)
        }
    }

    func startWrite(
        _ handle: consuming IOHandle, _ fork: Fork, block: BlockNumber,
        from pages: Span<PageAddress>, sync: SyncPolicy
    ) throws(StorageError) {
        // They stay as they are until the handle is used again, and so until the IO is over.
        let copies = work.scrambled(handle.id, pages)
        try base.startWrite(handle, fork, block: block, from: copies.span, sync: sync)
    }

    func extend(_ fork: Fork, at block: BlockNumber, with page: PageAddress, sync: SyncPolicy)
        throws(StorageError)
    {
        let copies = ScrambledCopies()
        let pages = InlineArray<1, PageAddress>(repeating: page)
        try base.extend(fork, at: block, with: copies.copy(pages.span, 0..<1)[0], sync: sync)
    }

    // MARK: What goes through

    func create(_ fork: Fork, ifMissing: Bool) throws(StorageError) {
        try base.create(fork, ifMissing: ifMissing)
    }
    func exists(_ fork: Fork) throws(StorageError) -> Bool { try base.exists(fork) }
    func close(_ fork: Fork, session: Session) { base.close(fork, session: session) }
    func zeroExtend(_ fork: Fork, from block: BlockNumber, count: Int, sync: SyncPolicy)
        throws(StorageError)
    {
        try base.zeroExtend(fork, from: block, count: count, sync: sync)
    }
    func prefetch(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) -> Bool {
        try base.prefetch(fork, block: block, count: count)
    }
    func maximumCombine(_ fork: Fork, block: BlockNumber) -> Int {
        base.maximumCombine(fork, block: block)
    }
    func writeback(_ fork: Fork, block: BlockNumber, count: Int) throws(StorageError) {
        try base.writeback(fork, block: block, count: count)
    }
    func blockCount(_ fork: Fork) throws(StorageError) -> UInt32 { try base.blockCount(fork) }
    func truncate(_ fork: Fork, to count: UInt32, session: Session) throws(StorageError) {
        try base.truncate(fork, to: count, session: session)
    }
    func immediateSync(_ fork: Fork) throws(StorageError) { try base.immediateSync(fork) }
    func registerSync(_ fork: Fork) throws(StorageError) { try base.registerSync(fork) }
    func descriptor(_ fork: Fork, block: BlockNumber, for io: borrowing IOView) -> CInt {
        base.descriptor(fork, block: block, for: io)
    }
}

/// Unscrambles what was read, on whatever thread learns of the completion.
final class Unscrambling: IOCallbacks {
    private let work: HandleWork

    init(_ work: HandleWork) { self.work = work }

    var phases: IOCallbackPhases { .completeShared }

    /// `prior` is in blocks already: the callbacks of the lower manager have run.
    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        if prior.status != .error { work.unscramble(io.id, count: Int(prior.value)) }
        return prior
    }
}

/// What each handle needs beyond what the core keeps with it: the pages that it reads into, and
/// copies of those that it writes.
///
/// A handle has one user at a time: who defines the IO, then who completes it, then who defines the
/// next. The core makes what one has written visible to the next, so no lock is needed.
final class HandleWork: @unchecked Sendable {
    private let entries: [Entry]

    private final class Entry {
        var pages: [PageAddress] = []
        let copies = ScrambledCopies()
    }

    init(handleCount: Int) { entries = (0..<handleCount).map { _ in Entry() } }

    func setPages(_ handle: Int, _ pages: Span<PageAddress>) {
        entries[handle].pages.removeAll(keepingCapacity: true)
        for position in pages.indices { entries[handle].pages.append(pages[position]) }
    }

    func unscramble(_ handle: Int, count: Int) {
        for page in entries[handle].pages.prefix(count) { Scramble.apply(to: page) }
    }

    func scrambled(_ handle: Int, _ pages: Span<PageAddress>) -> [PageAddress] {
        entries[handle].copies.copy(pages, pages.indices)
    }
}

/// Memory for scrambled copies of pages; it grows to what was needed at most.
@safe
final class ScrambledCopies {
    /// `capacity` pages, aligned for direct IO.
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0

    deinit { unsafe memory?.deallocate() }

    /// Copies of some pages, valid until the next call.
    func copy(_ pages: Span<PageAddress>, _ range: Range<Int>) -> [PageAddress] {
        if capacity < range.count {
            unsafe memory?.deallocate()
            unsafe memory = .allocate(byteCount: range.count * blockSize, alignment: 4096)
            capacity = range.count
        }
        return range.enumerated().map { place, position in
            // There are `capacity` pages, and `place` is below that.
            let copy = unsafe PageAddress(memory! + place * blockSize)
            unsafe copy.pointer.copyMemory(
                from: pages[position].pointer, byteCount: blockSize)
            Scramble.apply(to: copy)
            return copy
        }
    }
}

/// Exchanges a page for its scrambled form and back.
enum Scramble {
    private static let key: UInt64 = 0x5bd1_e995_9ddf_ea08

    /// Pages of zeroes stay what they are, since the lower manager makes them by itself where a
    /// relation grows; so the one page that would become zeroes must stay as well.
    static func apply(to page: PageAddress) {
        let words = unsafe page.bytes.bindMemory(to: UInt64.self)
        let isSpecial =
            unsafe (words[0] == 0 || words[0] == key) && words.allSatisfy { $0 == words[0] }
        if isSpecial { return }
        for index in words.indices { unsafe words[index] ^= key }
    }
}
