internal import FileAccess

/// Puts the pages of a journal in place that a crash has left torn there, or not written at all.
///
/// Runs before anything else looks at pages. May be cut short anywhere and run again: the journal
/// stays until all that it holds is durable in place.
struct JournalReplay {
    let files: FileAccess
    let managers: StorageManagerRegistry
    let session: Session
    let control: StoreControl

    /// What the journal held and what became of it.
    private(set) var found = RecoveryReport.Journal()

    private let place = VerificationMemory(slots: 1, pages: 1)
    private let copy = VerificationMemory(slots: 1, pages: 1)

    init(
        files: FileAccess, managers: StorageManagerRegistry, session: Session,
        control: StoreControl
    ) {
        self.files = files
        self.managers = managers
        self.session = session
        self.control = control
    }

    /// - Throws: `journalDamaged`, `storeTooNew`, or what reading and writing throw; the journal
    ///   stays then.
    mutating func run(_ catalog: Catalog) throws(StorageError) {
        var opened: [(file: VirtualFile, number: Int, round: UInt64?)] = []
        defer { for (file, _, _) in opened { file.close(session) } }
        var scan = JournalScan(store: control.identifier)
        for (number, path) in JournalFormat.fileNames.enumerated() {
            guard try files.kind(of: path) == .file else { continue }
            let file = try files.open(path, [.readOnly, .buffered])
            opened.append((file, number, nil))
            opened[opened.count - 1].round = try scan.round(of: file)
        }
        if opened.isEmpty { return }
        // The older round first, both here and where they are removed: of two copies the newer one
        // counts, and must not go before the other.
        opened.sort { ($0.round ?? 0, $0.number) < ($1.round ?? 0, $1.number) }
        for (file, number, round) in opened {
            if let round { try scan.add(file, number: number, round: round) }
        }
        found.batches = scan.batches
        found.damagedBatches = scan.damagedBatches
        let byNumber = Dictionary(uniqueKeysWithValues: opened.map { ($0.number, $0.file) })
        for (key, copies) in scan.copies.sorted(by: { Self.order($0.key) < Self.order($1.key) }) {
            try replay(key, copies, byNumber, scan, catalog)
        }
        try managers.syncPending(session)
        for (_, number, _) in opened {
            try files.remove(JournalFormat.fileNames[number], ifExists: true)
            try files.syncDirectory(".")
        }
    }

    private static func order(_ key: JournalScan.Key) -> (UInt32, UInt32, UInt8) {
        (key.locator.database, key.locator.number, key.fork.rawValue)
    }

    /// Compares a fork's pages with their copies and writes the copies in place.
    private mutating func replay(
        _ key: JournalScan.Key, _ copies: [UInt32: JournalScan.Copy], _ files: [Int: VirtualFile],
        _ scan: JournalScan, _ catalog: Catalog
    ) throws(StorageError) {
        found.pages += copies.count
        // Numbers are given out once: what the catalog has under it now is what it was then.
        guard let description = catalog.relation(at: key.locator),
            let manager = managers.manager(named: description.managerName),
            !manager.manager.capabilities.isVolatile
        else {
            found.skipped += copies.count
            return
        }
        let relation = try managers.open(key.locator, managedBy: manager.id)
        defer { managers.close(relation, session: session) }
        var end = try relation.storage.exists(key.fork) ? relation.storage.blockCount(key.fork) : 0
        if key.fork == .main, case .blocks(let first) = catalog.remains[key.locator]?.kind {
            // The rest will be cut off.
            end = min(end, first)
        }
        for (block, copy) in copies.sorted(by: { $0.key < $1.key }) {
            guard block < end, let file = files[copy.file] else {
                found.skipped += 1
                continue
            }
            guard
                try scan.read(
                    file, at: copy.offset, checksum: copy.checksum, into: self.copy.address(0, 0))
            else {
                found.damagedCopies += 1
                continue
            }
            try restore(BlockNumber(block), key.fork, relation)
        }
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
            // Both memories are this value's alone, and no IO on them is under way.
            unsafe (
                there.bytes.elementsEqual(source.bytes),
                PageView(unsafePage: UnsafeRawPointer(there.pointer)).verify(
                    block: block.rawValue, checksums: control.hasPageChecksums)
            )
        }
        if isReadable && isSame {
            // It is written all the same: after a sync that failed, the kernel may show what the
            // disk does not have, and take it for clean.
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
}
