internal import FileAccess
internal import Threads
internal import ToastFormat

/// Reads the pages of relations and checks them. Belongs to its session's thread.
final class Verifier {
    let engine: Engine
    let session: Session
    private(set) var report = VerificationReport()
    var segmentFiles: SegmentFiles

    private let observer: VerificationObserver
    private let pagesExpected: UInt64
    private let checker: PageChecker
    private var pages = PageFindings()

    /// A fork being checked.
    struct Subject {
        let relation: Relation
        let fork: Fork
        /// The main fork as readers saw it when checking began. Later pages are being added.
        let extent: RelationExtent
        /// Of a further fork, what the catalog counted then, and what readers saw.
        let counted: UInt32?
        let visible: UInt32?
        /// Tells of cuts since then.
        let watch: Int

        init(_ relation: Relation, _ fork: Fork, _ extent: RelationExtent, watch: Int) {
            (self.relation, self.fork, self.extent) = (relation, fork, extent)
            self.watch = watch
            counted = relation.engine.description(at: relation.locator)?.blockCount(of: fork)
            visible = counted == nil ? nil : try? relation.blockCount(of: fork)
        }

        /// Blocks from here on were cut off meanwhile, so nothing is to be said of them.
        var lowest: UInt32 {
            relation.record.withForks { $0.lowest(fork, since: watch) }
        }
    }

    init(
        _ engine: Engine, _ session: Session, _ observer: VerificationObserver, expected: UInt64
    ) {
        self.engine = engine
        self.session = session
        self.observer = observer
        pagesExpected = expected
        segmentFiles = SegmentFiles(engine.files)
        checker = PageChecker(
            session, checksums: engine.control.hasPageChecksums,
            combineLimit: engine.options.combineLimit)
    }

    /// Does the same for a fork, unless the block was cut off meanwhile.
    func found(_ finding: VerificationFinding, in subject: Subject) {
        if finding.block.map({ $0 < subject.lowest }) ?? true { found(finding) }
    }

    /// Counts and reports a finding.
    func found(_ finding: VerificationFinding) {
        report.findings += 1
        observer.finding(finding)
    }

    /// Checks all of a relation.
    func verify(_ relation: Relation) throws(StorageError) {
        report.relations += 1
        let findings = report.findings
        let watch = relation.record.withForks { $0.watch() }
        defer { relation.record.withForks { $0.endWatch(watch) } }
        let extent = relation.extent
        for fork in Fork.allCases {
            let subject = Subject(relation, fork, extent, watch: watch)
            // One without blocks may be half created, and counts for nothing.
            if fork != .main, subject.counted == 0, subject.visible == 0 { continue }
            pages =
                fork == .main
                ? PageFindings(relation.schema, values: try values(of: relation)) : PageFindings()
            if relation.open.capabilities.keepsSegmentFiles {
                try verifySegments(subject)
            } else {
                try verifyManaged(subject)
            }
            tell(pages.takeRest(), subject)
            if fork == .main { compareRows(subject, findingsBefore: findings) }
        }
    }

    /// What finds the values that a relation has out of line. A toast relation that cannot be used
    /// is reported by itself, and as the loss of each value.
    private func values(of relation: Relation) throws(StorageError) -> (any ExternalValues)? {
        let role = engine.description(at: relation.locator)?.toast
        guard case .values(let name, _) = role else { return nil }
        do throws(StorageError) {
            guard let toast = try relation.toast(checkingLength: false) else { return nil }
            let (engine, checksums) = (engine, engine.control.hasPageChecksums)
            return RetriedValues {
                // An append that has put rows in place, but not published their values yet, holds
                // the lock.
                engine.changes.withLock { _ in }
                return ToastValues(
                    StoredToastPages(
                        name, toast.open, blockCount: toast.blockCount, checksums: checksums))
            }
        } catch {
            guard error.concernsOneRelation else { throw error }
            return NoExternalValues()
        }
    }

    /// Compares the rows on intact pages with those that loads added. A page of another time is
    /// intact in itself; only the number of rows reveals it.
    private func compareRows(_ subject: Subject, findingsBefore: Int) {
        guard let expected = subject.extent.rowCount, !subject.extent.allows(pages.rows) else {
            return
        }
        // Missing rows whose cause was reported are not reported again.
        guard report.findings == findingsBefore || pages.toleratedZeroes > 0 else { return }
        guard subject.relation.record.isCounted,
            !subject.relation.wasFilled(to: pages.rows, since: subject.extent)
        else { return }
        var reason =
            "holds \(pages.rows) \(pages.rows == 1 ? "row" : "rows") where the catalog says"
            + " \(expected)"
        if pages.toleratedZeroes == 1 { reason += "; 1 page is all zeroes" }
        if pages.toleratedZeroes > 1 { reason += "; \(pages.toleratedZeroes) pages are all zeroes" }
        if pages.otherItems > 0 {
            reason += "; \(pages.otherItems) line pointers are dead, unused or redirect to others"
        }
        found(subject.finding(pages.rows < expected ? .missingRows : .surplusRows, reason))
    }

