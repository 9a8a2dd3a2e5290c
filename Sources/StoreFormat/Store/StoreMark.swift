package import AsyncIO
internal import FileAccess

/// The file `strata.clean`, which says whether the store was closed with everything durable, and
/// how often its catalog has been replaced.
///
/// An engine that writes marks the store as open, durably, before it writes anything else. A clean
/// shutdown marks it as closed, durably, as its last act. Anything else in its place is not a mark,
/// and the store counts as not closed.
///
/// The generation is that of the catalog when the store was closed. While it is open, the number
/// follows each replacement of the catalog without being synced: it may be behind after a crash,
/// and is never ahead. So a catalog of an earlier generation is one that was put back.
///
/// If an older catalog was put in place, the mark of the open store keeps the later generation, and
/// notes that of the older catalog, until the user has been told. So that stays known although a
/// catalog of a still later generation replaces the older one.
///
/// A store counts as closed only where it was closed: the mark names the inode numbers of its own
/// file and of the catalog's. A mark that was copied or restored along with a store says nothing
/// about the durability of those files.
package struct StoreMark: Equatable {
    /// Whether an engine has the store open, or ended without closing it.
    package let isOpen: Bool
    /// The store's number.
    package let store: UInt64
    /// How often the catalog had been replaced.
    package let generation: UInt64
    /// The number of the next new relation; 0 if the mark does not tell.
    package let nextFileNumber: UInt32
    /// The inode number of the mark's own file.
    let ownSerial: UInt64
    /// The inode number of the catalog; 0 while the store is open.
    let catalogSerial: UInt64
    /// The generation of an older catalog that was put in place, until the user has been told.
    package let olderGeneration: UInt64?

    package static let fileName = "strata.clean"
    package static let file = SealedFile(magic: "STRATACL", version: 2)
    private static let payloadSize = 37
    /// Version 1 lacks the state and the next number, and is there only while the store is closed.
    package static let fileSize = SealedFile.overhead + payloadSize

    fileprivate static func closed(_ catalog: Catalog, own: UInt64, named: UInt64) -> StoreMark {
        StoreMark(
            isOpen: false, store: catalog.identifier, generation: catalog.generation,
            nextFileNumber: catalog.nextFileNumber, ownSerial: own, catalogSerial: named,
            olderGeneration: nil)
    }

    fileprivate static func open(_ catalog: Catalog, own: UInt64) -> StoreMark {
        StoreMark(
            isOpen: true, store: catalog.identifier, generation: catalog.generation,
            nextFileNumber: catalog.nextFileNumber, ownSerial: own, catalogSerial: 0,
            olderGeneration: nil)
    }

    /// The same mark of an open store, with a note of an older catalog.
    fileprivate func noting(_ older: Catalog) -> StoreMark {
        StoreMark(
            isOpen: true, store: store, generation: generation, nextFileNumber: nextFileNumber,
            ownSerial: ownSerial, catalogSerial: 0, olderGeneration: older.generation)
    }

    /// States in the file. Any but the first is that of an open store.
    private static let closed: UInt8 = 0
    private static let open: UInt8 = 1
    private static let openAndNoting: UInt8 = 2

    /// The file's bytes.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        for value in [store, generation, ownSerial, olderGeneration ?? catalogSerial] {
            writer.write(value)
        }
        writer.write(
            !isOpen ? Self.closed : olderGeneration == nil ? Self.open : Self.openAndNoting)
        writer.write(nextFileNumber)
        return Self.file.seal(writer.bytes)
    }
}

extension StoreMark {
    /// Reads the file's bytes; nil for anything else than a sound mark.
    package init?(_ bytes: [UInt8]) {
        do {
            let (payload, version) = try Self.file.open(bytes)
            var reader = ByteReader(bytes, payload)
            store = try reader.read("the store's number")
            generation = try reader.read("the generation")
            ownSerial = try reader.read("the mark's file")
            let serial: UInt64 = try reader.read("the catalog's file")
            let state: UInt8 = try version > 1 ? reader.read("the state") : Self.closed
            nextFileNumber = try version > 1 ? reader.read("the next file number") : 0
            try reader.finish()
            isOpen = state != Self.closed
            (catalogSerial, olderGeneration) =
                state == Self.openAndNoting ? (0, serial) : (serial, nil)
        } catch {
            return nil
        }
    }
}

