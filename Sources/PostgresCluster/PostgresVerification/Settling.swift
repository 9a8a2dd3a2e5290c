internal import AsyncIO
internal import FileAccess
internal import PostgresReading
internal import StorageManager

/// What looks wrong while a server may be changing the files is looked at again at the end, until
/// it stays as it is. Belongs to the checking thread.
struct Settling {
    private let output: CheckOutput
    private let directory: DataDirectory
    private let segmentBlocks: Int
    /// Relations whose files do not go together.
    private var layouts: [Suspect] = []
    /// Relations and databases that the catalogs name, and that have no file or folder.
    private var missing: [KnownRelation] = []
    private var missingInits: [KnownRelation] = []
    private var databases: [CatalogSnapshot.KnownDatabase] = []
    private var failures: [CatalogSnapshot.Failure] = []
    /// Tablespaces that the catalog names, and that have no link or folder, by their numbers.
    private var spaces: [UInt32: String] = [:]
    /// Databases whose folder lacks the file that says that it is one, or has a wrong one.
    private var unversioned: [CatalogSnapshot.KnownDatabase] = []

    private struct Suspect {
        let relation: RelationFiles
        let known: KnownRelation?
        let coverage: MapCoverage
        let isUnnamed: Bool
        var layout: RelationLayout
    }

    private static let leastSteadyPause: Duration = .milliseconds(500)
    /// Files are looked at so often, and must stay the same between two looks.
    private static let pauses: [Duration] = [50, 200, 500, 1000, 2000, 4000].map {
        .milliseconds($0)
    }

    init(_ output: CheckOutput) {
        self.output = output
        directory = output.directory
        segmentBlocks = directory.control.segmentBlocks
    }

    /// Judges the lengths of a relation's files.
    mutating func judge(
        _ relation: RelationFiles, _ known: KnownRelation?, _ coverage: MapCoverage,
        isUnnamed: Bool
    ) {
        var suspect = Suspect(
            relation: relation, known: known, coverage: coverage, isUnnamed: isUnnamed,
            layout: RelationLayout(listed: relation))
        if faults(of: suspect, mayChange: false).isEmpty { return }
        // Only what looks wrong by the listing is worth a look at each file.
        suspect.layout = RelationLayout(relation, in: directory)
        let faults = faults(of: suspect, mayChange: false)
        if faults.isEmpty { return }
        if output.mayChange() {
            layouts.append(suspect)
        } else {
            add(faults)
        }
    }

    private func faults(
        of suspect: Suspect, mayChange: Bool, log: TruncationLog? = nil
    ) -> [LayoutJudge.Fault] {
        var judge = LayoutJudge(
            relation: suspect.relation, known: suspect.known, coverage: suspect.coverage,
            segmentBlocks: segmentBlocks, mayChange: mayChange, isUnnamed: suspect.isUnnamed)
        judge.wasCutOff = log?.contains(
            database: suspect.relation.database, number: suspect.relation.number)
        return judge.faults(suspect.layout)
    }

    private func add(_ faults: [LayoutJudge.Fault]) {
        for fault in faults {
            switch fault {
            case .finding(let finding): output.add(finding)
            case .doubt(let doubt): output.add(doubt)
            }
        }
    }

    /// Notes what the catalogs name and is not there.
    ///
    /// - Parameter listed: the first files that the listing found, which need no other look.
    mutating func compare(_ snapshot: CatalogSnapshot, listed: Set<String>) {
        databases = snapshot.databases.filter { !$0.isThere }
        unversioned = snapshot.databases.filter { $0.isThere && versionFault($0) != nil }
        failures = snapshot.failures
        spaces = snapshot.tablespaces.filter { !isThere(Self.spacePath($0.key)) }
        for known in snapshot.relations.values.sorted(by: { $0.path < $1.path }) {
            if !listed.contains(known.path) && !isThere(known.path) {
                missing.append(known)
            } else if known.isUnlogged, !isThere(Self.initPath(known)) {
                missingInits.append(known)
            }
        }
    }

    private static func initPath(_ known: KnownRelation) -> String {
        known.path + Fork.initialization.suffix
    }

    private func hasPages(_ known: KnownRelation) -> Bool {
        ((try? directory.files.status(of: known.path)) ?? nil).map { $0.size > 0 } ?? false
    }

    private func isThere(_ path: String) -> Bool {
        do throws(StorageError) {
            return try directory.files.status(of: path) != nil
        } catch {
            // What cannot be looked at is not missing, and the listing has said so.
            return true
        }
    }

