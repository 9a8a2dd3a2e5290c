package import AsyncIO
package import FileAccess
package import StorageManager

/// The files in the directories of relations, grouped by the meaning of their names, as of one
/// listing.
package struct PresentFiles {
    /// Files of relations, by number. They are in the database's directory; the paths are sorted.
    package private(set) var byNumber: [UInt32: [String]] = [:]
    /// Files with a relation's name in a directory where the store keeps no relations.
    private(set) var displaced: [String] = []
    /// Files of relations that only one session had, or has.
    package private(set) var sessionLocal: [String: RelationLocator] = [:]
    /// Files whose names mean nothing in a store.
    package private(set) var others: [String] = []

    /// The directory of relations.
    package static let directory = "base/\(Catalog.database)"

    /// Lists the directories.
    ///
    /// - Throws: `notAStore` if the database's is missing; what listing throws.
    package init(_ files: FileAccess) throws(StorageError) {
        for directory in StoreDirectory.relationDirectories {
            let kind = try files.kind(of: directory)
            // No relation is in the other.
            if kind == nil && directory != Self.directory { continue }
            guard kind == .directory else {
                throw StorageError(
                    .notAStore,
                    "directory \"\(directory)\" of the store is missing or not a directory",
                    remedy: "Restore the store from a backup.",
                    at: StorageError.Location(path: directory))
            }
            for name in try files.list(directory) {
                let path = "\(directory)/\(name)"
                switch RelationFileName(name) {
                case .relation(let number) where directory == Self.directory:
                    byNumber[number, default: []].append(path)
                case .sessionLocal(let session, let number):
                    let database = directory == Self.directory ? Catalog.database : 0
                    sessionLocal[path] = RelationLocator(
                        database: database, number: number, localTo: Int(session) - 1)
                case .relation: displaced.append(path)
                case .other: others.append(path)
                }
            }
        }
    }

    /// The numbers of files that belong neither to a relation nor to an unfinished change.
    package func strangeNumbers(_ catalog: Catalog) -> [UInt32] {
        var known = Set(catalog.relations.values.map(\.locator.number))
        known.formUnion(catalog.remains.keys.map(\.number))
        return byNumber.keys.filter { !known.contains($0) }.sorted()
    }

    /// The relation files that the store does not know.
    ///
    /// - Parameter sessionLocal: those of relations local to sessions that have ended.
    package func orphans(_ catalog: Catalog, sessionLocal: some Collection<String>) -> [String] {
        strangeNumbers(catalog).flatMap { byNumber[$0] ?? [] } + displaced + sessionLocal
    }
}

/// The meaning of a name in a relation directory.
package enum RelationFileName: Equatable {
    /// A file that a storage manager makes for that relation: `16384`, `16384.1`, `16384_fsm.2`,
    /// `16384.chunks`, `16384_vm.map`, `16384.map.new`. Names that only begin so are others.
    case relation(UInt32)
    /// A file of a relation that only one session has: `t3_16384`. The first number is the
    /// session's plus one.
    case sessionLocal(UInt32, UInt32)
    /// Not one of Strata's names.
    case other

    package init(_ name: String) {
        if name.hasPrefix("t"), let underscore = name.firstIndex(of: "_"),
            let session = UInt32(name[name.index(after: name.startIndex)..<underscore]),
            session > 0,
            case .relation(let number) = RelationFileName(
                String(name[name.index(after: underscore)...]))
        {
            self = .sessionLocal(session, number)
            return
        }
        if let segment = SegmentName(name) {
            self = .relation(segment.number)
            return
        }
        for suffix in [".chunks", ".map", ".map.new"] where name.hasSuffix(suffix) {
            guard let fork = SegmentName(String(name.dropLast(suffix.count))), fork.segment == 0
            else { continue }
            self = .relation(fork.number)
            return
        }
        self = .other
    }
}
