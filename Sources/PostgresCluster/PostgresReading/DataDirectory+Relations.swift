public import AsyncIO
internal import BufferManager
public import ReadStream
public import StorageManager

/// Where a relation's files are.
package struct RelationPlace: Hashable, Sendable {
    /// The tablespace's number; 1663 is the default one, 1664 the shared one.
    package let tablespace: UInt32
    /// The database's number; zero in the shared tablespace.
    package let database: UInt32
    /// The relation's file number.
    package let number: UInt32

    package static let defaultTablespace: UInt32 = 1663
    package static let globalTablespace: UInt32 = 1664

    package init(tablespace: UInt32, database: UInt32, number: UInt32) {
        self.tablespace = tablespace
        self.database = database
        self.number = number
    }
}

extension DataDirectory {
    /// The folder of a database in a tablespace, relative to the data directory. Except for the
    /// first two, the name contains the server's version, ``knownVersion()``.
    package func folder(_ place: RelationPlace) -> String {
        switch place.tablespace {
        case RelationPlace.globalTablespace: "global"
        case RelationPlace.defaultTablespace: "base/\(place.database)"
        default:
            "pg_tblspc/\(place.tablespace)/PG_\(version ?? 0)_\(control.catalogVersion)"
                + "/\(place.database)"
        }
    }

    /// The first file of a relation, relative to the data directory.
    package func path(_ place: RelationPlace) -> String { "\(folder(place))/\(place.number)" }

    /// A relation by its place.
    ///
    /// - Throws: `notFound` if it has no file.
    public func relation(_ locator: RelationLocator) throws(StorageError) -> OpenRelation {
        guard let relation = try opened(locator) else {
            throw StorageError(
                .notFound, "there is no relation \(locator) in \"\(path)\"",
                remedy: "Ask the server by pg_relation_filepath() where a relation is.",
                at: StorageError.Location(path: locator.description))
        }
        return relation
    }

    /// All pages of a relation's fork, read ahead of their use and verified.
    ///
    /// - Throws: what finding out the fork's length throws.
    public func scan(_ relation: OpenRelation, fork: Fork = .main, session: Session)
        throws(StorageError) -> ReadStream<BlockRange>
    {
        let blocks = 0..<(try relation.storage.blockCount(fork))
        var streamOptions = ReadStreamOptions.scan(of: blocks.count, in: buffers)
        streamOptions.fork = fork
        return ReadStream(
            buffers, over: relation, session: session, options: streamOptions,
            source: BlockRange(blocks))
    }

    /// Opens a relation.
    ///
    /// - Throws: `clusterDamaged` if it has no file.
    package func open(_ place: RelationPlace) throws(StorageError) -> OpenRelation {
        let directory: UInt32
        switch place.tablespace {
        case RelationPlace.globalTablespace: directory = 0
        case RelationPlace.defaultTablespace: directory = place.database
        default: directory = number(of: folder(place))
        }
        guard
            let relation = try opened(RelationLocator(database: directory, number: place.number))
        else {
            throw StorageError(
                .clusterDamaged, "file \"\(path(place))\" is missing",
                remedy: "Restore it from a backup of the cluster.",
                at: StorageError.Location(path: path(place)))
        }
        return relation
    }

    /// Replaces the path in an error of the layers below by the true one. They know a relation in a
    /// tablespace by another path.
    package func explained(_ error: StorageError, _ place: RelationPlace) -> StorageError {
        guard place.tablespace != RelationPlace.globalTablespace,
            place.tablespace != RelationPlace.defaultTablespace
        else { return error }
        let folder = folder(place)
        let alias = "base/\(number(of: folder))"
        func named(_ text: String) -> String { text.replacing(alias, with: folder) }
        var location = error.location
        location.relation = location.relation.map(named)
        location.path = location.path.map(named)
        return StorageError(
            error.code, named(error.message), remedy: error.remedy, at: location,
            errorNumber: error.errorNumber,
            underlying: error.underlying.map { explained($0, place) })
    }
}
