package import AsyncIO
package import FileAccess
internal import PageFormat
package import StorageManager
package import StoreFormat
internal import Threads

/// Puts the journal's pages in place that a crash has left torn, or not written at all.
///
/// Runs before other code reads pages. It may be interrupted anywhere and run again: the journal
/// stays until everything in it is durable in place.
///
/// A copy is released if its page is durable in place, or can never be needed again: its relation
/// was dropped, or its block lies beyond what the catalog counts. All other copies are kept in a
/// file of their own (``JournalFormat/keptName``), and their relation is refused as long as the
/// store is open, so that the copies stay the newest state of their pages. That concerns relations
/// whose files cannot be read or written, or are shorter than the catalog says, or whose storage
/// manager is missing. It also concerns files of no relation, which a restored catalog may know
/// again.
package struct JournalReplay {
    private let files: FileAccess
    private let managers: StorageManagerRegistry
    private let session: Session
    private let control: StoreControl
    /// Whether to write pages that are already in place.
    private let writesAll: Bool
    /// Whether the catalog is an older one that was put back.
    private let isOutdated: Bool

    /// What the journal held, and the outcome.
    package private(set) var found = JournalReport()
    /// Relations that must not be used, and why.
    package private(set) var refusals: [RelationLocator: StorageError]
    /// Copies that could not be put in place.
    private var kept: [(page: PageKey, copy: JournalScan.Copy)] = []

    private let place = PageSlots(slots: 1, pages: 1)
    private let copy = PageSlots(slots: 1, pages: 1)

    /// An existing journal file.
    fileprivate struct Opened {
        let file: VirtualFile
        let path: String
        /// Its index in ``JournalFormat/allNames``.
        let number: Int
        /// Nil if it was never used.
        let round: UInt64?
    }

    package init(
        files: FileAccess, managers: StorageManagerRegistry, session: Session,
        control: StoreControl, refusals: [RelationLocator: StorageError], writesAll: Bool,
        isOutdated: Bool
    ) {
        self.files = files
        self.managers = managers
        self.session = session
        self.control = control
        self.refusals = refusals
        self.writesAll = writesAll
        self.isOutdated = isOutdated
    }

    /// - Parameter beforeKeeping: called before copies are written to a file of their own.
    /// - Throws: `journalDamaged`, `storeTooNew`, or what reading and writing throw; the journal
    ///   stays then.
    package mutating func run(
        _ catalog: Catalog, _ present: PresentFiles,
        beforeKeeping: () throws(StorageError) -> Void
    ) throws(StorageError) {
        var hasFiles = false
        for path in JournalFormat.allNames where try files.kind(of: path) != nil { hasFiles = true }
        if !hasFiles { return }
        let relations = Dictionary(
            uniqueKeysWithValues: catalog.relations.values.map { ($0.locator, $0) })
        let isOutdated = isOutdated
        var scan = JournalScan(store: control.identifier) { locator, replacement in
            // A later catalog may count it, and an older one counts no rows.
            isOutdated || replacement <= relations[locator]?.fillCount ?? .max
        }
        let opened = try open(scan)
        defer { for one in opened { one.file.close(session) } }
        if opened.isEmpty { return }
        for one in opened {
            if let round = one.round { try scan.add(one.file, number: one.number, round: round) }
        }
        found.batches = scan.batches
        found.damagedBatches = scan.damagedBatches
        let byNumber = Dictionary(uniqueKeysWithValues: opened.map { ($0.number, $0.file) })
        for (key, copies) in scan.copies.sorted(by: { Self.order($0.key) < Self.order($1.key) }) {
            found.pages += copies.count
            guard let description = relations[key.locator] else {
                // File numbers are given out once, so the relation was dropped, unless the catalog
                // is an older one.
                let isStrange =
                    catalog.remains[key.locator] == nil
                    && (isOutdated || present.mayHaveFiles(key.locator.number))
                if isStrange { keep(key, copies) } else { found.skipped += copies.count }
                continue
            }
            try replay(key, copies, byNumber, scan, description, catalog)
        }
        try managers.syncPending(session)
        if !kept.isEmpty { try beforeKeeping() }
        try release(opened, byNumber, scan)
    }

    /// Opens the existing files in the order of their age. Of two copies the newer one counts.
    private func open(_ scan: JournalScan) throws(StorageError) -> [Opened] {
        var opened: [Opened] = []
        for (number, path) in JournalFormat.allNames.enumerated() {
            guard let kind = try files.kind(of: path) else { continue }
            guard kind == .file else { throw JournalScan.damaged(path, "it is not a file") }
            let file = try files.open(path, [.readOnly, .buffered])
            opened.append(
                Opened(file: file, path: path, number: number, round: try scan.round(of: file)))
        }
        return opened.sorted { ($0.age, $0.number) < ($1.age, $1.number) }
    }

    private static func order(_ key: JournalScan.Key) -> (UInt32, UInt32, UInt8) {
        (key.locator.database, key.locator.number, key.fork.rawValue)
    }

    // MARK: One fork

    private mutating func replay(
        _ key: JournalScan.Key, _ all: [UInt32: JournalScan.Copy], _ files: [Int: VirtualFile],
        _ scan: JournalScan, _ description: RelationDescription, _ catalog: Catalog
    ) throws(StorageError) {
        guard let manager = managers.manager(named: description.managerName),
            refusals[key.locator] == nil
        else { return keep(key, all) }
        var copies = all
        var rest: [UInt32: JournalScan.Copy] = [:]
        if manager.manager.capabilities.isVolatile {
            found.skipped += copies.count
            return
        }
        let before = found
        do throws(StorageError) {
            let relation = try managers.open(
                key.locator, managedBy: manager.id, pageKind: description.pageKind)
            defer { managers.close(relation, session: session) }
            var end =
                try relation.storage.exists(key.fork) ? relation.storage.blockCount(key.fork) : 0
            if let lost = lost(copies, end, key.fork, description) {
                throw .shortRelation(description, key.fork, blocks: end, lost)
            }
            switch catalog.remains[key.locator]?.kind {
            // The rest will be cut off.
            case .blocks(let first) where key.fork == .main: end = min(end, first)
            // A later catalog may count the rest. It stays as it is, with its copies.
            case .uncounted(let first) where key.fork == .main:
                rest = all.filter { $0.key >= first }
                copies = all.filter { $0.key < first }
            default: break
            }
            for (block, copy) in copies.sorted(by: { $0.key < $1.key }) {
                try replay(BlockNumber(block), copy, end, key.fork, relation, files, scan)
            }
            if !rest.isEmpty { keep(key, rest) }
        } catch {
            guard error.concernsOneRelation else { throw error }
            refusals[key.locator] = error
            found = before
            keep(key, all)
        }
    }

    /// The first block that the catalog counts and that has a copy, but that the file is too short
    /// for.
    private func lost(
        _ copies: [UInt32: JournalScan.Copy], _ end: UInt32, _ fork: Fork,
        _ description: RelationDescription
    ) -> UInt32? {
        let count = description.blockCount(of: fork) ?? 0
        return copies.keys.filter { $0 >= end && $0 < count }.min()
    }

    private mutating func keep(_ key: JournalScan.Key, _ copies: [UInt32: JournalScan.Copy]) {
        found.kept += copies.count
        for (block, copy) in copies.sorted(by: { $0.key < $1.key }) {
            kept.append((PageKey(locator: key.locator, fork: key.fork, block: block), copy))
        }
    }

    private mutating func replay(
        _ block: BlockNumber, _ copy: JournalScan.Copy, _ end: UInt32, _ fork: Fork,
        _ relation: OpenRelation, _ files: [Int: VirtualFile], _ scan: JournalScan
    ) throws(StorageError) {
        guard block.rawValue < end, let file = files[copy.file] else {
            found.skipped += 1
            return
        }
        guard
            try scan.read(
                file, at: copy.offset, checksum: copy.checksum, into: self.copy.address(0, 0))
        else {
            found.damagedCopies += 1
            return
        }
        try restore(block, fork, relation)
    }

    /// Writes the page in ``copy`` in place, and counts it if another one is there.
    private mutating func restore(_ block: BlockNumber, _ fork: Fork, _ relation: OpenRelation)
        throws(StorageError)
    {
        let there = place.address(0, 0)
        var pages: InlineArray<1, PageAddress> = [there]
        var isReadable = true
        do throws(StorageError) {
            try relation.storage.read(fork, block: block, into: pages.span)
        } catch {
            isReadable = false
        }
        let source = copy.address(0, 0)
        let (isSame, isSound) = withExtendedLifetime((place, copy)) {
            // This value alone has both memories, and no IO on them is in flight.
            unsafe (
                memcmp(there.pointer, source.pointer, blockSize) == 0,
                relation.pageKind(of: fork).verify(
                    PageView(unsafePage: UnsafeRawPointer(there.pointer)),
                    at: relation.locator.place(fork, block), checksums: control.hasPageChecksums)
            )
        }
        if isReadable && isSame {
            // It is written even if equal: after a failed sync, the kernel may show what the disk
            // does not have, and consider it clean.
            if !writesAll { return }
        } else if !isReadable {
            found.torn += 1
        } else if case .invalid = isSound {
            found.torn += 1
        } else {
            found.outdated += 1
        }
        pages = [source]
        try relation.storage.write(fork, block: block, from: pages.span, sync: .register)
    }

    // MARK: The files

    /// Removes the files, the oldest copies first, once their contents are durable in place or
    /// kept.
    private mutating func release(
        _ opened: [Opened], _ byNumber: [Int: VirtualFile], _ scan: JournalScan
    ) throws(StorageError) {
        let keptNumber = 0
        let old = scan.copies.values.reduce(0) { sum, copies in
            sum + copies.values.count { $0.file == keptNumber }
        }
        let staysAsItIs =
            !kept.isEmpty && kept.count == old
            && kept.allSatisfy { $0.copy.file == keptNumber }
        var writer: KeptCopies?
        if !kept.isEmpty && !staysAsItIs {
            let new = try KeptCopies(files: files, store: control.identifier)
            found.damagedCopies += try new.write(kept, from: byNumber, scan, session)
            writer = new
        }
        for one in opened { one.file.close(session) }
        try writer?.publish()
        for one in opened where one.number != keptNumber || kept.isEmpty {
            try files.remove(one.path, ifExists: true)
            try files.syncDirectory(".")
        }
    }
}

extension JournalReplay.Opened {
    /// Kept copies are older than all others.
    fileprivate var age: UInt64 { number == 0 ? 0 : round ?? 0 }
}
