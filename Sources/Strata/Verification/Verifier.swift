internal import FileAccess

/// Reads the pages of relations and checks them. Belongs to its session's thread.
final class Verifier {
    let engine: Engine
    let session: Session
    private(set) var report = VerificationReport()

    private let observer: VerificationObserver
    private let pagesExpected: UInt64
    private let memory: VerificationMemory
    private var reads: [Read] = []
    private var tally = Tally()

    /// What was found in the main fork of the relation that is being checked.
    private struct Tally {
        var rows: UInt64 = 0
        var newPages: UInt64 = 0
    }

    /// A read in flight, and where its pages go.
    private struct Read {
        let block: UInt32
        let count: Int
        let slot: Int
        let outcome: IOReturn
        let reference: WaitReference
    }

    /// What is being checked.
    struct Subject {
        let relation: Relation
        let fork: Fork
    }

    init(
        _ engine: Engine, _ session: Session, _ observer: VerificationObserver, expected: UInt64
    ) throws(StorageError) {
        self.engine = engine
        self.session = session
        self.observer = observer
        pagesExpected = expected
        let depth = min(8, engine.system.handlesPerSession)
        memory = VerificationMemory(slots: depth, pages: engine.options.combineLimit)
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

    /// Checks all pages of a source, several reads in flight.
    func check(_ source: some PageSource, _ subject: Subject) throws(StorageError) {
        var next = source.blocks.lowerBound
        var free = Array(0..<memory.slots)
        defer { drain() }
        while next < source.blocks.upperBound || !reads.isEmpty {
            if next < source.blocks.upperBound, let slot = free.popLast() {
                next += UInt32(try start(source, next, slot))
                continue
            }
            let read = reads.removeFirst()
            try session.wait(for: read.reference)
            finish(read, source, subject)
            free.append(read.slot)
        }
    }

    private func start(_ source: some PageSource, _ block: UInt32, _ slot: Int)
        throws(StorageError) -> Int
    {
        let count = max(1, min(memory.pages, source.combine(block)))
        let outcome = IOReturn()
        let handle = try session.acquireHandle(reporting: outcome)
        let reference = handle.waitReference
        do throws(StorageError) {
            let pages = memory.addresses(slot, count)
            try source.start(handle, block, pages.span)
            reads.append(
                Read(
                    block: block, count: count, slot: slot, outcome: outcome, reference: reference))
        } catch {
            // Read one by one, each with an error of its own.
            reads.append(
                Read(
                    block: block, count: count, slot: slot, outcome: IOReturn(),
                    reference: WaitReference()))
        }
        return count
    }

    private func finish(_ read: Read, _ source: some PageSource, _ subject: Subject) {
        let arrived = min(read.count, source.blockCount(of: read.outcome.result))
        for index in 0..<read.count {
            let block = read.block + UInt32(index)
            let page = memory.address(read.slot, index)
            var verdict = index < arrived ? verdict(page, block) : nil
            if verdict?.isUsable != true {
                // Once more and alone: who writes the page just now is done by then.
                do throws(StorageError) {
                    try source.read(block, into: page)
                    verdict = self.verdict(page, block)
                } catch {
                    found(
                        subject.finding(
                            .unreadable, error.description, block: block, path: source.path))
                    continue
                }
            }
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
            case nil: break
            }
        }
        observer.progress(
            VerificationProgress(
                relation: subject.relation.name, pagesChecked: report.pagesChecked,
                pagesExpected: max(pagesExpected, report.pagesChecked)))
    }

    private func verdict(_ page: PageAddress, _ block: UInt32) -> PageVerification {
        // The IO into the slot is over, and nobody else has the memory.
        let view = unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer))
        return view.verify(block: block, checksums: engine.control.hasPageChecksums)
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

    /// Waits for what is in flight, as it writes into this object's memory.
    private func drain() {
        for read in reads {
            do throws(StorageError) { try session.wait(for: read.reference) } catch {
                engine.system.wait(for: read.reference)
            }
        }
        reads.removeAll()
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

/// Pages of one's own to read into, aligned for direct IO.
@safe
final class VerificationMemory {
    let slots: Int
    let pages: Int
    private let base: UnsafeMutableRawPointer

    init(slots: Int, pages: Int) {
        self.slots = slots
        self.pages = pages
        unsafe base = .allocate(
            byteCount: slots * pages * blockSize, alignment: FileAccess.directIOAlignment)
    }

    deinit { unsafe base.deallocate() }

    func address(_ slot: Int, _ page: Int) -> PageAddress {
        precondition((0..<slots).contains(slot) && (0..<pages).contains(page))
        return unsafe PageAddress(base + (slot * pages + page) * blockSize)
    }

    func addresses(_ slot: Int, _ count: Int) -> [PageAddress] {
        (0..<count).map { address(slot, $0) }
    }
}
