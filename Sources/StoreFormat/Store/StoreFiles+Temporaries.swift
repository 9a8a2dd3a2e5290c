package import AsyncIO
internal import FileAccess

/// The temporary files from which the store's own are made, and what else may stand at their names.
extension StoreFiles {
    /// The names under which the successor of a file is written. Later ones are used only while
    /// something else has the earlier ones.
    static func temporaries(of path: String) -> [String] {
        ["", ".1", ".2", ".3"].map { path + temporarySuffix + $0 }
    }

    /// A name for the successor of a file. What an interrupted replacement has left there has been
    /// removed.
    ///
    /// - Parameter kind: the file's frame.
    /// - Throws: `fileExists` if something else has all of the names; what reading and removing
    ///   throw.
    package func freeTemporary(of path: String, _ kind: SealedFile) throws(StorageError) -> String {
        for name in Self.temporaries(of: path) {
            switch try occupant(of: name, kind) {
            case .nothing: return name
            case .remains:
                try files.remove(name, ifExists: true)
                return name
            case .foreign: continue
            }
        }
        let first = path + Self.temporarySuffix
        throw StorageError(
            .fileExists, "\"\(path)\" cannot be replaced: \"\(first)\" is not a file of this store",
            remedy: "Move it to where it belongs, or remove it.",
            at: StorageError.Location(path: first))
    }

    /// Removes what a crash has left of files that were being replaced.
    ///
    /// - Returns: the names at which something else stands.
    package func clearTemporaries(
        of replaced: [(name: String, kind: SealedFile)], removes: Bool
    ) throws(StorageError) -> [String] {
        var foreign: [String] = []
        for (name, kind) in replaced {
            for path in Self.temporaries(of: name) {
                switch try occupant(of: path, kind) {
                case .nothing: break
                case .foreign: foreign.append(path)
                // It is never read again, so it does not matter when its removal becomes durable.
                case .remains: if removes { try files.remove(path, ifExists: true) }
                }
            }
        }
        return foreign
    }

    /// What stands at the name of a temporary file.
    enum Occupant {
        case nothing
        /// A file as an interrupted replacement leaves it. It is never read again.
        case remains
        /// Anything else: it may be a relation's file under a wrong name.
        case foreign
    }

    /// Looks at what stands at the name of a temporary file.
    ///
    /// Only a file with one name that is empty, or begins as the file to be replaced does, counts
    /// as remains. Compressed relations' files begin with other letters. After a power cut its
    /// first sector may hold zeroes. The other files of a store then have whole pages or units.
    ///
    /// - Parameter kind: the frame of the file to be replaced.
    /// - Throws: what reading throws.
    func occupant(of path: String, _ kind: SealedFile) throws(StorageError) -> Occupant {
        guard let status = try files.linkStatus(of: path) else { return .nothing }
        guard status.kind == .file, status.linkCount == 1 else { return .foreign }
        if status.size == 0 { return .remains }
        let head: [UInt8]
        do throws(StorageError) { head = try self.head(of: path, 512) } catch {
            // It must not keep the store from being opened.
            if !error.isExhaustion { return .foreign }
            throw error
        }
        let own = kind.magicBytes
        if head.prefix(own.count).elementsEqual(own.prefix(head.count)) { return .remains }
        return head.allSatisfy { $0 == 0 } && status.size % 4096 != 0 ? .remains : .foreign
    }

    /// The first bytes of a file.
    func head(of path: String, _ count: Int) throws(StorageError) -> [UInt8] {
        try Self.read(try files.open(path, [.readOnly, .buffered]), at: 0, count: count)
    }
}
