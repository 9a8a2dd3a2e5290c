public import AsyncIO
internal import FileAccess
public import PostgresReading
internal import StorageManager

extension DataDirectory {
    /// The files of all relations, tablespaces' included, in the order of their paths. Names that
    /// are no relation's, database's or tablespace's, and what cannot be read, are passed over.
    ///
    /// - Throws: `resourcesExhausted`, `closed`.
    public func relationFiles() throws(StorageError) -> [DataFile] {
        var listing = ClusterListing(self, mayChange: control.state == .notShutDown)
        try listing.read()
        return listing.files
    }
}

/// Walks through a data directory. One odd entry never ends the walk. Mirrors `pg_checksums`, which
/// looks at folders of other versions too, and stops at what it cannot read.
struct ClusterListing {
    private let directory: DataDirectory
    private let mayChange: Bool
    private(set) var files: [DataFile] = []
    private(set) var findings: [ClusterFinding] = []
    /// How many names are no relation's, database's or tablespace's.
    private(set) var otherNames = 0
    /// How many files vanished between two looks.
    private(set) var vanished = 0

    init(_ directory: DataDirectory, mayChange: Bool) {
        self.directory = directory
        self.mayChange = mayChange
    }

    mutating func read() throws(StorageError) {
        try readFiles(in: "global", database: 0)
        try readDatabases(in: "base")
        guard let spaces = try list("pg_tblspc", isOptional: true) else { return }
        for space in spaces {
            guard Self.number(space) != nil else {
                otherNames += 1
                continue
            }
            try readTablespace("pg_tblspc/\(space)")
        }
    }

    /// A number as the server writes it: without sign or leading zeros.
    static func number(_ name: some StringProtocol) -> UInt32? {
        guard let number = UInt32(name), number > 0, String(number) == name else { return nil }
        return number
    }

    private mutating func readTablespace(_ path: String) throws(StorageError) {
        let what = "a tablespace's link or folder"
        guard try isFolder(path, what) else { return }
        var names = try list(path) ?? []
        // A server that drops a tablespace removes the folder first, then the link.
        for _ in 0..<(mayChange ? Self.looks : 0) where !names.contains(where: isOwn) {
            pause(Self.lookPause)
            guard try directory.files.exists(path) else { return }
            names = try list(path) ?? []
        }
        otherNames += names.count { !isOwn($0) }
        guard let own = names.first(where: isOwn) else {
            let folder = ownFolder ?? "PG_…_\(directory.control.catalogVersion)"
            findings.append(
                ClusterFinding(
                    .missing, "\(path)/\(folder)",
                    "the tablespace's folder of this cluster is missing: is its disk mounted?"))
            return
        }
        if try isFolder("\(path)/\(own)", "a tablespace's folder") {
            try readDatabases(in: "\(path)/\(own)")
        }
    }

    /// The folder of this cluster in a tablespace; other versions may have theirs beside it.
    private var ownFolder: String? {
        directory.version.map { "PG_\($0)_\(directory.control.catalogVersion)" }
    }

    private func isOwn(_ name: String) -> Bool {
        if directory.control.catalogVersion == 0 {
            // No control file tells: the only folder of the version is taken for this cluster's.
            return name.hasPrefix(directory.version.map { "PG_\($0)_" } ?? "PG_")
        }
        if let ownFolder { return name == ownFolder }
        return name.hasPrefix("PG_") && name.hasSuffix("_\(directory.control.catalogVersion)")
    }

    private mutating func readDatabases(in path: String) throws(StorageError) {
        for name in try list(path) ?? [] {
            guard let number = Self.number(name) else {
                if !name.hasPrefix("pgsql_tmp") { otherNames += 1 }
                continue
            }
            if try isFolder("\(path)/\(name)", "a database's folder") {
                try readFiles(in: "\(path)/\(name)", database: number)
            }
        }
    }

    private mutating func readFiles(in path: String, database: UInt32) throws(StorageError) {
        for name in try list(path) ?? [] {
            guard let segment = SegmentName(name) else {
                if !Self.isServers(name) { otherNames += 1 }
                continue
            }
            try addFile("\(path)/\(name)", segment, database)
        }
    }

