internal import FileAccess

/// Reads the pages of relations and checks them. Belongs to its session's thread.
final class Verifier {
    let engine: Engine
    let session: Session
    private(set) var report = VerificationReport()

    private let observer: VerificationObserver
    private let pagesExpected: UInt64
    private let checker: PageChecker
    private var tally = Tally()

    /// What was found in the main fork of the relation that is being checked.
    private struct Tally {
        var rows: UInt64 = 0
        var newPages: UInt64 = 0
    }

    /// What is being checked.
    struct Subject {
        let relation: Relation
        let fork: Fork
    }

    init(
        _ engine: Engine, _ session: Session, _ observer: VerificationObserver, expected: UInt64
    ) {
        self.engine = engine
        self.session = session
        self.observer = observer
        pagesExpected = expected
        checker = PageChecker(
            session, checksums: engine.control.hasPageChecksums,
            combineLimit: engine.options.combineLimit)
    }

    /// Counts and reports something that is wrong.
    func found(_ finding: VerificationFinding) {
        report.findings += 1
        observer.finding(finding)
    }

    /// Checks all of a relation.
    func verify(_ relation: Relation) throws(StorageError) {
        report.relations += 1
        tally = Tally()
        let findings = report.findings
        for fork in Fork.allCases {
            let subject = Subject(relation: relation, fork: fork)
            if relation.managerName == Engine.defaultManagerName {
                try verifySegments(subject)
            } else {
                try verifyManaged(subject)
            }
            if fork == .main { compareRows(subject, findingsBefore: findings) }
        }
    }

    /// Compares the rows that sound pages hold with those that loads brought in: a page that was
    /// overwritten with zeroes is as good as a new one, and only its missing rows tell of it. More
    /// rows are in order, as whoever extends a relation need not count what it adds.
    private func compareRows(_ subject: Subject, findingsBefore: Int) {
        guard let expected = subject.relation.rowCount, tally.rows < expected else { return }
        // Rows that are missing for a reason that was told are not told of again.
        guard report.findings == findingsBefore || tally.newPages > 0 else { return }
        let pages = tally.newPages == 1 ? "1 page is" : "\(tally.newPages) pages are"
        found(
            subject.finding(
                .missingRows,
                "holds \(tally.rows) \(tally.rows == 1 ? "row" : "rows") where the catalog says"
                    + " \(expected); \(pages) all zeroes"))
    }

    /// A fork that only its manager can find: nothing is known of its files.
    private func verifyManaged(_ subject: Subject) throws(StorageError) {
        let relation = subject.relation.open
        do throws(StorageError) {
            guard try relation.storage.exists(subject.fork) else {
                if subject.fork == .main {
                    found(subject.finding(.missingFile, "the relation does not exist"))
                }
                return
            }
            let count = try relation.storage.blockCount(subject.fork)
            let expected = engine.description(of: subject.relation.name)
            let wanted = expected?.blockCount(of: subject.fork) ?? 0
            if count < wanted {
                found(
                    subject.finding(
                        .wrongLength, "has \(count) blocks where the catalog says \(wanted)"))
            }
            let end = limit(count, subject)
            try check(
                ManagedSource(relation: relation, fork: subject.fork, blocks: 0..<end), subject)
            try engine.managers.manager(relation.manager)?.check(
                relation.locator, fork: subject.fork
            ) { error in
                found(
                    subject.finding(
                        .damagedStorage, error.message, block: error.location.block,
                        path: error.location.path))
            }
        } catch {
            if error.code == .closed || error.code == .misuse { throw error }
            found(subject.finding(.unreadable, error.description))
        }
    }

    /// Blocks beyond what readers see are left out: somebody is writing them, or a crash has left
    /// them, and they are cut off before the relation grows.
    func limit(_ end: UInt32, _ subject: Subject) -> UInt32 {
        subject.fork == .main ? min(end, subject.relation.blockCount) : end
    }

    /// Checks all pages of a source.
    func check(_ source: some PageSource, _ subject: Subject) throws(StorageError) {
        try checker.check(source) { block, finding in
            switch finding {
            case .page(let verdict, let page): judge(block, verdict, page, source, subject)
            case .unreadable(let error):
                found(
                    subject.finding(
                        .unreadable, error.description, block: block, path: source.path))
            }
            observer.progress(
                VerificationProgress(
                    relation: subject.relation.name, pagesChecked: report.pagesChecked,
                    pagesExpected: max(pagesExpected, report.pagesChecked)))
        }
    }

    private func judge(
        _ block: UInt32, _ verdict: PageVerification, _ page: PageAddress,
        _ source: some PageSource, _ subject: Subject
    ) {
        report.pagesChecked += 1
        switch verdict {
        case .new:
            report.newPages += 1
            if subject.fork == .main { tally.newPages += 1 }
        case .invalid(let reason):
            found(
                subject.finding(
                    .damagedPage, reason.description, block: block, path: source.path))
        case .valid:
            if subject.fork == .main { tally.rows += rows(page) }
        }
    }

    /// How many items the page has, none of them dead.
    private func rows(_ page: PageAddress) -> UInt64 {
        // As in `verdict`: the memory is this object's alone.
        let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
        var count: UInt64 = 0
        for number in view.linePointerNumbers
        where view.linePointer(number)?.state == .normal {
            count += 1
        }
        return count
    }
}

extension Verifier.Subject {
    func finding(
        _ kind: VerificationFinding.Kind, _ reason: String, block: UInt32? = nil,
        path: String? = nil
    ) -> VerificationFinding {
        VerificationFinding(
            kind: kind, relation: relation.name, fork: fork, block: block, path: path,
            reason: reason)
    }
}
