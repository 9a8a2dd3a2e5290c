package import AsyncIO
package import FileAccess
internal import StorageManager

/// The store's own small files, read and replaced as wholes.
///
/// They use the page cache even if data files do not. All calls block. Any thread may call them,
/// but only one at a time may replace a file.
package struct StoreFiles: Sendable {
    package let files: FileAccess

    package init(files: FileAccess) { self.files = files }

    /// The suffix of a new file before it replaces the old one.
    package static let temporarySuffix = ".new"

    /// The files of the page journal, one of which is appended to at a time.
    package static let journalNames = ["strata.journal.0", "strata.journal.1"]

    /// How much of a file is read before its stated length is trusted.
    private static let pieceLength = 1 << 20

    /// A file's bytes; nil if there is no such file.
    ///
    /// - Parameters:
    ///   - limit: the most bytes it can have.
    ///   - damage: words why it cannot be a file of a store.
    /// - Throws: what opening and reading throws, or what `damage` made.
    package func read(_ path: String, atMost limit: Int, damage: (String) -> StorageError)
        throws(StorageError) -> [UInt8]?
    {
        guard let file = try open(path, damage) else { return nil }
        let size = try file.size()
        guard size <= limit else { throw damage("it has \(size) bytes, more than is possible") }
        return try Self.read(file, at: 0, count: Int(size))
    }

    /// A sealed file's bytes; nil if there is no such file. Does not allocate memory for a length
    /// that only the file's size or its header claims: what exceeds one piece is read only if its
    /// checksum is right.
    ///
    /// - Parameters:
    ///   - kind: its frame. A file of another kind or a newer version may be returned in part,
    ///     which is enough to recognise it.
    ///   - limit: the most bytes it can have.
    ///   - damage: words what is wrong with it.
    /// - Throws: what opening and reading throws, or what `damage` made.
    package func read(
        _ path: String, _ kind: SealedFile, atMost limit: Int, damage: (String) -> StorageError
    ) throws(StorageError) -> [UInt8]? {
        guard let file = try open(path, damage) else { return nil }
        let size = try file.size()
        if size <= min(limit, Self.pieceLength) {
            return try Self.read(file, at: 0, count: Int(size))
        }
        let head = try Self.read(file, at: 0, count: SealedFile.headerSize)
        do throws(SealedFile.Failure) {
            try kind.checkLength(size, of: head)
        } catch {
            guard case .damaged(let reason) = error else { return head }
            throw damage(reason)
        }
        guard size <= limit else { throw damage("it has \(size) bytes, more than is possible") }
        var sum: UInt32 = 0
        var position = Int64(SealedFile.headerSize)
        while position < size - 4 {
            let count = Int(min(Int64(Self.pieceLength), size - 4 - position))
            let piece = try Self.read(file, at: position, count: count)
            guard piece.count == count else { throw damage("it became shorter") }
            sum = CRC32C.checksum(piece.span, seed: sum)
            position += Int64(count)
        }
        let tail = try Self.read(file, at: position, count: 4)
        let told = tail.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard tail.count == 4, told == sum else { throw damage("its checksum is wrong") }
        return try Self.read(file, at: 0, count: Int(size))
    }

    /// Reads the catalog.
    ///
    /// - Throws: `catalogDamaged`, `storeTooNew`, or what opening and reading throws.
    package func readCatalog(_ control: StoreControl) throws(StorageError) -> Catalog {
        let bytes = try read(
            Catalog.fileName, Catalog.file, atMost: SealedFile.maximumSize,
            damage: Catalog.damaged)
        guard let bytes else { throw Catalog.damaged("it is missing") }
        return try Catalog(bytes, control: control)
    }

    private func open(_ path: String, _ damage: (String) -> StorageError) throws(StorageError)
        -> VirtualFile?
    {
        guard let kind = try files.kind(of: path) else { return nil }
        guard kind == .file else {
            throw damage(kind == .directory ? "it is a directory" : "it is not a file")
        }
        return try files.open(path, [.readOnly, .buffered])
    }

    /// Reads `count` bytes, or fewer at the file's end.
    package static func read(_ file: VirtualFile, at offset: Int64, count: Int) throws(StorageError)
        -> [UInt8]
    {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let found = try file.readFully(into: &raw, at: offset)
        if found < count { bytes.removeLast(count - found) }
        return bytes
    }

    /// Replaces a file, or creates it. A crash leaves the old or the new content. Returns once the
    /// new content is durable.
    ///
    /// - Parameter kind: the frame that `bytes` have.
    /// - Throws: `fileSyncFailed` if it is unknown which content a crash would leave; after any
    ///   other error the old content stands.
    package func replace(
        _ path: String, _ kind: SealedFile, with bytes: [UInt8], session: Session
    ) throws(StorageError) {
        let temporary = try freeTemporary(of: path, kind)
        // A new file, so that nothing is written through a link in its place.
        let file = try files.open(temporary, [.exclusive, .buffered])
        do throws(StorageError) {
            defer { file.close(session) }
            try file.writeAll(bytes)
        } catch {
            // The original error matters more than this failure.
            do { try files.remove(temporary, ifExists: true) } catch {}
            throw error
        }
        try files.rename(temporary, to: path)
    }
}

extension VirtualFile {
    /// Writes all of `bytes` at the beginning, or throws.
    package func writeAll(_ bytes: [UInt8]) throws(StorageError) {
        var done = 0
        while done < bytes.count {
            let rest = unsafe bytes.span.extracting(done..<bytes.count).bytes
            let written = try write(rest, at: Int64(done))
            guard written > 0 else {
                throw StorageError(
                    .fileWriteFailed, "file \"\(path)\" takes no more bytes",
                    remedy: StorageError.shortWriteRemedy,
                    at: StorageError.Location(path: path))
            }
            done += written
        }
    }
}
