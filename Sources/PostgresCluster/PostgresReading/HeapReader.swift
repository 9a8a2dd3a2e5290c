package import AsyncIO
internal import BufferManager
package import PageFormat
internal import ReadStream
internal import StorageManager
internal import Synchronization
internal import Threads

/// A row version found in a heap.
package struct RowVersion: ~Escapable {
    /// The tuple.
    package let tuple: HeapTupleView
    /// Its block.
    package let block: UInt32
    /// Its state for a new transaction.
    package let state: RowState

    @_lifetime(copy tuple)
    init(_ tuple: HeapTupleView, _ block: UInt32, _ state: RowState) {
        self.tuple = tuple
        self.block = block
        self.state = state
    }
}

/// Reads the rows of a table in physical order. Belongs to its session's thread.
package struct HeapReader {
    private let storage: DataDirectory
    private let session: Session
    private let place: RelationPlace
    private let relation: OpenRelation
    private var visibility: Visibility
    /// The page whose rows are read. It is a copy, so that its lock is not held while the rows'
    /// text waits for its turn. Copies of the reader share it.
    private let copy = PageCopy()
    /// How blocks are read, once some were. A large table's ring of buffers is kept from one range
    /// of blocks to the next: few buffers stay in the processor's cache, and the others untouched.
    private var streamOptions: ReadStreamOptions?
    /// Whether to return versions that a new transaction does not see.
    package var includesDead = false
    /// Whether to pass over pages that are damaged, and rows on them, instead of throwing.
    package var skipsDamage = false
    /// Whether to return also the rows of damaged pages, if their line pointers and headers are
    /// possible, and rows whose outcome is not known. Use it with ``skipsDamage``.
    package var salvagesDamage = false
    /// How many pages were passed over, wholly or in part.
    package private(set) var damagedPages = 0
    /// How many pages of zeroes there were. A crash can leave such pages; rows that stood on one
    /// that was overwritten are lost.
    package private(set) var zeroPages = 0

    /// How often a page with a wrong checksum is read again, since a running server may have been
    /// writing it.
    private static let rereads = 5
    private static let rereadPause: Duration = .milliseconds(20)

    /// Opens the table.
    package init(
        _ storage: DataDirectory, _ place: RelationPlace, log: TransactionLog, session: Session
    ) throws(StorageError) {
        self.storage = storage
        self.place = place
        self.session = session
        relation = try storage.open(place)
        visibility = Visibility(log)
    }

    /// How many blocks the table has now.
    package func blockCount() throws(StorageError) -> UInt32 {
        try storage.explaining(place) { () throws(StorageError) in
            try relation.storage.blockCount(.main)
        }
    }

    /// Calls `body` with each row of the blocks that a new transaction sees.
    ///
    /// - Parameters:
    ///   - body: called with no lock held.
    ///   - pageDone: called after each page's rows. It returns false to end the scan.
    /// - Throws: what reading a page throws; `damagedRow` if a line pointer or tuple is impossible;
    ///   what `body` throws.
    package mutating func forEachRow(
        in blocks: Range<UInt32>,
        _ body: (borrowing RowVersion) throws(StorageError) -> Void,
        pageDone: () throws(StorageError) -> Bool = { () throws(StorageError) in true }
    ) throws(StorageError) {
        var stream = ReadStream(
            storage.buffers, over: relation, session: session, options: options(for: blocks),
            source: BlockRange(blocks))
        for block in blocks {
            let page: PinnedPage
            do throws(StorageError) {
                guard let next = try stream.next() else { return }
                page = next
            } catch {
                do throws(StorageError) {
                    page = try readAgain(block, error)
                } catch {
                    try skip(error)
                    if salvagesDamage { try visitDamaged(block, body) }
                    continue
                }
            }
            do throws(StorageError) {
                try visit(page, block, body)
            } catch {
                page.release()
                try skip(error)
                continue
            }
            page.release()
            guard try pageDone() else { return }
        }
    }

    private mutating func options(for blocks: Range<UInt32>) -> ReadStreamOptions {
        if let streamOptions { return streamOptions }
        let whole = (try? relation.storage.blockCount(.main)) ?? 0
        let options = ReadStreamOptions.scan(
            of: max(blocks.count, Int(whole)), in: storage.buffers)
        streamOptions = options
        return options
    }

    /// Counts a damaged page, or throws its error.
    private mutating func skip(_ error: StorageError) throws(StorageError) {
        let isDamage = error.code == .invalidPage || error.code == .damagedRow
        guard skipsDamage, isDamage else { throw error }
        damagedPages += 1
    }

    /// Reads a page again, a few times, after it was found damaged.
    private func readAgain(
        _ block: UInt32, _ error: StorageError
    ) throws(StorageError) -> PinnedPage {
        var failure = error
        for _ in 0..<Self.rereads where failure.code == .invalidPage {
            if storage.control.state == .shutDown { break }
            park(Atomic<UInt32>(0), expected: 0, atMost: Self.rereadPause)
            do throws(StorageError) {
                return try storage.buffers.page(
                    BlockNumber(block), of: relation, session: session)
            } catch {
                failure = error
            }
        }
        throw storage.explained(failure, place)
    }

    private mutating func visit(
        _ page: borrowing PinnedPage, _ block: UInt32,
        _ body: (borrowing RowVersion) throws(StorageError) -> Void
    ) throws(StorageError) {
        copy.take(page)
        var visibility = self.visibility
        let (includesDead, salvages) = (includesDead, salvagesDamage)
        var isDamaged = false
        var isZero = false
        do throws(RowFailure) {
            try copy.withView { view throws(RowFailure) in
                isZero = view.isNew
                let isAllVisible = view.flags.contains(.allVisible)
                for number in view.linePointerNumbers {
                    let tuple: HeapTupleView
                    do throws(PageFormatError) {
                        guard let found = try view.tuple(number) else { continue }
                        tuple = found
                    } catch {
                        isDamaged = true
                        if salvages { continue }
                        throw .format(error)
                    }
                    do throws(StorageError) {
                        let state =
                            isAllVisible
                            ? .visible : try visibility.state(tuple.header, assuming: salvages)
                        if state == .visible || includesDead {
                            try body(RowVersion(tuple, block, state))
                        }
                    } catch {
                        throw .storage(error)
                    }
                }
            }
        } catch {
            switch error {
            case .storage(let error): throw error
            case .format(let error): throw damaged(block, error.description)
            }
        }
        self.visibility = visibility
        if isDamaged { damagedPages += 1 }
        if isZero { zeroPages += 1 }
    }

    /// Calls `body` with the possible tuples of a page whose header cannot be trusted.
    private mutating func visitDamaged(
        _ block: UInt32, _ body: (borrowing RowVersion) throws(StorageError) -> Void
    ) throws(StorageError) {
        let memory = PageSlots(slots: 1, pages: 1)
        let pages = memory.addresses(0, 1)
        do throws(StorageError) {
            try relation.storage.read(.main, block: BlockNumber(block), into: pages.span)
        } catch {
            return
        }
        // The memory is this call's own.
        let page = unsafe PageView(unsafePage: UnsafeRawPointer(memory.address(0, 0).pointer))
        for number in DamagedPage.linePointerNumbers(of: page) {
            guard let bytes = DamagedPage.item(number, of: page),
                let tuple = try? HeapTupleView(bytes, number: number)
            else { continue }
            let state = try visibility.state(tuple.header, assuming: true)
            if state == .visible || includesDead { try body(RowVersion(tuple, block, state)) }
        }
    }

    private enum RowFailure: Error {
        case storage(StorageError)
        case format(PageFormatError)
    }

    /// Makes an error about a row of the table.
    package func damaged(_ block: UInt32, _ reason: String) -> StorageError {
        StorageError(
            .damagedRow, "block \(block) of \"\(storage.path(place))\" is damaged: \(reason)",
            remedy: "Restore the file from a backup.",
            at: StorageError.Location(block: block, path: storage.path(place)))
    }
}