    /// Checks a fork that only its manager can find, without knowing its files.
    private func verifyManaged(_ subject: Subject) throws(StorageError) {
        let relation = subject.relation.open
        do throws(StorageError) {
            guard try relation.storage.exists(subject.fork) else {
                let wanted = expectedCount(subject)
                if subject.fork == .main {
                    let path = relation.locator.description
                    found(subject.finding(.missingFile, "its files are missing", path: path))
                } else if wanted > 0 {
                    found(
                        subject.finding(
                            .missingFile, "the fork is missing, of \(wanted) blocks"))
                }
                return
            }
            let count = try relation.storage.blockCount(subject.fork)
            // A cut makes itself known before the fork becomes shorter.
            let wanted = expectedCount(subject)
            if count < wanted {
                found(
                    subject.finding(
                        .wrongLength, "has \(count) blocks where the catalog says \(wanted)"))
            }
            let end = try limit(managed: count, subject)
            try check(
                ManagedSource(relation: relation, fork: subject.fork, blocks: 0..<end), subject)
            tell(pages.takeRest(), subject)
            try engine.managers.manager(relation.manager)?.check(
                relation.locator, fork: subject.fork
            ) { error in
                found(
                    subject.finding(
                        .damagedStorage, error.message, block: error.location.block,
                        path: error.location.path), in: subject)
            }
        } catch {
            if [.closed, .misuse, .timedOut, .fenced].contains(error.code) { throw error }
            found(subject.finding(.unreadable, error.description))
        }
    }

    /// How many blocks a fork must have, of those that it had when checking began.
    func expectedCount(_ subject: Subject) -> UInt32 {
        let count = subject.fork == .main ? subject.extent.blockCount : subject.counted ?? 0
        return min(count, subject.lowest)
    }

    /// Excludes blocks beyond what readers see: they are being written, or a crash has left them,
    /// and they are cut off before the relation grows.
    func limit(_ end: UInt32, _ subject: Subject) -> UInt32 {
        // Of a fork that the catalog does not know everything is looked at.
        let visible = subject.fork == .main ? subject.extent.blockCount : subject.visible ?? end
        return min(end, visible, subject.lowest)
    }
}

extension Verifier {
    /// The same for a fork that only its manager can find. Of forks other than the main one, at
    /// most as many blocks are checked as fit into the space that it takes, whatever length it
    /// claims. All others are zeroes, which are valid there.
    private func limit(managed end: UInt32, _ subject: Subject) throws(StorageError) -> UInt32 {
        let relation = subject.relation.open
        guard subject.fork != .main,
            let space = try engine.managers.manager(relation.manager)?.space(
                of: relation.locator, fork: subject.fork)
        else { return limit(end, subject) }
        return min(
            limit(end, subject), UInt32(clamping: space.usedBytes / Self.leastBytesOfPage))
    }

    /// The least space per page: a chunk of a compressed relation has sixteen in 4096 bytes.
    private static let leastBytesOfPage = 256
}

/// Pages.
extension Verifier {
    /// Checks all pages of a source.
    func check(_ source: some PageSource, _ subject: Subject) throws(StorageError) {
        try checker.check(source) { block, finding in
            switch finding {
            case .page(let verdict, let page): judge(block, verdict, page, source, subject)
            case .unreadable(let error):
                note(block..<block + 1, .unreadable, error.description, source.path, subject)
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
        if verdict != .new { report.pagesChecked += 1 }
        switch verdict {
        case .new: judgeZeroes(block..<block + 1, source.path, subject)
        case .invalid(let reason):
            note(block..<block + 1, .damagedPage, reason.description, source.path, subject)
        case .valid where subject.fork == .main && subject.relation.pageKind == .postgres:
            // As in the checker's verdict: this object alone has the memory until the next page.
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
            if let fault = pages.count(view) {
                note(block..<block + 1, .damagedRow, fault, source.path, subject)
            }
        case .valid: break
        }
    }

    /// Judges pages of zeroes. Those that a load left have lost their rows.
    func judgeZeroes(_ blocks: Range<UInt32>, _ path: String?, _ subject: Subject) {
        report.pagesChecked += UInt64(blocks.count)
        report.newPages += UInt64(blocks.count)
        guard subject.fork == .main else { return }
        if subject.extent.isRowCountExact, subject.relation.record.isCounted {
            note(blocks, .zeroedPage, Self.zeroReason, path, subject)
        } else {
            pages.toleratedZeroes += UInt64(blocks.count)
        }
    }

    static let zeroReason = "all zeroes, where loads left rows"

    private func note(
        _ blocks: Range<UInt32>, _ kind: VerificationFinding.Kind, _ reason: String,
        _ path: String?, _ subject: Subject
    ) {
        let kept = blocks.clamped(to: 0..<subject.lowest)
        if kept.isEmpty { return }
        tell(
            pages.note(
                PageFindings.Run(blocks: kept, kind: kind, reason: reason, path: path)), subject)
    }

    private func tell(_ run: PageFindings.Run?, _ subject: Subject) {
        guard let run else { return }
        found(
            subject.finding(
                run.kind, run.words, block: run.blocks.lowerBound, path: run.path))
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
