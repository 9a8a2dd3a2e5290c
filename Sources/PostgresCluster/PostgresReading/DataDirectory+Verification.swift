public import AsyncIO
internal import FileAccess
public import PageChecking
internal import PageFormat
internal import StorageManager
internal import Threads

extension DataDirectory {
    /// Checks all pages of all relation files as they are on disk.
    ///
    /// Verifies each page's header, its checksum if the cluster has checksums, and that files end
    /// with whole blocks. Continues after damage, with several reads in flight. Skips files that
    /// vanish meanwhile, as a server's do. Mirrors PostgreSQL's `pg_checksums --check`, which does
    /// not check headers, nor clusters without checksums.
    ///
    /// - Throws: what listing directories throws, `resourcesExhausted`, `closed`. Damage is a
    ///   finding, not an error; its relation is the path without a segment's number.
    public func verify(
        session: Session, observer: VerificationObserver = VerificationObserver()
    ) throws(StorageError) -> VerificationReport {
        guard session.system === system else {
            throw StorageError(
                .misuse, "the session belongs to another engine",
                remedy: "Use a session that this data directory's makeSession() gave.")
        }
        let found = try relationFiles()
        var check = DataFileCheck(self, session, observer)
        check.report.relations =
            Set(found.map { [$0.path.split(separator: "/").dropLast().joined(), "\($0.number)"] })
            .count
        for file in found { try check.verify(file) }
        return check.report
    }
}

/// Checks one file after another. Belongs to its session's thread.
private struct DataFileCheck {
    private let directory: DataDirectory
    private let observer: VerificationObserver
    private let checker: PageChecker
    var report = VerificationReport()

    init(_ directory: DataDirectory, _ session: Session, _ observer: VerificationObserver) {
        self.directory = directory
        self.observer = observer
        checker = PageChecker(
            session, checksums: directory.control.hasPageChecksums,
            combineLimit: PostgresOptions.combineLimit)
    }

    mutating func verify(_ file: DataFile) throws(StorageError) {
        let segmentBlocks = UInt64(directory.control.segmentBlocks)
        let first = UInt32(clamping: UInt64(file.segment) * segmentBlocks)
        let open: VirtualFile
        let bytes: Int64
        do throws(StorageError) {
            open = try directory.files.open(file.path, .readOnly)
            bytes = try open.size()
        } catch {
            if error.code == .resourcesExhausted { throw error }
            if error.errorNumber == ENOENT { return }
            found(.unreadable, file, first, error.description)
            return
        }
        defer { open.close(checker.session) }
        let blocks = UInt64(bytes) / UInt64(blockSize)
        guard blocks <= segmentBlocks,
            UInt64(file.segment) * segmentBlocks + blocks <= UInt64(BlockNumber.maximumCount)
        else {
            found(.wrongLength, file, first, "the file has \(bytes) bytes, more than a segment")
            return
        }
        let end = first + UInt32(blocks)
        let rest = Int(bytes % Int64(blockSize))
        if rest != 0 {
            found(
                .wrongLength, file, end,
                "the file has \(bytes) bytes: it ends with \(rest) of a block's \(blockSize)")
        }
        let source = SegmentSource(
            file: open, firstBlock: first, blocks: first..<end,
            locator: RelationLocator(database: file.database, number: file.number),
            fork: file.fork, manager: DataDirectory.magnetic, target: directory.verificationTarget)
        try checker.check(source) { block, finding in
            switch finding {
            case .page(.invalid(let reason), _):
                report.pagesChecked += 1
                found(.damagedPage, file, block, reason.description)
            case .page(let verdict, _):
                report.pagesChecked += 1
                if verdict == .new { report.newPages += 1 }
            case .unreadable(let error):
                found(.unreadable, file, block, error.description)
            }
        }
        observer.progress(
            VerificationProgress(
                relation: file.path, pagesChecked: report.pagesChecked,
                pagesExpected: report.pagesChecked))
    }

    private mutating func found(
        _ kind: VerificationFinding.Kind, _ file: DataFile, _ block: UInt32, _ reason: String
    ) {
        report.findings += 1
        let base = file.path.split(separator: ".", maxSplits: 1)[0]
        observer.finding(
            VerificationFinding(
                kind: kind, relation: String(base), fork: file.fork, block: block, path: file.path,
                reason: reason))
    }
}