    /// Why no server takes a folder for its database's; nil if one does.
    private func versionFault(
        _ database: CatalogSnapshot.KnownDatabase
    ) -> (kind: ClusterFinding.Kind, reason: String)? {
        guard isThere(database.folder) else { return nil }
        let path = Self.versionPath(database)
        do throws(StorageError) {
            if try directory.files.status(of: path) == nil { return (.missing, "it is missing") }
        } catch {
            // The listing has said why the folder cannot be looked into.
            return nil
        }
        do throws(StorageError) {
            _ = try directory.read(path)
        } catch {
            return (.unreadable, ServerFiles.reason(error, path))
        }
        guard let version = directory.version, directory.version(in: path) != version else {
            return nil
        }
        return (.damagedFile, "it does not name the server's version")
    }

    private static func spacePath(_ number: UInt32) -> String { "pg_tblspc/\(number)" }

    /// Passes on the tablespaces that are not there.
    private func addSpaces() {
        for (number, name) in spaces.sorted(by: { $0.key < $1.key }) {
            let path = Self.spacePath(number)
            if isThere(path) || output.hasMissed(path) { continue }
            let owner = "tablespace \(name)"
            if output.mayChange() {
                output.add(
                    ClusterDoubt(
                        path, owner: owner, "it is missing; a server may have been dropping it"))
            } else {
                output.add(
                    ClusterFinding(
                        .missing, path, owner: owner,
                        "it is missing although the catalog names the tablespace"))
            }
        }
    }

    private static func versionPath(_ database: CatalogSnapshot.KnownDatabase) -> String {
        database.folder + "/PG_VERSION"
    }

    /// Passes on the folders that no server takes for a database's.
    private func addUnversioned() {
        if unversioned.isEmpty { return }
        // A server that drops a database soon has removed its folder too.
        let before = unversioned.map { names(in: $0.folder) }
        if output.mayChange() { pause(Self.leastSteadyPause) }
        for (database, before) in zip(unversioned, before) {
            guard let (kind, reason) = versionFault(database) else { continue }
            let (path, owner) = (Self.versionPath(database), "database \(database.name)")
            let isChanging = database.isBeingChanged || names(in: database.folder) != before
            if isChanging && output.mayChange() && kind != .unreadable {
                output.add(
                    ClusterDoubt(
                        path, owner: owner,
                        "\(reason); a server may have been dropping or moving the database"))
            } else {
                output.add(
                    ClusterFinding(
                        kind, path, owner: owner,
                        "\(reason), so that a server does not open the database"))
            }
        }
    }

    private func names(in folder: String) -> Set<String> {
        Set((try? directory.list(folder)) ?? [])
    }

    /// Looks at everything again, and passes on what is still wrong.
    ///
    /// - Throws: `resourcesExhausted`, `closed`.
    mutating func finish() throws(StorageError) {
        settleLayouts()
        // A database that is being changed may have lost its folder already.
        let count = missing.count + missingInits.count + databases.count + failures.count
        if count > 0 { try settleCatalogs() }
        for failure in failures {
            if let finding = failure.finding(in: directory), !output.hasMissed(finding.path) {
                output.add(finding)
            }
            output.add(failure.doubt)
        }
        for database in databases {
            // Nobody can have put anything into it, and a server runs without it. Copies of data
            // directories leave `template0` out to save its space.
            if !database.allowsConnections {
                output.report.absentTemplates += 1
                continue
            }
            let owner = "database \(database.name)"
            if database.isBeingChanged && output.mayChange() {
                output.add(
                    ClusterDoubt(
                        database.folder, owner: owner,
                        "it is missing; a server may have been dropping or moving the database"))
            } else {
                output.add(
                    ClusterFinding(
                        .missing, database.folder, owner: owner,
                        "it is missing although the catalog names its database"))
            }
        }
        addMissing()
        addSpaces()
        addUnversioned()
    }

    /// Looks at the suspicious files until they stay the same. A server that drops a relation of
    /// many segments may need a while.
    private mutating func settleLayouts() {
        // A file that was dropped stays there, empty, until the next checkpoint.
        if !layouts.isEmpty {
            let log = directory.control.isInProduction ? TruncationLog(directory) : nil
            layouts = layouts.filter { !faults(of: $0, mayChange: true, log: log).isEmpty }
        }
        guard !layouts.isEmpty else { return }
        var steady: Set<String> = []
        for duration in Self.pauses {
            pause(duration)
            steady = []
            for index in layouts.indices {
                let layout = RelationLayout(layouts[index].relation, in: directory)
                if layout == layouts[index].layout { steady.insert(layouts[index].relation.path) }
                layouts[index].layout = layout
            }
            layouts = layouts.filter { !faults(of: $0, mayChange: true).isEmpty }
            if layouts.isEmpty { return }
            // Short pauses only let what is quick pass.
            let isLong = duration >= Self.leastSteadyPause
            if isLong && layouts.allSatisfy({ steady.contains($0.relation.path) }) { break }
        }
        // Read after the last look at the files, so that it tells of all that was cut off before.
        let log = directory.control.isInProduction ? TruncationLog(directory) : nil
        for suspect in layouts {
            if steady.contains(suspect.relation.path) {
                add(faults(of: suspect, mayChange: true, log: log))
            } else {
                output.add(
                    ClusterDoubt(
                        suspect.relation.path, owner: suspect.known?.owner,
                        "the lengths of its segments kept changing"))
            }
        }
    }

