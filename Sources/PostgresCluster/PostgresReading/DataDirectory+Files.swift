public import AsyncIO
internal import FileAccess
public import StorageManager

/// One segment file of a relation's fork in a ``DataDirectory``.
public struct DataFile: Sendable, Hashable {
    /// The file, below the data directory.
    public let path: String
    /// The number of its database; zero for what all databases share.
    public let database: UInt32
    /// The relation's file number.
    public let number: UInt32
    /// The fork.
    public let fork: Fork
    /// The number of the segment within the fork, from zero.
    public let segment: UInt32
}

extension DataDirectory {
    /// The files of all relations, tablespaces' included, in the order of their paths.
    ///
    /// Other files are skipped: temporary ones, maps, versions. Mirrors the walk of PostgreSQL's
    /// `pg_checksums`.
    ///
    /// - Throws: what listing a directory throws.
    public func relationFiles() throws(StorageError) -> [DataFile] {
        var found = try files(in: "global", database: 0)
        for database in try databases(in: "base") {
            found += try files(in: "base/\(database)", database: database)
        }
        guard try files.kind(of: "pg_tblspc") == .directory else { return found }
        for space in try files.list("pg_tblspc") where UInt32(space) != nil {
            for version in try files.list("pg_tblspc/\(space)") where version.hasPrefix("PG_") {
                let place = "pg_tblspc/\(space)/\(version)"
                for database in try databases(in: place) {
                    found += try files(in: "\(place)/\(database)", database: database)
                }
            }
        }
        return found
    }

    private func databases(in directory: String) throws(StorageError) -> [UInt32] {
        try files.list(directory).compactMap { UInt32($0) }
    }

    private func files(in directory: String, database: UInt32) throws(StorageError) -> [DataFile] {
        let names = try files.list(directory)
        return names.compactMap { name in
            SegmentName(name).map { segment in
                DataFile(
                    path: "\(directory)/\(name)", database: database, number: segment.number,
                    fork: segment.fork, segment: segment.segment)
            }
        }
    }
}
