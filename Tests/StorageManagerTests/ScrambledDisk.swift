import AsyncIO
import StorageManager

/// Scrambles pages and stores them through another storage manager: the example of the article
/// "Write your own storage manager". It hides nothing from anyone; a real cipher would take the
/// place of the scrambling line by line.
final class ScrambledDisk: ForwardingStorageManager {
    let base: any StorageManager
    private let work: HandleWork
    private let unscrambling: IOCallbackID

    /// Makes a manager on top of `base`, which belongs to this object from now on.
    init(over base: any StorageManager, system: IOSystem) throws(StorageError) {
        self.base = base
        work = HandleWork(handleCount: system.handleCapacity)
        unscrambling = try system.register(callbacks: Unscrambling(work))
    }

    var name: String { "scrambled" }

    /// The lower manager's capabilities. Completing a read takes work now.
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
}

/// One relation. Moves pages itself; all other calls are forwarded.
final class ScrambledRelation: ForwardingRelationStorage {
    let base: any RelationStorage
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
            // Registered before the lower manager's callbacks, so that it runs after them.
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
        // The copies stay unchanged until the handle is used again, and so until the IO is over.
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
}

/// Unscrambles what was read, on the thread that first sees the completion.
final class Unscrambling: IOCallbacks {
    private let work: HandleWork

    init(_ work: HandleWork) { self.work = work }

    var phases: IOCallbackPhases { .completeShared }

    /// `prior` counts blocks already: the callbacks of the lower manager have run.
    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult {
        if prior.status != .error { work.unscramble(io.id, count: Int(prior.value)) }
        return prior
    }
}

/// Each handle's state beyond what the core keeps with it: the pages to read into, and copies of
/// pages to write.
///
/// A handle has one user at a time: first the IO's definer, then its completer, then the next
/// definer. The core makes what one has written visible to the next, so no lock is needed.
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

/// Memory for scrambled copies of pages. It grows to the largest size needed.
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

    /// Pages of zeroes stay unchanged, because the lower manager makes them where a relation grows.
    /// So the one page that would become zeroes must stay unchanged too.
    static func apply(to page: PageAddress) {
        let words = unsafe page.bytes.bindMemory(to: UInt64.self)
        let isSpecial =
            unsafe (words[0] == 0 || words[0] == key) && words.allSatisfy { $0 == words[0] }
        if isSpecial { return }
        for index in words.indices { unsafe words[index] ^= key }
    }
}
