internal import FileAccess
internal import Logging
internal import SystemPackage
internal import Threads

/// Whether this engine still owns the store.
extension Engine {
    /// Throws unless this engine still owns the store. Called before something is published.
    ///
    /// The lock excludes other engines unless its file or the directory is replaced. So the names
    /// must still refer to what is locked, and the catalog must be the one that this engine read or
    /// wrote last. Of two engines the slower one notices, and publishes nothing.
    ///
    /// Takes ``changes``: between the replacement of the catalog's file and the moment when the new
    /// one takes effect, the file would look like another engine's. Callers must have submitted
    /// what their session has staged.
    ///
    /// - Throws: `storeFailed`, which is final, also after a failed sync; what reading the files'
    ///   status throws.
    func checkOwnership() throws(StorageError) {
        try changes.withLock { _ throws(StorageError) in try checkOwnershipWhileChanging() }
    }

    /// Does the same for callers that hold ``changes``.
    func checkOwnershipWhileChanging() throws(StorageError) {
        // The sync that failed may be that of the catalog, which then differs from the file.
        try checkWritable()
        let catalog = state.withLock { ($0.catalog.identifier, $0.catalog.generation) }
        guard try claim.holds(catalog) else {
            let failure = StorageError.replaced(path)
            if buffers.refuseWrites(because: failure) {
                managers.allowBackgroundWork(false)
                logger.critical("\(failure)")
            }
            throw .failed(failure, directory)
        }
    }
}
