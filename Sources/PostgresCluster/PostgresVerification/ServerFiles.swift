internal import AsyncIO
internal import FileAccess
internal import PostgresReading
internal import StorageManager

/// Judges what is no relation's and what a server does not start without: the control file,
/// `PG_VERSION`, the logs of transactions' outcomes, the write-ahead log's beginning, and folders.
/// Belongs to the checking thread.
struct ServerFiles {
    private let output: CheckOutput
    private let directory: DataDirectory
    private let log: TransactionLog

    /// The folders that PostgreSQL 13 to 18 makes in every data directory and never removes, except
    /// those whose contents the check lists. Parents come first.
    private static let folders = [
        "pg_commit_ts", "pg_dynshmem", "pg_logical", "pg_logical/mappings", "pg_logical/snapshots",
        "pg_multixact", "pg_multixact/members", "pg_multixact/offsets", "pg_notify", "pg_replslot",
        "pg_serial", "pg_snapshots", "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal", "pg_xact",
    ]
    /// Files that say that the log may come from elsewhere.
    private static let recoveryFiles = ["backup_label", "recovery.signal", "standby.signal"]
    /// A server that removes old files of a log is done by then.
    private static let lookPause: Duration = .milliseconds(500)

    init(_ share: CheckShare, _ output: CheckOutput) {
        self.output = output
        directory = share.directory
        log = share.log
    }

    /// Says what is wrong with the control file, and what was assumed without it.
    func judgeControl() {
        guard let failure = directory.controlFailure else { return }
        output.report.assumesControl = true
        add(failure, ClusterControl.path)
        let checksums = directory.control.hasPageChecksums ? "on" : "off"
        output.add(
            ClusterDoubt(
                ClusterControl.path,
                "it does not tell whether the server was shut down in order, nor which transactions"
                    + " there were; checksums are taken to be \(checksums), as most pages of"
                    + " catalogs have it, and segments to have the usual length"))
    }

    /// Judges the other files.
    func judgeOthers() {
        if let failure = directory.versionFailure {
            add(failure, DataDirectory.versionPath)
            let version = directory.version.map { "taken to be of version \($0)" } ?? "not read"
            output.add(
                ClusterDoubt(DataDirectory.versionPath, "without it, catalogs are \(version)"))
        }
        judgeFolders()
        judgeTransactionLogs()
        judgeWriteAheadLog()
        judgePreparedTransactions()
    }

    private func add(_ failure: StorageError, _ path: String) {
        switch kind(of: path) {
        case nil: add(.missing, path, "it is missing, and without it a server does not start")
        case .file: add(.damagedFile, path, Self.reason(failure, path))
        default: add(.misplaced, path, "it is no regular file")
        }
    }

    private func add(_ kind: ClusterFinding.Kind, _ path: String, _ reason: String) {
        if !output.hasMissed(path) { output.add(ClusterFinding(kind, path, reason)) }
    }

    /// What stands at a path; nil if nothing does. What cannot be looked at counts as a file: that
    /// is said of its reading.
    private func kind(of path: String) -> FileStatus.Kind? {
        do throws(StorageError) { return try directory.files.kind(of: path) } catch { return .file }
    }

    /// An error's message without the path that a finding names.
    static func reason(_ error: StorageError, _ path: String) -> String {
        let place = "file \"\(path)\" "
        return error.message.hasPrefix(place)
            ? "it \(error.message.dropFirst(place.count))" : error.message
    }

    private func judgeFolders() {
        for folder in Self.folders {
            let parent = folder.split(separator: "/").dropLast().joined(separator: "/")
            if !parent.isEmpty && output.hasMissed(parent) { continue }
            switch kind(of: folder) {
            case .directory: break
            case nil: add(.missing, folder, "the folder is missing, which every cluster has")
            default: add(.misplaced, folder, "it is no folder, where every cluster has one")
            }
        }
    }

    /// The control file as it is now, and whether it can be trusted to tell of other files.
    private var control: ClusterControl? {
        let control = (try? directory.currentControl()) ?? directory.control
        return control.isAssumed ? nil : control
    }

    private func judgeTransactionLogs() {
        guard let control else { return }
        for kind in OutcomeLog.Kind.allCases where !output.hasMissed(kind.folder) {
            guard var outcome = OutcomeLog(kind, control, log) else { continue }
            var faults = outcome.faults(directory)
            if faults.isEmpty { continue }
            if output.mayChange() {
                pause(Self.lookPause)
                guard let now = self.control, let again = OutcomeLog(kind, now, log) else {
                    continue
                }
                outcome = again
                faults = outcome.faults(directory)
            }
            for fault in faults {
                if fault.isOldest && output.mayChange() {
                    output.add(
                        ClusterDoubt(
                            fault.path, "it is missing; a server may have removed it as too old"))
                } else {
                    add(fault.isMissing ? .missing : .wrongLength, fault.path, fault.reason)
                }
            }
        }
    }

    /// Whether recovery, or only a start, would find where to begin.
    private func judgeWriteAheadLog() {
        guard !output.hasMissed("pg_wal"), var control,
            !Self.recoveryFiles.contains(where: { kind(of: $0) != nil })
        else { return }
        if TruncationLog.begins(directory, control) { return }
        // A server has written another checkpoint, and removed the log before it.
        if output.mayChange() {
            pause(Self.lookPause)
            guard let now = self.control else { return }
            control = now
            if TruncationLog.begins(directory, control) { return }
        }
        guard control.isInProduction || control.state == .shutDown,
            let path = TruncationLog.firstFile(directory, control)
        else { return }
        if kind(of: path) == nil {
            add(
                .missing, path,
                "it is missing, and without the log from there on a server does not start")
        } else {
            add(
                .damagedFile, path,
                "it has no log at the place where the control file says that it goes on")
        }
    }

    /// Whether what prepared transactions need is whole. A server removes such a file when its
    /// transaction ends.
    private func judgePreparedTransactions() {
        for name in ((try? directory.list(Self.preparedFolder)) ?? []).sorted() {
            let path = "\(Self.preparedFolder)/\(name)"
            guard UInt64(name, radix: 16) != nil, !isWholePrepared(path) else { continue }
            if output.mayChange() {
                pause(Self.lookPause)
                let names = (try? directory.list(Self.preparedFolder)) ?? []
                if !names.contains(name) || isWholePrepared(path) { continue }
            }
            add(.damagedFile, path, "it is not the state of a prepared transaction")
        }
    }

    private static let preparedFolder = "pg_twophase"
    private static let preparedMagic: UInt32 = 0x57F9_4534

    /// Mirrors `ReadTwoPhaseFile`: a magic number, the length, and a checksum at the end.
    private func isWholePrepared(_ path: String) -> Bool {
        guard let bytes = (try? directory.read(path)) ?? nil, bytes.count >= 12 else {
            return false
        }
        let end = bytes.count - 4
        func word(_ offset: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
        }
        return word(0) == Self.preparedMagic && word(4) == UInt32(bytes.count)
            && word(end) == CRC32C.checksum(bytes.span.extracting(0..<end))
    }
}
