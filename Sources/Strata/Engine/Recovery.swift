internal import FileAccess

/// Makes a store whole that was not closed: done while it is opened, before anyone can use it.
///
/// May be cut short at any point and run again: what is to be undone stays recorded in the catalog
/// until its undoing is durable.
struct Recovery {
    let store: StoreFiles
    let managers: StorageManagerRegistry
    let session: Session
    let control: StoreControl
    var report = RecoveryReport()

    init(
        store: StoreFiles, control: StoreControl, managers: StorageManagerRegistry,
        session: Session
    ) {
        self.store = store
        self.control = control
        self.managers = managers
        self.session = session
    }

    mutating func run(_ catalog: inout Catalog) throws(StorageError) {
        try settleCache()
        try replayJournal(catalog)
        for (locator, entry) in catalog.remains.sorted(by: { $0.key.number < $1.key.number }) {
            guard let manager = managers.manager(named: entry.managerName) else { continue }
            switch entry.kind {
            case .files:
                try remove(locator, manager)
            case .blocks(let first):
                try cut(locator, to: first, manager.id, catalog)
            }
        }
        dropVolatile(&catalog)
        for directory in StoreDirectory.relationDirectories {
            try removeOrphans(in: directory, &catalog)
        }
        try removeSevered(in: "base/\(Catalog.database)", catalog)
        for name in [Catalog.fileName, StoreControl.fileName] {
            // Never looked at again, so it does not matter when its removal becomes durable.
            try store.files.remove(name + StoreFiles.temporarySuffix, ifExists: true)
        }
        let changed = !report.actions.isEmpty || !catalog.remains.isEmpty
        guard changed, !store.files.isReadOnly else { return }
        try managers.syncPending(session)
        for directory in StoreDirectory.relationDirectories {
            try store.files.syncDirectory(directory)
        }
        let hasDropped = report.actions.contains { if case .ended = $0 { true } else { false } }
        guard !catalog.remains.isEmpty || hasDropped else { return }
        catalog.remains = [:]
        catalog.generation &+= 1
        try store.replace(Catalog.fileName, with: catalog.encoded(), session: session)
    }

    /// Before anything else reads pages.
    private mutating func replayJournal(_ catalog: Catalog) throws(StorageError) {
        var replay = JournalReplay(
            files: store.files, managers: managers, session: session, control: control)
        try replay.run(catalog)
        if replay.found.pages > 0 || replay.found.damagedBatches > 0 {
            report.actions.append(.replayedJournal(replay.found))
        }
    }

    /// Makes durable what the process that had the store last may have left in the kernel's cache.
    ///
    /// If it died, its writes and names are found here like any others, and yet a power cut could
    /// take them away again: under a catalog, or behind a checkpoint, that was built upon them.
    /// Mirrors PostgreSQL's `SyncDataDirectory`; of files that are clean it takes little time.
    private func settleCache() throws(StorageError) {
        // Where nothing may be changed nothing is built upon it, either.
        if report.isNewStore || store.files.isReadOnly { return }
        for directory in StoreDirectory.relationDirectories {
            guard try store.files.kind(of: directory) == .directory else { continue }
            for name in try store.files.list(directory) {
                guard case .relation = RelationFileName(name) else { continue }
                let path = "\(directory)/\(name)"
                guard try store.files.kind(of: path) == .file else { continue }
                let file = try store.files.open(path, [.readOnly, .buffered])
                defer { file.close(session) }
                try file.sync()
            }
            try store.files.syncDirectory(directory)
        }
        // Copies that are to be written in place have to be there when that is cut short.
        for path in JournalFormat.fileNames where try store.files.kind(of: path) == .file {
            let file = try store.files.open(path, [.readOnly, .buffered])
            defer { file.close(session) }
            try file.sync()
        }
        for directory in ["base", "."] { try store.files.syncDirectory(directory) }
    }

