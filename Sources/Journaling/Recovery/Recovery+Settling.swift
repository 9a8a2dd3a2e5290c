internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import StoreFormat

/// What a process that has died may have left in the kernel's cache.
extension Recovery {
    /// Makes it durable: the files of all relations and of the journal, and their names.
    ///
    /// If the last process that used the store died, its writes and names appear like any others,
    /// but a power cut could still remove them, under a catalog or checkpoint that was built upon
    /// them. After a clean shutdown this cannot happen. Mirrors PostgreSQL's `SyncDataDirectory`.
    /// Clean files take little time.
    ///
    /// - Throws: a failed sync, which is final. A file that cannot be opened refuses its relation.
    mutating func settleCache(_ catalog: Catalog, _ present: PresentFiles) throws(StorageError) {
        var locators = catalog.relations.values.map(\.locator)
        locators += catalog.remains.keys
        let plugged = pluggedNumbers(catalog)
        var files: [(locator: RelationLocator, path: String)] = []
        for locator in Set(locators).sorted(by: { $0.number < $1.number }) {
            let number = locator.number
            var paths = present.byNumber[number] ?? []
            if plugged.contains(number) {
                paths += present.othersByNumber[number] ?? []
                paths += present.displacedByNumber[number] ?? []
            }
            files += paths.map { (locator, $0) }
        }
        var directories: [String] = []
        for directory in StoreDirectory.relationDirectories
        where try store.files.exists(directory) {
            directories.append(directory)
        }
        let areTogether = store.files.syncTogether(files.count, in: directories)
        for (locator, path) in files {
            let isDone = try apart(locator) { (recovery) throws(StorageError) in
                try recovery.settle(path, isCovered: areTogether)
            }
            if !isDone { outcome.isSettled = false }
        }
        // Copies that will be written in place must be durable in case that is interrupted.
        for path in JournalFormat.allNames { try settle(path) }
        for directory in StoreDirectory.relationDirectories + ["base", "."] {
            try store.files.syncDirectory(directory)
        }
    }

    private mutating func settle(_ path: String, isCovered: Bool = false) throws(StorageError) {
        if isCovered {
            if try store.files.syncAfterTogether(path) { report.syncedFiles += 1 }
            return
        }
        guard try store.files.kind(of: path) == .file else { return }
        try sync(path)
        report.syncedFiles += 1
    }

    /// Makes a file durable.
    func sync(_ path: String) throws(StorageError) {
        let file = try store.files.open(path, [.readOnly, .buffered])
        defer { file.close(session) }
        try file.sync()
    }
}
