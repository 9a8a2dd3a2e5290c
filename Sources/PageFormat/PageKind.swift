/// The layout of a relation's pages: what of a page belongs to Strata, and what Strata checks of
/// it.
public enum PageKind: UInt8, Sendable, Hashable, CaseIterable {
    /// PostgreSQL's pages: a header of 24 bytes with log position, checksum and bounds. Rows and
    /// loads of rows need this kind.
    case postgres = 0
    /// Pages with a seal of 16 bytes before the author's contents (``SealedPage``): a log position,
    /// and a CRC-32C of the page and its place.
    case sealed = 1
    /// Pages that belong to the author entirely. Nothing of them is checked; pages torn by a power
    /// failure are still repaired from the journal.
    case raw = 2

    /// The kind's name: `postgres`, `sealed` or `raw`.
    public var name: String { "\(self)" }

    /// The bytes at a page's beginning that are not for the author's contents: 24, 16 or 0.
    public var headerSize: Int {
        switch self {
        case .postgres: PageLayout.headerSize
        case .sealed: SealedPage.headerSize
        case .raw: 0
        }
    }

    /// Whether a page has its log position in its first eight bytes. That of a raw page is kept
    /// with its buffer, as long as it has one.
    public var keepsLogPosition: Bool { self != .raw }
}

/// Where a page belongs. A sealed page is valid in one place only.
public struct PagePlace: Hashable, Sendable, BitwiseCopyable {
    /// The database's number.
    public let database: UInt32
    /// The relation's file number.
    public let relation: UInt32
    /// The session's number plus one for a session-local relation, else zero.
    public let localSession: UInt32
    /// The fork's number.
    public let fork: UInt32
    /// The block, counted from the beginning of the fork.
    public let block: UInt32

    /// Names a place.
    public init(
        database: UInt32, relation: UInt32, localSession: UInt32 = 0, fork: UInt32, block: UInt32
    ) {
        self.database = database
        self.relation = relation
        self.localSession = localSession
        self.fork = fork
        self.block = block
    }
}

extension PageKind {
    /// Checks whether a page read from `place` is what was once written there. Neither allocates
    /// nor blocks. Any thread may call it while others read the page.
    ///
    /// - Parameters:
    ///   - page: the page as it was read.
    ///   - place: where it was read.
    ///   - checksums: whether pages of the kind `postgres` have checksums in this store. Sealed
    ///     pages always have their CRC.
    public func verify(_ page: PageView, at place: PagePlace, checksums: Bool) -> PageVerification {
        switch self {
        case .postgres: page.verify(block: place.block, checksums: checksums)
        case .sealed: SealedPage.verify(page, at: place)
        case .raw: page.isAllZero ? .new : .valid
        }
    }

    /// Why a page in memory would be refused once it is read back; nil if it would not. Takes
    /// constant time, except for new pages.
    public func refusal(of page: PageView) -> PageVerification.Reason? {
        switch self {
        case .postgres:
            // Its checksum is not made yet.
            if case .invalid(let reason) = page.verify(computed: nil) { reason } else { nil }
        case .sealed: SealedPage.isSealFree(page) ? nil : .contentsInSeal
        case .raw: nil
        }
    }

    /// Whether a page was never written to, which costs one load for most pages.
    public func isNew(_ page: PageView) -> Bool {
        self == .postgres ? page.isNew : page.isAllZero
    }
}

extension PageEditor {
    /// Completes the copy of a page that is about to be written: sets the checksum or the seal.
    /// Nothing may change the bytes between this call and the write.
    ///
    /// - Parameters:
    ///   - kind: the relation's kind of pages.
    ///   - place: where the page is written.
    ///   - checksums: whether pages of the kind `postgres` have checksums in this store.
    public mutating func complete(_ kind: PageKind, at place: PagePlace, checksums: Bool) {
        switch kind {
        case .postgres: if checksums { setChecksum(block: place.block) }
        case .sealed: SealedPage.seal(&self, at: place)
        case .raw: break
        }
    }
}
