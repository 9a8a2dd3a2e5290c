internal import FileAccess

/// The store's own small files, read and replaced as wholes.
///
/// They go through the page cache even where data files do not. Blocking; any thread, but one
/// replacement of a file at a time.
struct StoreFiles: Sendable {
    let files: FileAccess

    /// What a file is written as before it takes its place.
    static let temporarySuffix = ".new"

    /// A file's bytes; nil where there is none.
    ///
    /// - Parameter damage: words why it can be no file of a store.
    /// - Throws: what opening and reading throws, or what `damage` made.
    func read(_ path: String, damage: (String) -> StorageError) throws(StorageError) -> [UInt8]? {
        guard let kind = try files.kind(of: path) else { return nil }
        guard kind == .file else {
            throw damage(kind == .directory ? "it is a directory" : "it is not a file")
        }
        let file = try files.open(path, [.readOnly, .buffered])
        let size = try file.size()
        guard size <= SealedFile.maximumSize else {
            throw damage("it has \(size) bytes, more than any store's")
        }
        var bytes = [UInt8](repeating: 0, count: Int(size))
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let count = try file.readFully(into: &raw, at: 0)
        if count < bytes.count { bytes.removeLast(bytes.count - count) }
        return bytes
    }

    /// Replaces a file, or creates it, so that a crash leaves the old or the new content, and
    /// returns when the new one is durable.
    ///
    /// - Throws: `fileSyncFailed` when it cannot be said which of the two a crash would leave;
    ///   otherwise the old content stands.
    func replace(_ path: String, with bytes: [UInt8], session: Session) throws(StorageError) {
        let temporary = path + Self.temporarySuffix
        do throws(StorageError) {
            // Made anew, so that nothing is written through a link that somebody left there.
            try files.remove(temporary, ifExists: true)
            let file = try files.open(temporary, [.exclusive, .buffered])
            defer { file.close(session) }
            var done = 0
            while done < bytes.count {
                let rest = unsafe bytes.span.extracting(done..<bytes.count).bytes
                let written = try file.write(rest, at: Int64(done))
                guard written > 0 else {
                    throw StorageError(
                        .fileWriteFailed, "file \"\(temporary)\" takes no more bytes",
                        remedy: StorageError.shortWriteRemedy,
                        at: StorageError.Location(path: temporary))
                }
                done += written
            }
        } catch {
            // The error that led here says more than that this failed too.
            do { try files.remove(temporary, ifExists: true) } catch {}
            throw error
        }
        try files.rename(temporary, to: path)
    }
}
