package import AsyncIO
internal import FileAccess

/// The file `strata.clean`, which says that the store was closed with everything durable.
///
/// A clean shutdown leaves it, durably, as its last act. The next opening for writing removes it,
/// durably, before anything else is written. Anything else in its place is not a mark, and the
/// store counts as not closed.
///
/// A mark is valid only where it was left: it names the store, the generation of the catalog, and
/// the inode numbers of its own file and of the catalog's. So a mark that was copied or restored
/// along with a store says nothing about the durability of those files.
package struct CleanMark: Equatable {
    /// The store's number.
    package let store: UInt64
    /// How often the catalog had been replaced.
    package let generation: UInt64
    /// The inode number of the mark's own file.
    let ownSerial: UInt64
    /// The inode number of the catalog.
    let catalogSerial: UInt64

    package static let fileName = "strata.clean"
    package static let file = SealedFile(magic: "STRATACL", version: 1)
    private static let payloadSize = 32
    package static let fileSize = SealedFile.overhead + payloadSize

    init(store: UInt64, generation: UInt64, ownSerial: UInt64, catalogSerial: UInt64) {
        self.store = store
        self.generation = generation
        self.ownSerial = ownSerial
        self.catalogSerial = catalogSerial
    }

    /// Reads the file's bytes; nil for anything else than a sound mark.
    init?(_ bytes: [UInt8]) {
        guard let payload = try? Self.file.open(bytes).payload, payload.count == Self.payloadSize
        else { return nil }
        var reader = ByteReader(bytes, payload)
        do throws(DecodingFailure) {
            store = try reader.read("the store's number")
            generation = try reader.read("the generation")
            ownSerial = try reader.read("the mark's file")
            catalogSerial = try reader.read("the catalog's file")
        } catch {
            return nil
        }
    }

    /// The file's bytes.
    package var encoded: [UInt8] {
        var writer = ByteWriter()
        for value in [store, generation, ownSerial, catalogSerial] { writer.write(value) }
        return Self.file.seal(writer.bytes)
    }
}

extension StoreFiles {
    /// Whether the last engine closed the store, and nothing has been written since. A mark that is
    /// missing, damaged or unreadable counts as no mark.
    package func hasCleanMark(_ catalog: Catalog) -> Bool {
        do throws(StorageError) {
            // They are removed before the mark is left.
            for path in StoreFiles.journalNames where try files.exists(path) { return false }
            guard let own = try files.linkStatus(of: CleanMark.fileName), own.kind == .file,
                own.size == Int64(CleanMark.fileSize),
                let named = try files.status(of: Catalog.fileName),
                let found = try read(
                    CleanMark.fileName, atMost: CleanMark.fileSize, damage: Catalog.damaged)
            else { return false }
            let mark = CleanMark(
                store: catalog.identifier, generation: catalog.generation, ownSerial: own.serial,
                catalogSerial: named.serial)
            return found == mark.encoded
        } catch {
            return false
        }
    }

    /// The catalog's generation when the store was last closed, if that is later than this one's:
    /// then an older catalog was put in its place. Nil if the mark is missing, damaged, unreadable
    /// or another store's.
    package func laterGeneration(than catalog: Catalog) -> UInt64? {
        do throws(StorageError) {
            guard
                let bytes = try read(
                    CleanMark.fileName, atMost: CleanMark.fileSize, damage: Catalog.damaged),
                let mark = CleanMark(bytes), mark.store == catalog.identifier,
                mark.generation > catalog.generation
            else { return nil }
            return mark.generation
        } catch {
            return nil
        }
    }

    /// Whether something stands at the mark's name that is no mark, not even a damaged one. It is
    /// never changed or removed: it may be a relation's file.
    ///
    /// - Throws: what reading throws.
    package func hasForeignMark() throws(StorageError) -> Bool {
        guard let status = try files.linkStatus(of: CleanMark.fileName) else { return false }
        return try !mayBeMark(status)
    }

    /// Whether a mark can have this status and beginning. Of anything but a regular file, removal
    /// loses no contents.
    private func mayBeMark(_ status: FileStatus) throws(StorageError) -> Bool {
        switch status.kind {
        case .directory: return false
        case .other: return true
        case .file:
            if status.size <= CleanMark.fileSize { return true }
            let magic = CleanMark.file.magicBytes
            do throws(StorageError) {
                return try head(of: CleanMark.fileName, magic.count) == magic
            } catch {
                if error.isBadFile { return false }
                throw error
            }
        }
    }

    /// Removes the mark and returns once that is durable. Anything that cannot be a mark is left
    /// alone.
    ///
    /// - Parameter isGood: whether it is a valid mark. Its file is then emptied and stays for the
    ///   next mark, so that opening and closing a store leaves its files unchanged.
    /// - Returns: the inode number of that file; nil if there is none.
    /// - Throws: what changing the file and syncing throw.
    package func takeBackCleanMark(isGood: Bool) throws(StorageError) -> UInt64? {
        guard let status = try files.linkStatus(of: CleanMark.fileName), try mayBeMark(status)
        else { return nil }
        // Emptying a file that has other names would change what these name.
        if isGood, status.kind == .file, status.linkCount == 1 {
            do throws(StorageError) {
                try emptyMark()
                return status.serial
            } catch {
                guard error.isBadFile else { throw error }
            }
        }
        try files.remove(CleanMark.fileName, ifExists: true)
        try files.syncDirectory(".")
        return nil
    }

    private func emptyMark() throws(StorageError) {
        let file = try files.open(CleanMark.fileName, .buffered)
        try file.truncate(to: 0)
        try file.sync()
    }

    /// Leaves the mark and returns once it is durable. Everything else must be durable before, and
    /// nothing may be written any more.
    ///
    /// - Parameter serial: the file of the previous mark, if there is one.
    /// - Throws: what making, writing and syncing the file throw; `fileExists` if something else is
    ///   in its place. There is no mark then.
    package func leaveCleanMark(_ catalog: Catalog, inFile serial: UInt64?) throws(StorageError) {
        let old = try files.linkStatus(of: CleanMark.fileName)
        if let old, try !mayBeMark(old) {
            throw StorageError(
                .fileExists, "\"\(CleanMark.fileName)\" is not a file of this store",
                remedy: "Move it to where it belongs, or remove it.",
                at: StorageError.Location(path: CleanMark.fileName))
        }
        let isThere = old.map {
            $0.kind == .file && $0.size == 0 && $0.serial == serial && $0.linkCount == 1
        }
        do throws(StorageError) {
            if isThere != true { try files.remove(CleanMark.fileName, ifExists: true) }
            let file = try files.open(
                CleanMark.fileName, isThere == true ? .buffered : [.exclusive, .buffered])
            guard let own = try files.status(of: CleanMark.fileName),
                let named = try files.status(of: Catalog.fileName)
            else { throw Catalog.damaged("it is missing") }
            let mark = CleanMark(
                store: catalog.identifier, generation: catalog.generation, ownSerial: own.serial,
                catalogSerial: named.serial)
            try file.writeAll(mark.encoded)
            try file.sync()
            try files.syncDirectory(".")
        } catch {
            // A partial mark is not a mark. The original error matters more than one of removing
            // it.
            do { try files.remove(CleanMark.fileName, ifExists: true) } catch {}
            throw error
        }
    }
}
