package import AsyncIO
package import FileAccess
internal import Threads

/// An engine's right to use its store: the lock, as long as the store is open, and whether the
/// store is still the one that was locked. Any thread.
package final class StoreClaim: Sendable {
    private let files: FileAccess
    /// Nil if the store is simulated or opened without a lock.
    private let lock: Lock<StoreLock?>

    package init(_ files: FileAccess, _ lock: consuming StoreLock?) {
        self.files = files
        self.lock = Lock(lock, rank: .storeLock)
    }

    /// Keeps the lock for as long as the store is open.
    package func keep(_ lock: consuming StoreLock?) {
        var lock = consume lock
        self.lock.withLock { $0 = lock.take() }
    }

    /// Releases the lock.
    package func release() { lock.withLock { $0 = nil } }

    /// Whether the lock's names still refer to what is locked, and the catalog on disk is the one
    /// that was read or written last.
    ///
    /// - Throws: what reading the files' status throws.
    package func holds(_ catalog: (identifier: UInt64, generation: UInt64)) throws(StorageError)
        -> Bool
    {
        let root = try files.status(of: ".")
        guard lock.withLock({ $0?.isIntact(root: root) ?? true }) else { return false }
        return try isOnDisk(catalog)
    }

    /// Whether the catalog on disk has this generation. A damaged one belongs to no engine; the
    /// intact one in memory replaces it.
    private func isOnDisk(_ catalog: (identifier: UInt64, generation: UInt64))
        throws(StorageError) -> Bool
    {
        let count = SealedFile.headerSize + Catalog.headSize
        let bytes: [UInt8]
        do throws(StorageError) {
            let file = try files.open(Catalog.fileName, [.readOnly, .buffered])
            bytes = try StoreFiles.read(file, at: 0, count: count)
            let size = try file.size()
            if bytes.count == count {
                do throws(SealedFile.Failure) {
                    try Catalog.file.checkLength(size, of: bytes)
                } catch {
                    if case .newer = error { return false }
                    return true
                }
            }
        } catch {
            if error.isMissingFile { return false }
            throw error
        }
        return bytes.count < count || Catalog.head(bytes) == catalog
    }
}
