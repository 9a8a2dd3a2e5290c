internal import AsyncIO
internal import FileAccess
internal import PageChecking
internal import PageFormat
internal import PostgresReading
internal import StorageManager

/// Checks the pages of one relation after another. Belongs to its session's thread.
final class RelationCheck {
    private let output: CheckOutput
    private let directory: DataDirectory
    private let checker: PageChecker
    private var pacer: RatePacer?
    /// The relation being checked.
    private var owner: String?
    private var kinds = KindTally(expected: nil)
    private(set) var coverage = MapCoverage()
    /// What looks into heap pages; nil if that was not asked for.
    var heap: HeapInspection?
    /// How many damaged pages of the file were read again after pauses.
    private var patience = 0

    /// A server that is writing a page is done by the last of these.
    private static let rereadPauses: [Duration] = [2, 5, 10, 20, 40, 80].map { .milliseconds($0) }
    /// In a file with so many damaged pages, the next ones are believed at once.
    private static let mostPatience = 20

    init(
        _ output: CheckOutput, session: Session, options: ClusterVerificationOptions
    ) {
        self.output = output
        directory = output.directory
        checker = PageChecker(
            session, checksums: directory.control.hasPageChecksums,
            combineLimit: PostgresOptions.combineLimit)
        pacer = options.bytesPerSecond.map { RatePacer(bytesPerSecond: $0) }
    }

    /// Checks the pages of all files of a relation.
    ///
    /// - Throws: `resourcesExhausted`, `closed`.
    func check(_ relation: RelationFiles, _ known: KnownRelation?) throws(StorageError) {
        owner = known?.owner
        coverage = MapCoverage()
        for fork in Fork.allCases {
            kinds = KindTally(
                expected: fork == .main || fork == .initialization ? known?.kind : nil)
            let files = relation.files.filter { $0.fork == fork }
            for file in files { try check(file) }
            guard let first = files.first, fork == .main || fork == .initialization else {
                continue
            }
            let segmentBlocks = UInt32(clamping: directory.control.segmentBlocks)
            for (kind, blocks) in kinds.foreign {
                for block in blocks.ranges.joined() {
                    output.add(
                        ClusterFinding(
                            .foreignPage, relation.path(fork, block / max(1, segmentBlocks)),
                            owner: owner, fork: first.fork, block: block,
                            "it looks like a page of \(kind.name), in a file of"
                                + " \(kinds.name)"))
                }
            }
        }
    }

    private func check(_ file: DataFile) throws(StorageError) {
        patience = 0
        let segmentBlocks = UInt64(directory.control.segmentBlocks)
        // The listing has refused numbers that do not fit.
        let first = UInt32(clamping: UInt64(file.segment) * segmentBlocks)
        let open: VirtualFile
        var bytes: Int64
        do throws(StorageError) {
            open = try directory.files.open(file.path, .readOnly)
            bytes = try open.size()
        } catch {
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            if Self.isGone(error) {
                output.report.vanishedFiles += 1
                return
            }
            return found(.unreadable, file, first, error.description)
        }
        defer { open.close(checker.session) }
        output.report.files += 1
        if bytes % Int64(blockSize) != 0, output.mayChange() { bytes = settled(open, bytes) }
        let blocks = UInt64(bytes) / UInt64(blockSize)
        guard blocks <= segmentBlocks,
            UInt64(first) + blocks <= UInt64(BlockNumber.maximumCount)
        else {
            return found(
                .wrongLength, file, nil, "the file has \(bytes) bytes, more than a segment")
        }
        let end = first + UInt32(blocks)
        let rest = Int(bytes % Int64(blockSize))
        if rest != 0 {
            found(
                .wrongLength, file, nil,
                "the file has \(bytes) bytes: it ends with \(rest) of a block's \(blockSize)")
        }
        let source = SegmentSource(
            file: open, firstBlock: first, blocks: first..<end,
            locator: RelationLocator(database: file.database, number: file.number),
            fork: file.fork, manager: DataDirectory.magnetic, target: directory.verificationTarget)
        try checker.check(source) { block, finding in
            take(block, finding, file, source, open, offset: Int64(block - first))
        }
        output.progress(file.path)
    }

