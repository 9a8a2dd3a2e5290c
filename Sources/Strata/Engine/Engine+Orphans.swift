internal import FileAccess
internal import Logging
internal import Threads

/// Files that belong to no relation.
extension Engine {
    /// The regular files in the store's directories that have a relation's name but belong neither
    /// to a relation nor to an unfinished change, and segment files behind the reachable end of a
    /// relation, unless a later catalog may have counted them (``acceptCatalog(session:)``). The
    /// paths are relative to the store's directory, and sorted.
    ///
    /// Files of relations local to a session are listed only if they were there when the store was
    /// opened, and if no such relation is open: later files are in use.
    ///
    /// Lists the directories: time grows with the files in the store. Any thread.
    ///
    /// - Throws: what listing throws, `closed`.
    public func orphans() throws(StorageError) -> [String] {
        // Later files have numbers that the catalog then knows.
        let present = try PresentFiles(files)
        let ended = present.sessionLocal.filter { path, locator in
            outcome.endedSessionFiles.contains(path) && !managers.isOpen(locator)
        }.keys
        let found = try state.withLock { state throws(StorageError) in
            if state.isClosed {
                throw StorageError(.closed, "store \"\(directory)\" has been closed")
            }
            var severed = state.severed
            if !severed.isEmpty {
                let known = Set(state.catalog.relations.values.map(\.locator))
                // What a later catalog may have counted stays until it is given up.
                severed = severed.filter { locator, _ in
                    known.contains(locator) && !state.catalog.isUncounted(locator)
                }
            }
            return
                (present.orphans(
                    present.strangeNumbers(state.catalog), plugged: state.catalog.pluggedNumbers,
                    sessionLocal: ended)
                + severed.values.joined())
                .sorted()
        }
        var regular: [String] = []
        for path in found where try files.linkStatus(of: path)?.kind == .file {
            regular.append(path)
        }
        return regular
    }

    /// Removes the files that ``orphans()`` lists, durably, and logs each. Opening a store never
    /// does so: a newer catalog may know them as relations. Anything that is not a regular file
    /// stays.
    ///
    /// - Parameters:
    ///   - session: the calling thread's.
    ///   - observer: receives each file that should be removed, with the error if that failed. The
    ///     removal of the others is durable once the call returns.
    /// - Returns: the paths of the removed files.
    /// - Throws: `storeReadOnly`, `storeFailed`, `closed`; once all were tried, the first error of
    ///   removing a file.
    @discardableResult
    public func removeOrphans(
        session: Session,
        observer: (_ path: String, _ failure: StorageError?) -> Void = { _, _ in }
    ) throws(StorageError) -> [String] {
        try checkUsable(session)
        session.submitStaged()
        // No relation may grow into a file that is listed here.
        return try settling.withLock { _ throws(StorageError) in
            try checkOwnership()
            var removed: [String] = []
            var failure: StorageError?
            for path in try orphans() {
                do throws(StorageError) {
                    guard try files.remove(path, ifExists: true) else { continue }
                    removed.append(path)
                    observer(path, nil)
                    logger.notice(
                        "store \"\(directory)\": removed \"\(path)\", which no relation has")
                } catch {
                    observer(path, error)
                    failure = failure ?? error
                }
            }
            if removed.isEmpty && failure == nil { return [] }
            for directory in StoreDirectory.relationDirectories {
                try files.syncDirectory(directory)
            }
            let gone = Set(removed)
            state.withLock { state in
                state.severed = state.severed.mapValues { $0.filter { !gone.contains($0) } }
            }
            if let failure { throw failure }
            return removed
        }
    }
}