    /// Relations that lived in the engine that had them are no more.
    private mutating func dropVolatile(_ catalog: inout Catalog) {
        for (name, relation) in catalog.relations.sorted(by: { $0.key < $1.key }) {
            guard let found = managers.manager(named: relation.managerName),
                found.manager.capabilities.isVolatile
            else { continue }
            catalog.relations[name] = nil
            report.actions.append(.ended(relation: name, manager: relation.managerName))
        }
    }

    private mutating func remove(
        _ locator: RelationLocator, _ manager: (id: StorageManagerID, manager: any StorageManager)
    ) throws(StorageError) {
        let relation = try managers.open(locator, managedBy: manager.id)
        var found = false
        for fork in Fork.allCases where try relation.storage.exists(fork) { found = true }
        try managers.unlink(relation, session: session)
        if found { report.actions.append(.removedFiles(locator)) }
    }

    private mutating func cut(
        _ locator: RelationLocator, to count: UInt32, _ manager: StorageManagerID,
        _ catalog: Catalog
    ) throws(StorageError) {
        let relation = try managers.open(locator, managedBy: manager)
        defer { managers.close(relation, session: session) }
        guard try relation.storage.exists(.main) else { return }
        let found = try relation.storage.blockCount(.main)
        // A trailing part of a block counts for nothing and must go all the same.
        try relation.storage.truncate(.main, to: count, session: session)
        guard found > count else { return }
        let name = catalog.relation(at: locator)?.name ?? locator.description
        report.actions.append(.truncated(relation: name, from: found, to: count))
    }

    /// Removes files of numbers that the catalog has given out and that no relation has. Those of
    /// other numbers are not this store's; their numbers are not given out.
    private mutating func removeOrphans(in directory: String, _ catalog: inout Catalog)
        throws(StorageError)
    {
        guard try store.files.kind(of: directory) == .directory else {
            throw StorageError(
                .notAStore, "directory \"\(directory)\" of the store is missing or not a directory",
                remedy: "Restore the store from a backup.",
                at: StorageError.Location(path: directory))
        }
        let isDatabase = directory != "global"
        let kept = Set(catalog.relations.values.map(\.locator.number))
        for name in try store.files.list(directory) {
            let path = "\(directory)/\(name)"
            switch RelationFileName(name) {
            case .sessionLocal:
                try store.files.remove(path, ifExists: true)
                report.actions.append(.removedFile(path: path))
            case .relation(let number):
                if isDatabase && kept.contains(number) { continue }
                if isDatabase && number >= Catalog.firstFileNumber
                    && number < catalog.nextFileNumber
                {
                    try store.files.remove(path, ifExists: true)
                    report.actions.append(.removedFile(path: path))
                } else {
                    report.actions.append(.leftAlone(path: path))
                    if isDatabase && number >= catalog.nextFileNumber && number < UInt32.max - 1 {
                        catalog.nextFileNumber = number + 1
                    }
                }
            case .other:
                report.actions.append(.leftAlone(path: path))
            }
        }
    }
}

/// What a name in a relation directory stands for.
enum RelationFileName: Equatable {
    /// A file of that relation: `16384`, `16384.1`, `16384_fsm`, `16384_anything.2`.
    case relation(UInt32)
    /// A file of a relation that only one session had: `t3_16384`.
    case sessionLocal
    /// Nothing of ours.
    case other

    init(_ name: String) {
        if name.hasPrefix("t"), let underscore = name.firstIndex(of: "_"),
            UInt32(name[name.index(after: name.startIndex)..<underscore]) != nil,
            case .relation = RelationFileName(String(name[name.index(after: underscore)...]))
        {
            self = .sessionLocal
            return
        }
        let digits = name.prefix { ("0"..."9").contains($0) }
        let next = name.dropFirst(digits.count).first
        guard let number = UInt32(digits), next == nil || next == "_" || next == "." else {
            self = .other
            return
        }
        self = .relation(number)
    }
}
