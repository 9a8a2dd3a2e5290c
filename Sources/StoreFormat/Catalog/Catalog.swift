package import AsyncIO
package import StorageManager

/// Everything a store knows of its relations: the content of the file `strata.catalog`.
///
/// A plain value. To change the store, change a copy, write it, and then make it the current one,
/// so that memory never runs ahead of the disk.
package struct Catalog: Equatable, Sendable {
    /// The store's number, as in its control file.
    package let identifier: UInt64
    /// The layout of the file that it was read from. It is always written in the newest.
    package var version = file.version
    /// How often the catalog has been replaced.
    package var generation: UInt64 = 0
    /// File numbers from here on were never given out.
    package var nextFileNumber: UInt32 = firstFileNumber
    /// The relations by name.
    package var relations = RelationMap()
    /// What must be undone or removed if the store is reopened, by the file number concerned.
    package var remains: [RelationLocator: Remains] = [:]

    /// PostgreSQL uses the numbers below for its own catalogs.
    static let firstFileNumber: UInt32 = 16384
    /// The number of the only database. PostgreSQL's `template1` has the same.
    package static let database: UInt32 = 1

    /// What an unfinished change leaves on disk if it never finishes.
    package struct Remains: Equatable, Sendable {
        /// The name of the relation's storage manager.
        package let managerName: String
        /// The kind of remains.
        package let kind: Kind

        package init(managerName: String, kind: Kind) {
            self.managerName = managerName
            self.kind = kind
        }

        package enum Kind: Equatable, Sendable {
            /// Files of no relation: of a load that has not committed, or of a relation that was
            /// dropped or replaced.
            case files
            /// Blocks from `from` on in the main fork of a relation that is being appended to.
            case blocks(from: UInt32)
            /// Blocks from `from` on in the main fork of a relation that a later catalog counted.
            /// They stay until the user gives them up.
            case uncounted(from: UInt32)
        }
    }

    package init(identifier: UInt64) { self.identifier = identifier }

    /// Gives out a file number.
    ///
    /// - Parameter taken: numbers to skip.
    /// - Throws: `resourcesExhausted` after four billion.
    package mutating func takeLocator(avoiding taken: Set<UInt32> = []) throws(StorageError)
        -> RelationLocator
    {
        while nextFileNumber < UInt32.max {
            defer { nextFileNumber += 1 }
            if taken.contains(nextFileNumber) { continue }
            return RelationLocator(database: Self.database, number: nextFileNumber)
        }
        throw StorageError(
            .resourcesExhausted, "all file numbers of this store have been given out",
            remedy: "Copy its relations into a new store.")
    }

    /// Removes a relation, and its toast relation, and records their files as remains.
    ///
    /// - Returns: those that were removed.
    package mutating func remove(_ relation: RelationDescription) -> [RelationDescription] {
        let names = [relation.name] + (relation.toastRelation.map { [$0] } ?? [])
        return names.compactMap { name in
            guard let gone = relations.removeValue(forKey: name) else { return nil }
            remains[gone.locator] = Remains(managerName: gone.managerName, kind: .files)
            return gone
        }
    }

    /// Gives a relation another name, which none has. Its toast relation keeps its own.
    package mutating func rename(_ relation: RelationDescription, to name: String) {
        var renamed = relation
        renamed.name = name
        relations[relation.name] = nil
        relations[name] = renamed
        if let toast = relation.toastRelation { relations[toast]?.toast = .owner(name) }
    }

    /// Counts only the first blocks of a fork. What is behind is left over: of the main fork the
    /// remains say so, of a further one that it is longer.
    package mutating func cut(_ relation: RelationDescription, _ fork: Fork, to count: UInt32) {
        var now = relation
        if fork == .main {
            now.blockCount = count
            now.forgetRowCount()
            remains[now.locator] = Remains(
                managerName: now.managerName, kind: .blocks(from: count))
        } else {
            now.furtherForks[fork] = count
        }
        relations[now.name] = now
    }

    /// The relations whose storage managers match by name, each of which is asked for once. Looks
    /// at the relations only if some match.
    package func relations(_ matches: (String) -> Bool) -> [RelationDescription] {
        let names = relations.managerNames.filter(matches)
        if names.isEmpty { return [] }
        return relations.values.filter { names.contains($0.managerName) }
    }

    /// The numbers of relations and remains whose storage managers are none of those.
    package func numbers(managedByOthersThan names: [String]) -> Set<UInt32> {
        var numbers = Set(relations { !names.contains($0) }.map(\.locator.number))
        for (locator, entry) in remains where !names.contains(entry.managerName) {
            numbers.insert(locator.number)
        }
        return numbers
    }

    /// Whether a later catalog may have counted blocks behind the end of a relation.
    package func isUncounted(_ locator: RelationLocator) -> Bool {
        if case .uncounted = remains[locator]?.kind { true } else { false }
    }

    /// Whether recovery will remove what unfinished changes have left. Blocks that a later catalog
    /// may have counted stay.
    package var hasRemovableRemains: Bool {
        remains.keys.contains { !isUncounted($0) }
    }

    /// The relation with that locator. O(relations).
    package func relation(at locator: RelationLocator) -> RelationDescription? {
        relations.values.first { $0.locator == locator }
    }
}