/// The mark of a store that is open for writing.
package struct OpenMark: Sendable {
    private let files: FileAccess
    /// The inode number of the mark's file.
    fileprivate let serial: UInt64
    /// Whether the mark stays as it is, since it notes an older catalog.
    fileprivate var isHeld: Bool

    fileprivate init(files: FileAccess, serial: UInt64, isHeld: Bool = false) {
        self.files = files
        self.serial = serial
        self.isHeld = isHeld
    }

    /// Drops the note of an older catalog, once the user has been told.
    package mutating func dropNote(_ catalog: Catalog) {
        guard isHeld else { return }
        isHeld = false
        follow(catalog)
    }

    /// Records that the catalog has been replaced. Not durable by itself. If this fails, the mark
    /// stays behind, which hides an older catalog after a crash and does no other harm.
    package func follow(_ catalog: Catalog) {
        if isHeld { return }
        do throws(StorageError) {
            guard try isInPlace() else { return }
            let file = try files.open(StoreMark.fileName, .buffered)
            try file.writeAll(StoreMark.open(catalog, own: serial).encoded)
        } catch {}
    }

    /// Whether nothing has taken the place of the mark's file. Writing into a file that has other
    /// names would change what these name.
    fileprivate func isInPlace() throws(StorageError) -> Bool {
        guard let status = try files.linkStatus(of: StoreMark.fileName) else { return false }
        return status.kind == .file && status.serial == serial && status.linkCount == 1
            && status.size <= StoreMark.fileSize
    }
}

extension StoreFiles {
    /// Whether the last engine closed the store, and nothing has been written since. A mark that is
    /// missing, damaged or unreadable counts as no mark.
    package func wasClosed(_ catalog: Catalog) -> Bool {
        do throws(StorageError) {
            // They are removed before the store is marked as closed.
            for path in StoreFiles.journalNames where try files.exists(path) { return false }
            guard let own = try files.linkStatus(of: StoreMark.fileName), own.kind == .file,
                let named = try files.status(of: Catalog.fileName), let found = try readMark()
            else { return false }
            return found == .closed(catalog, own: own.serial, named: named.serial)
        } catch {
            return false
        }
    }

    /// The mark, if it knows a later generation than this catalog's: then an older catalog was put
    /// in its place. Also if the mark notes that this has happened, and this catalog replaced that
    /// one. Nil if the mark is missing, damaged, unreadable or another store's.
    ///
    /// - Parameter undoes: whether what the catalog calls unfinished will be removed, which an
    ///   older catalog does not know.
    /// - Throws: exhausted descriptors or memory. If something will be removed, also an error of
    ///   the disk: the mark may be sound, so the user must say that it does not matter.
    package func laterMark(than catalog: Catalog, undoes: Bool) throws(StorageError) -> StoreMark? {
        let mark: StoreMark?
        do throws(StorageError) { mark = try readMark() } catch {
            if error.isExhaustion { throw error }
            let removesFiles = undoes && catalog.hasRemovableRemains
            let isNoFile = error.isBadFile && !error.isWriteRefusal
            if !removesFiles || error.errorNumber == nil || isNoFile { return nil }
            throw StorageError(
                .fileReadFailed,
                "\"\(StoreMark.fileName)\" cannot be read, so \"\(Catalog.fileName)\" may be older"
                    + " than the files that it calls unfinished",
                remedy: "If it was not put back from a backup, remove \"\(StoreMark.fileName)\".",
                at: StorageError.Location(path: StoreMark.fileName), underlying: error)
        }
        guard let mark, mark.store == catalog.identifier else { return nil }
        let isNoted = mark.olderGeneration != nil && mark.generation < catalog.generation
        return mark.generation > catalog.generation || isNoted ? mark : nil
    }

    /// Notes in the mark, durably, that its store has an older catalog. If this fails, it is known
    /// only until that catalog is replaced.
    ///
    /// - Throws: a failed sync.
    package func note(older catalog: Catalog, in mark: StoreMark) throws(StorageError) {
        do throws(StorageError) {
            guard let status = try files.linkStatus(of: StoreMark.fileName),
                try OpenMark(files: files, serial: status.serial).isInPlace()
            else { return }
            try write(mark.noting(catalog))
        } catch { if error.isFinalSyncFailure { throw error } }
    }

    private func readMark() throws(StorageError) -> StoreMark? {
        try read(StoreMark.fileName, atMost: StoreMark.fileSize, damage: Catalog.damaged)
            .flatMap(StoreMark.init)
    }

    /// Whether a file stands at the mark's name that cannot be read.
    package var hasUnreadableMark: Bool {
        do throws(StorageError) { _ = try readMark() } catch { return error.errorNumber != nil }
        return false
    }

    /// Whether something stands at the mark's name that is no mark, not even a damaged one. It is
    /// never changed or removed: it may be a relation's file.
    ///
    /// - Throws: what reading throws.
    package func hasForeignMark() throws(StorageError) -> Bool {
        guard let status = try files.linkStatus(of: StoreMark.fileName) else { return false }
        return try !mayBeMark(status)
    }

    /// What other files of a store begin with. One of these in the mark's place is that file,
    /// however similar.
    private static let otherMagics = ["STRATACA", "STRATACO", "STRATAJO", "STRATACD"]
        .map { Array($0.utf8) }