    /// Whether the server puts files with such a name beside relations: those of its own, and
    /// temporary relations, such as `t3_16384`.
    private static func isServers(_ name: String) -> Bool {
        ["PG_VERSION", "pg_control", "pgsql_tmp"].contains(name)
            || name.hasPrefix("pg_filenode.map") || name.hasPrefix("pg_internal.init")
            || (name.hasPrefix("t") && name.dropFirst().first?.isNumber == true)
    }

    private mutating func addFile(
        _ path: String, _ name: SegmentName, _ database: UInt32
    ) throws(StorageError) {
        let segmentBlocks = UInt64(directory.control.segmentBlocks)
        let most = UInt64(BlockNumber.maximumCount) / segmentBlocks
        guard UInt64(name.segment) <= most else {
            findings.append(
                ClusterFinding(
                    .misplaced, path, fork: name.fork,
                    "segment number \(name.segment) is out of range: the last possible is \(most)"))
            return
        }
        switch try entry(path) {
        case .vanished: vanished += 1
        case .there(let status) where status.kind == .file:
            files.append(
                DataFile(
                    path: path, database: database, number: name.number, fork: name.fork,
                    segment: name.segment, bytes: status.size))
        case .there(let status):
            let kind = status.kind == .directory ? "a folder" : "no regular file"
            findings.append(
                ClusterFinding(
                    .misplaced, path, fork: name.fork,
                    "it is \(kind) where a relation's file belongs"))
        case .dangling:
            findings.append(
                ClusterFinding(
                    .missing, path, fork: name.fork, "it is a link to a file that does not exist"))
        case .unreadable(let error):
            findings.append(ClusterFinding(.unreadable, path, fork: name.fork, error.description))
        }
    }

    private mutating func isFolder(_ path: String, _ what: String) throws(StorageError) -> Bool {
        switch try entry(path) {
        case .vanished: return false
        case .there(let status):
            if status.kind == .directory { return true }
            findings.append(
                ClusterFinding(.misplaced, path, "it is no folder, where \(what) belongs"))
        case .dangling:
            findings.append(
                ClusterFinding(
                    .missing, path,
                    "it is a link to a folder that does not exist: is its disk mounted?"))
        case .unreadable(let error):
            findings.append(ClusterFinding(.unreadable, path, error.description))
        }
        return false
    }
}

extension ClusterListing {
    /// What a listed name stands for.
    private enum Entry {
        case there(FileStatus)
        /// The name is no longer listed.
        case vanished
        /// The name is listed, and leads to nothing.
        case dangling
        case unreadable(StorageError)
    }

    private static let looks = 5
    private static let lookPause: Duration = .milliseconds(40)

    private func entry(_ path: String) throws(StorageError) -> Entry {
        do throws(StorageError) {
            // Between the look at the list and the one at the file, a server may remove or replace
            // it; a link that leads to nothing stays.
            for attempt in 0..<Self.looks {
                if let status = try directory.files.status(of: path) { return .there(status) }
                let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
                let name = path[end...].dropFirst()
                let parent = try directory.files.list(String(path[..<end]))
                guard parent.contains(where: { $0 == name }) else { return .vanished }
                if attempt > 0 { pause(.milliseconds(5)) }
            }
            return .dangling
        } catch {
            if error.code == .fileMissing { return .vanished }
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            return .unreadable(error)
        }
    }

    /// The names in a folder; nil if it cannot be read, which is a finding, or if it has vanished.
    private mutating func list(
        _ path: String, isOptional: Bool = false
    ) throws(StorageError) -> [String]? {
        do throws(StorageError) {
            return try directory.files.list(path)
        } catch {
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            if error.code == .fileMissing {
                let isVanished = isOptional || path.utf8.contains(UInt8(ascii: "/"))
                if !isVanished { findings.append(ClusterFinding(.missing, path, "it is missing")) }
                return nil
            }
            findings.append(ClusterFinding(.unreadable, path, error.description))
            return nil
        }
    }
}
