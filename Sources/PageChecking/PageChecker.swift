package import AsyncIO
internal import FileAccess
package import PageFormat
package import StorageManager

/// Reads the pages of files and verifies them, with several reads in flight. Belongs to its
/// session's thread.
package final class PageChecker {
    package let session: Session
    private let checksums: Bool
    private let memory: PageSlots
    private var reads: IOWindow<Read>

    /// A read in flight, and the memory for its pages.
    private struct Read {
        let block: UInt32
        let count: Int
        let slot: Int
    }

    /// The outcome of reading one page.
    package enum Finding {
        /// It was read and verified; its bytes are valid until the next page.
        case page(PageVerification, PageAddress)
        /// It could not be read.
        case unreadable(StorageError)
    }

    /// Makes a checker.
    ///
    /// - Parameters:
    ///   - checksums: whether the pages have checksums.
    ///   - combineLimit: how many blocks one read may cover.
    package init(_ session: Session, checksums: Bool, combineLimit: Int) {
        self.session = session
        self.checksums = checksums
        let depth = min(8, session.system.handlesPerSession)
        memory = PageSlots(slots: depth, pages: combineLimit)
        reads = IOWindow(session, limit: depth)
    }

    /// Verifies all pages of a source, in order.
    ///
    /// What the kernel has in its cache is copied on the calling thread, which takes less time than
    /// handing the read to another one. From the first page on that it does not have, reads are in
    /// flight.
    ///
    /// - Throws: what starting reads throws; `timedOut` and `fenced`, after which no page would be
    ///   read, but all look damaged.
    package func check(_ source: some PageSource, each: (UInt32, Finding) -> Void)
        throws(StorageError)
    {
        var next = source.blocks.lowerBound
        var free = Array(0..<memory.slots)
        // What is in flight writes into this object's memory.
        defer { reads.drain() }
        while next < source.blocks.upperBound || !reads.isEmpty {
            if reads.isEmpty, let slot = free.last {
                let count = combine(source, next)
                let cached = source.readCached(next, count: count, into: memory.address(slot, 0))
                if cached > 0 {
                    let read = Read(block: next, count: min(count, cached), slot: slot)
                    try finish(read, arrived: read.count, source, each)
                    next += UInt32(read.count)
                    continue
                }
            }
            if next < source.blocks.upperBound, let slot = free.popLast() {
                next += UInt32(try start(source, next, slot))
                continue
            }
            guard let ended = reads.finishOldest() else { break }
            if let failure = ended.failure { throw failure }
            let arrived = source.blockCount(of: ended.report.result)
            try finish(ended.purpose, arrived: arrived, source, each)
            free.append(ended.purpose.slot)
        }
    }

    private func combine(_ source: some PageSource, _ block: UInt32) -> Int {
        max(1, min(memory.pages, source.combine(block)))
    }

    private func start(_ source: some PageSource, _ block: UInt32, _ slot: Int)
        throws(StorageError) -> Int
    {
        let count = combine(source, block)
        let read = Read(block: block, count: count, slot: slot)
        let pages = memory.addresses(slot, count)
        do throws(StorageError) {
            try reads.start { handle throws(StorageError) in
                try source.start(handle, block, pages.span)
                return read
            }
        } catch {
            // Read one by one, each with an error of its own.
            reads.add(unstarted: read)
        }
        return count
    }

    private func finish(
        _ read: Read, arrived: Int, _ source: some PageSource, _ each: (UInt32, Finding) -> Void
    ) throws(StorageError) {
        for index in 0..<read.count {
            let block = read.block + UInt32(index)
            let page = memory.address(read.slot, index)
            if index < arrived {
                let verdict = verdict(page, block, source)
                if verdict.isUsable {
                    each(block, .page(verdict, page))
                    continue
                }
            }
            // Once more and alone: a write of the page that was under way is over by then.
            let finding = self.read(block, of: source, into: page)
            if case .unreadable(let error) = finding, [.timedOut, .fenced].contains(error.code) {
                throw error
            }
            each(block, finding)
        }
    }

    /// Reads one page again, alone, into the memory of a finding about it. Callable from `each`
    /// only.
    package func read(_ block: UInt32, of source: some PageSource, into page: PageAddress)
        -> Finding
    {
        do throws(StorageError) {
            try source.read(block, into: page)
            return .page(verdict(page, block, source), page)
        } catch {
            return .unreadable(error)
        }
    }

    private func verdict(
        _ page: PageAddress, _ block: UInt32, _ source: some PageSource
    ) -> PageVerification {
        // The IO into the slot is over, and no other thread has the memory.
        let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
        return source.verify(view, block, checksums: checksums)
    }
}
