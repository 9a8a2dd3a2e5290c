package import AsyncIO
package import FileAccess
package import StorageManager

/// The files in the directories of relations, by what their names stand for, as one listing found
/// them.
package struct PresentFiles {
    /// Files of relations, by number. In the database's directory; the paths are sorted.
    package private(set) var byNumber: [UInt32: [String]] = [:]
    /// Files that are named like a relation's and cannot be one's, since the store keeps none
    /// there.
    private(set) var displaced: [String] = []
    /// Files of relations that only one session had, or has.
    package private(set) var sessionLocal: [String: RelationLocator] = [:]
    /// What is named like nothing of a store.
    package private(set) var others: [String] = []

    /// Where relations are.
    package static let directory = "base/\(Catalog.database)"

    /// Lists the directories.
    ///
    /// - Throws: `notAStore` where one is missing; what listing throws.
    package init(_ files: FileAccess) throws(StorageError) {
        for directory in StoreDirectory.relationDirectories {
            guard try files.kind(of: directory) == .directory else {
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

    /// The numbers of files that neither a relation has nor an unfinished change has left.
    package func strangeNumbers(_ catalog: Catalog) -> [UInt32] {
        var known = Set(catalog.relations.values.map(\.locator.number))
        known.formUnion(catalog.remains.keys.map(\.number))
        return byNumber.keys.filter { !known.contains($0) }.sorted()
    }

    /// The files of relations that the store does not have.
    ///
    /// - Parameter sessionLocal: those of relations local to sessions that have ended.
    package func orphans(_ catalog: Catalog, sessionLocal: some Collection<String>) -> [String] {
        strangeNumbers(catalog).flatMap { byNumber[$0] ?? [] } + displaced + sessionLocal
    }
}

/// What a name in a relation directory stands for.
package enum RelationFileName: Equatable {
    /// A file of that relation: `16384`, `16384.1`, `16384_fsm`, `16384_anything.2`.
    case relation(UInt32)
    /// A file of a relation that only one session has: `t3_16384`. The first number is the
    /// session's plus one.
    case sessionLocal(UInt32, UInt32)
    /// Nothing of ours.
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
        let digits = name.prefix { ("0"..."9").contains($0) }
        let next = name.dropFirst(digits.count).first
        guard let number = UInt32(digits), next == nil || next == "_" || next == "." else {
            self = .other
            return
        }
        self = .relation(number)
    }
}