/// A copy of one page. Belongs to one thread.
@safe
private final class PageCopy {
    /// 8192 bytes, which only this object reads and writes.
    private let memory: UnsafeMutableRawPointer

    init() {
        unsafe memory = .allocate(byteCount: blockSize, alignment: PageLayout.maximumAlignment)
    }

    deinit { unsafe memory.deallocate() }

    func take(_ page: borrowing PinnedPage) {
        page.withView { view in
            unsafe view.bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                unsafe memory.copyMemory(from: start, byteCount: min(bytes.count, blockSize))
            }
        }
    }

    func withView<Failure>(_ body: (PageView) throws(Failure) -> Void) throws(Failure) {
        // The memory lives and stays unchanged until the body returns, as the object does.
        try unsafe body(PageView(unsafePage: UnsafeRawPointer(memory)))
    }
}

extension DataDirectory {
    /// How many blocks a relation's main fork has now.
    package func blockCount(_ place: RelationPlace) throws(StorageError) -> UInt32 {
        let relation = try open(place)
        return try explaining(place) { () throws(StorageError) in
            try relation.storage.blockCount(.main)
        }
    }

    /// Runs `body` on a relation and puts the true path into its errors.
    package func explaining<Result>(
        _ place: RelationPlace, _ body: () throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        do throws(StorageError) { return try body() } catch { throw explained(error, place) }
    }
}
