internal import AsyncIO
internal import PostgresReading
internal import StorageManager

/// Gathers what a check finds, and passes it on. Belongs to the checking thread.
final class CheckOutput {
    let directory: DataDirectory
    private let server: ServerWatch
    private let observer: ClusterObserver
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant
    private var lastProgress: ContinuousClock.Instant
    var report = ClusterReport()
    /// Bytes of all files when the check began.
    var totalBytes: UInt64 = 0
    /// The files with findings or pages of zeroes that are not passed on yet, in their order.
    private var verdicts: [FileVerdict] = []
    /// What was found missing.
    private var missed: Set<String> = []

    private static let progressPause: Duration = .milliseconds(200)

    init(_ share: CheckShare, _ observer: ClusterObserver) {
        directory = share.directory
        server = share.server
        self.observer = observer
        begin = clock.now
        lastProgress = begin
    }

    func add(_ finding: ClusterFinding) {
        report.findings += 1
        observer.finding(finding)
        if finding.kind == .missing { missed.insert(finding.path) }
        let index = index(finding.path, finding.owner, finding.fork)
        verdicts[index].add(finding)
    }

    func addZeroPages(_ blocks: BlockRanges, _ path: String, _ owner: String?, _ fork: Fork) {
        if blocks.count == 0 { return }
        report.zeroPages += blocks.count
        let index = index(path, owner, fork)
        verdicts[index].zeroPages.add(blocks)
    }

    /// Whether a finding said that the path is missing.
    func hasMissed(_ path: String) -> Bool { missed.contains(path) }

    func add(_ doubt: ClusterDoubt) {
        report.doubts += 1
        observer.doubt(doubt)
    }

    private func index(_ path: String, _ owner: String?, _ fork: Fork?) -> Int {
        if let index = verdicts.lastIndex(where: { $0.path == path }) { return index }
        verdicts.append(FileVerdict(path, owner: owner, fork: fork))
        return verdicts.count - 1
    }

    /// Passes on the verdicts about the files that are done.
    func flush() {
        for verdict in verdicts {
            if verdict.findings > 0 { report.damagedFiles += 1 }
            observer.file(verdict)
        }
        verdicts = []
    }

    /// Reports the progress if it is time to.
    func progress(_ path: String, bytes: UInt64) {
        let now = clock.now
        guard now - lastProgress >= Self.progressPause else { return }
        lastProgress = now
        observer.progress(
            ClusterProgress(
                path: path, bytes: bytes, totalBytes: totalBytes,
                elapsedNanoseconds: UInt64(max(0, (now - begin) / .nanoseconds(1)))))
    }

    /// Whether a server may be changing the files: see ``ServerWatch``.
    func mayChange() -> Bool { server.mayChange() }
}
