internal import FileAccess
internal import Logging
internal import Threads

/// Files that no relation has.
extension Engine {
    /// The files in the store's directories that are named as relations' are and that no relation
    /// has, nor an unfinished change has left; and segment files behind the reachable end of a
    /// relation. The paths are relative to the store's directory and in order.
    ///
    /// Files of relations local to a session are named only if they were there when the store was
    /// opened, and if no such relation is open: what came later is in use.
    ///
    /// Lists the directories: time grows with the files in the store. Any thread.
    ///
    /// - Throws: what listing throws, `closed`.
    public func orphans() throws(StorageError) -> [String] {
        // Files that come after this are of numbers that the catalog then knows.
        let present = try PresentFiles(files)
        let ended = present.sessionLocal.filter { path, locator in
            outcome.endedSessionFiles.contains(path) && !managers.isOpen(locator)
        }.keys
        return try state.withLock { state throws(StorageError) in
            if state.isClosed {
                throw StorageError(.closed, "store \"\(directory)\" has been closed")
            }
            var severed = state.severed
            for locator in severed.keys where state.catalog.relation(at: locator) == nil {
                severed[locator] = nil
            }
            return (present.orphans(state.catalog, sessionLocal: ended) + severed.values.joined())
                .sorted()
        }
    }

    /// Removes the files that ``orphans()`` names, durably, and logs each. Opening a store never
    /// does: they may be relations that a newer catalog knows. What stands there and is no file
    /// stays.
    ///
    /// - Parameter observer: is told of each file that was to be removed, with the error where
    ///   that failed. What is told to be removed is so durably once the call returns.
    /// - Returns: the paths of those that were removed.
    /// - Throws: `storeReadOnly`, `storeFailed`, `closed`; what removing a file throws, once all
    ///   were tried, the first such error.
    @discardableResult
    public func removeOrphans(
        session: Session,
        observer: (_ path: String, _ failure: StorageError?) -> Void = { _, _ in }
    ) throws(StorageError) -> [String] {
        try checkUsable(session)
        session.submitStaged()
        // So that no relation grows into a file that is listed here.
        return try settling.withLock { _ throws(StorageError) in
            try checkOwnership()
            var removed: [String] = []
            var failure: StorageError?
            for path in try orphans() {
                do throws(StorageError) {
                    guard try files.status(of: path)?.kind != .directory,
                        try files.remove(path, ifExists: true)
                    else { continue }
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