    /// Whether a mark can have this status and beginning, damage and an interrupted write included.
    /// Of anything but a regular file, removal loses no contents. What the disk does not give back
    /// may be anything.
    private func mayBeMark(_ status: FileStatus) throws(StorageError) -> Bool {
        switch status.kind {
        case .directory: return false
        case .other: return true
        case .file:
            let magic = StoreMark.file.magicBytes
            do throws(StorageError) {
                let head = try head(of: StoreMark.fileName, StoreMark.fileSize)
                if status.size <= StoreMark.fileSize && head.allSatisfy({ $0 == 0 }) { return true }
                if Self.otherMagics.contains(where: head.starts(with:)) { return false }
                return zip(head, magic).count(where: ==) >= magic.count / 2
            } catch {
                if error.isExhaustion { throw error }
                return false
            }
        }
    }

    /// Marks the store as open and returns once that is durable. Anything that cannot be a mark is
    /// left alone.
    ///
    /// - Returns: the mark; nil if none could be made, and the store does not count as closed
    ///   either.
    /// - Throws: what removing the mark of a closed store throws; a failed sync.
    package func markOpen(_ catalog: Catalog) throws(StorageError) -> OpenMark? {
        guard let status = try files.linkStatus(of: StoreMark.fileName) else {
            return try makeMark(catalog)
        }
        guard try mayBeMark(status) else { return nil }
        let mark = OpenMark(files: files, serial: status.serial)
        // A file is used again, so that opening and closing a store leaves its files unchanged.
        if try mark.isInPlace() {
            do throws(StorageError) {
                if let found = try? readMark(), found.olderGeneration != nil,
                    found.store == catalog.identifier, found.generation < catalog.generation
                {
                    return OpenMark(files: files, serial: status.serial, isHeld: true)
                }
                try write(.open(catalog, own: status.serial))
                return mark
            } catch { if error.isFinalSyncFailure { throw error } }
        }
        try files.remove(StoreMark.fileName, ifExists: true)
        try files.syncDirectory(".")
        return try makeMark(catalog)
    }

    /// Makes the mark's file. What a failure leaves is at most the mark of an open store.
    ///
    /// - Throws: a failed sync, after which nothing of the store may be written.
    private func makeMark(_ catalog: Catalog) throws(StorageError) -> OpenMark? {
        do throws(StorageError) {
            _ = try files.open(StoreMark.fileName, [.exclusive, .buffered])
            guard let own = try files.linkStatus(of: StoreMark.fileName) else { return nil }
            try write(.open(catalog, own: own.serial))
            try files.syncDirectory(".")
            return OpenMark(files: files, serial: own.serial)
        } catch {
            if error.isFinalSyncFailure { throw error }
            return nil
        }
    }

    private func write(_ mark: StoreMark) throws(StorageError) {
        let file = try files.open(StoreMark.fileName, .buffered)
        try file.writeAll(mark.encoded)
        try file.sync()
    }

    /// Marks the store as closed and returns once that is durable. Everything else must be durable
    /// before, and nothing may be written any more.
    ///
    /// - Parameter mark: what ``markOpen(_:)`` gave.
    /// - Throws: what making, writing and syncing the file throw; `fileExists` if something else is
    ///   in its place. The store does not count as closed then.
    package func markClosed(_ catalog: Catalog, _ mark: OpenMark?) throws(StorageError) {
        let old = try files.linkStatus(of: StoreMark.fileName)
        if let old, try !mayBeMark(old) {
            throw StorageError(
                .fileExists, "\"\(StoreMark.fileName)\" is not a file of this store",
                remedy: "Move it to where it belongs, or remove it.",
                at: StorageError.Location(path: StoreMark.fileName))
        }
        if try mark?.isInPlace() != true {
            try files.remove(StoreMark.fileName, ifExists: true)
            _ = try files.open(StoreMark.fileName, [.exclusive, .buffered])
        }
        guard let own = try files.status(of: StoreMark.fileName),
            let named = try files.status(of: Catalog.fileName)
        else { throw Catalog.damaged("it is missing") }
        do throws(StorageError) {
            try write(.closed(catalog, own: own.serial, named: named.serial))
            try files.syncDirectory(".")
        } catch {
            // It may not be durable. The original error matters more than one of removing it.
            do { try files.remove(StoreMark.fileName, ifExists: true) } catch {}
            throw error
        }
    }

    /// Replaces the catalog, and lets the mark follow. Returns once the new catalog is durable.
    ///
    /// - Throws: what ``replace(_:_:with:session:)`` throws.
    package func replaceCatalog(
        by catalog: Catalog, _ mark: OpenMark?, session: Session
    ) throws(StorageError) {
        try replace(Catalog.fileName, Catalog.file, with: catalog.encoded(), session: session)
        mark?.follow(catalog)
    }
}