    /// Reads the catalogs again, and keeps only what they still name and is still missing.
    ///
    /// A server removes a relation's first file only after a checkpoint that has written the
    /// catalogs and the transaction log in which the relation is gone. So catalogs that are read
    /// after the file was missed, and still name it, are right: except in recovery, where files are
    /// removed at once.
    private mutating func settleCatalogs() throws(StorageError) {
        guard output.mayChange() else { return }
        let again = try directory.reopened()
        let session = try again.makeSession()
        let outcome = Result { () throws(StorageError) in
            try CatalogSnapshot(again, session: session, isDeep: false, mayChange: true)
        }
        session.close()
        try again.close()
        let snapshot = try outcome.get()
        let wasMissing = missing + missingInits
        databases = snapshot.databases.filter { database in
            !database.isThere && !isThere(database.folder)
                && databases.contains { $0.folder == database.folder }
        }
        // A folder whose files a server is removing has lost its database before.
        failures = snapshot.failures.filter { failure in
            !failure.database.isBeingChanged && isThere(failure.database.folder)
                && failures.contains { $0.database.folder == failure.database.folder }
        }
        // An init fork is removed at once, but only after the first file was emptied.
        // A server that starts after a crash makes unlogged relations anew from their init forks.
        missing = missing.compactMap { snapshot.relations[$0.path] }.filter {
            !isThere($0.path) && !($0.isUnlogged && isThere(Self.initPath($0)))
        }
        missingInits = missingInits.compactMap { snapshot.relations[$0.path] }.filter {
            !isThere(Self.initPath($0)) && hasPages($0)
        }
        // A database's files are removed at once, before the catalog on disk says so.
        for name in Set((missing + missingInits).compactMap(\.changingDatabase)).sorted() {
            output.add(
                ClusterDoubt(
                    nil,
                    "files of database \(name) are missing; a server may have been dropping or"
                        + " moving the database"))
        }
        missing = missing.filter { $0.changingDatabase == nil }
        missingInits = missingInits.filter { $0.changingDatabase == nil }
        addUncertain(wasMissing, snapshot)
    }

    /// Passes on the missing files about which the catalogs cannot be trusted, as doubts.
    private mutating func addUncertain(_ wasMissing: [KnownRelation], _ snapshot: CatalogSnapshot) {
        let unread = wasMissing.filter { known in
            !snapshot.readFolders.contains(Self.folder(of: known.path)) && !isThere(known.path)
                && isThere(Self.folder(of: known.path)) && !known.path.hasPrefix("pg_tblspc")
                && !known.path.hasPrefix("global")
        }
        for known in unread {
            output.add(
                ClusterDoubt(
                    known.path, owner: known.owner,
                    "it is missing, and the catalogs could not be read again to confirm it"))
        }
        let control = (try? directory.currentControl()) ?? directory.control
        guard control.isInProduction || control.state == .shutDown else {
            let why =
                control.isAssumed
                ? "it is not known whether the server was in recovery"
                : "the server is or was in recovery"
            for known in missing + missingInits {
                output.add(
                    ClusterDoubt(
                        known.path, owner: known.owner,
                        "it is missing, but \(why), in which the catalogs on disk lag behind"))
            }
            missing = []
            missingInits = []
            return
        }
    }

    private static func folder(of path: String) -> String {
        String(path[..<(path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex)])
    }

    /// Passes on the missing files: those of a missing folder as one finding.
    private func addMissing() {
        var folders: [String: Int] = [:]
        for known in missing where !output.hasMissed(known.path) {
            let folder = Self.folder(of: known.path)
            if !isThere(folder) {
                folders[folder, default: 0] += 1
                continue
            }
            output.add(
                ClusterFinding(
                    .missing, known.path, owner: known.owner, fork: .main,
                    "it is missing although the catalog names it"))
        }
        for known in missingInits {
            output.add(
                ClusterFinding(
                    .missing, Self.initPath(known), owner: known.owner, fork: .initialization,
                    "it is missing although the relation is unlogged"))
        }
        for (folder, count) in folders.sorted(by: { $0.key < $1.key }) {
            let what = count == 1 ? "a relation" : "\(count) relations"
            output.add(
                ClusterFinding(
                    .missing, folder,
                    "the folder is missing, and with it \(what) that the catalogs name"))
        }
    }
}