    /// The length after a server has finished a write that was under way.
    private func settled(_ file: VirtualFile, _ bytes: Int64) -> Int64 {
        var bytes = bytes
        for duration in Self.rereadPauses where bytes % Int64(blockSize) != 0 {
            pause(duration)
            bytes = (try? file.size()) ?? bytes
        }
        return bytes
    }

    private static func isGone(_ error: StorageError) -> Bool {
        error.code == .fileMissing || error.code == .fileReplaced
    }

    private func found(
        _ kind: ClusterFinding.Kind, _ file: DataFile, _ block: UInt32?, _ reason: String
    ) {
        output.add(
            ClusterFinding(
                kind, file.path, owner: owner, fork: file.fork, block: block, reason))
    }
}

extension RelationCheck {
    private func take(
        _ block: UInt32, _ finding: PageChecker.Finding, _ file: DataFile,
        _ source: SegmentSource, _ open: VirtualFile, offset: Int64
    ) {
        pacer?.read(blockSize)
        var finding = finding
        if case .page(.invalid, let page) = finding {
            finding = again(block, finding, page, source)
        }
        switch finding {
        case .unreadable(let error):
            if isCutOff(open, offset, error) {
                output.report.cutOffPages += 1
            } else {
                found(.unreadable, file, block, error.description)
            }
            return
        case .page(.invalid(let reason), _):
            output.report.pages += 1
            found(.damagedPage, file, block, reason.description)
        case .page(.new, _):
            output.report.pages += 1
            output.addZeroPage(block, file.path, owner, file.fork)
        case .page(.valid, let page):
            output.report.pages += 1
            // No other thread has the memory until this returns.
            lookInto(unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer)), block, file)
        }
        if block % 1024 == 0 { output.progress(file.path) }
    }

    /// Reads a damaged page again, since a running server may be writing it.
    private func again(
        _ block: UInt32, _ finding: PageChecker.Finding, _ page: PageAddress,
        _ source: SegmentSource
    ) -> PageChecker.Finding {
        guard patience < Self.mostPatience, output.mayChange() else { return finding }
        patience += 1
        var last = finding
        for duration in Self.rereadPauses {
            pause(duration)
            last = checker.read(block, of: source, into: page)
            if case .page(let verdict, _) = last, verdict.isUsable {
                patience -= 1
                return last
            }
            if case .unreadable = last { return last }
        }
        return last
    }

    /// Whether the page could not be read because a server has cut it off or removed the file.
    private func isCutOff(_ file: VirtualFile, _ offset: Int64, _ error: StorageError) -> Bool {
        if Self.isGone(error) { return true }
        do throws(StorageError) {
            return try file.size() < (offset + 1) * Int64(blockSize)
        } catch {
            return Self.isGone(error)
        }
    }

    private func lookInto(_ page: PageView, _ block: UInt32, _ file: DataFile) {
        switch file.fork {
        case .freeSpaceMap, .visibilityMap:
            guard MapCoverage.mayHave(page) else {
                return found(
                    .foreignPage, file, block,
                    "it has line pointers or a special space, which a map's page never has")
            }
            if file.fork == .visibilityMap {
                coverage.takeVisibility(page, block)
            } else {
                coverage.takeFreeSpace(page, block)
            }
        case .main, .initialization:
            let kind = PageKind(page)
            kinds.take(kind, block)
            if file.fork == .main, heap != nil { lookDeeper(page, kind, block, file) }
        }
    }

    private func lookDeeper(
        _ page: PageView, _ kind: PageKind, _ block: UInt32, _ file: DataFile
    ) {
        func report(_ number: OffsetNumber?, _ reason: String) {
            output.add(
                ClusterFinding(
                    .damagedItem, file.path, owner: owner, fork: file.fork, block: block,
                    linePointer: number, reason))
        }
        guard kind == .heap else { return IndexInspection.take(page, kind, report) }
        guard let heap else { return }
        heap.take(page, block)
        for fault in heap.faults { report(fault.linePointer, fault.reason) }
    }
}
