internal import AsyncIO
internal import FileAccess
internal import PageChecking
internal import PageFormat
internal import PostgresReading
internal import StorageManager

/// Checks pieces of files, one after another. Belongs to its session's thread.
final class PieceCheck {
    private let share: CheckShare
    private let checker: PageChecker
    /// Bytes read and not counted in the share yet.
    private var gathered = 0
    /// What looks into heap pages of the piece; nil if that was not asked for.
    private var heap: HeapInspection?
    /// What looks into the tuples of a B-tree; nil if that was not asked for, or its columns are
    /// not known.
    private var tree: BTreeTuples?
    private var result = PieceResult(piece: 0)
    /// Receives a part of the piece's result while the rest is not known yet. Returns whether to go
    /// on.
    private var give: (PieceResult) -> Bool = { _ in true }

    /// A server that is writing a page is done by the last of these.
    private static let rereadPauses: [Duration] = [2, 5, 10, 20, 40, 80].map { .milliseconds($0) }
    /// How many findings of a piece wait for its end.
    private static let mostFindings = 4096

    init(_ share: CheckShare, session: Session) {
        self.share = share
        checker = PageChecker(
            session, checksums: share.directory.control.hasPageChecksums,
            combineLimit: PostgresOptions.combineLimit)
    }

    /// Checks a piece.
    ///
    /// - Parameters:
    ///   - number: the piece's number, for its results.
    ///   - give: receives results that are too many to keep, before the one that is returned.
    func check(
        _ piece: CheckPiece, _ number: Int, give: @escaping (PieceResult) -> Bool
    ) -> PieceResult {
        self.give = give
        result = PieceResult(piece: number)
        // The control file is read to find out, and most files are not of tables.
        let isTable = piece.file.fork == .main && (piece.known?.kind ?? .heap) == .heap
        heap =
            share.isDeep
            ? HeapInspection(
                piece.known, share.directory.control, share.log,
                mayChange: !isTable || share.server.mayChange(), gathering: piece.gathering) : nil
        tree = nil
        if share.isDeep && piece.known?.kind == .btree {
            tree = (piece.known?.layouts).map { BTreeTuples($0) }
        }
        do throws(StorageError) {
            if let source = try source(piece) {
                try checker.check(source) { block, finding in
                    take(block, finding, piece, source)
                }
                source.file.close(checker.session)
            }
        } catch {
            result.failure = error
        }
        takeGathered()
        self.give = { _ in true }
        return result
    }

    /// The pages to read; nil if there are none.
    ///
    /// - Throws: `resourcesExhausted`, `closed`.
    private func source(_ piece: CheckPiece) throws(StorageError) -> SegmentSource? {
        let directory = share.directory
        let file = piece.file
        let segmentBlocks = UInt64(directory.control.segmentBlocks)
        // The listing has refused numbers that do not fit.
        let first = UInt32(clamping: UInt64(file.segment) * segmentBlocks)
        // What concerns the whole file is said once.
        let isFirst = piece.start == 0 && !piece.isRepeated
        let open: VirtualFile
        var bytes: Int64
        do throws(StorageError) {
            open = try directory.files.open(file.path, .readOnly)
            bytes = try open.size()
        } catch {
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            if !isFirst { return nil }
            if Self.isGone(error) {
                result.vanishedFiles += 1
            } else {
                found(.unreadable, piece, first, error.description)
            }
            return nil
        }
        if isFirst {
            result.files += 1
            if bytes % Int64(blockSize) != 0, share.server.mayChange() {
                bytes = settled(open, bytes)
            }
        }
        let blocks = UInt64(bytes) / UInt64(blockSize)
        guard blocks <= segmentBlocks,
            UInt64(first) + blocks <= UInt64(BlockNumber.maximumCount)
        else {
            if isFirst {
                found(
                    .wrongLength, piece, nil, "the file has \(bytes) bytes, more than a segment")
            }
            open.close(checker.session)
            return nil
        }
        let rest = Int(bytes % Int64(blockSize))
        if isFirst && rest != 0 {
            found(
                .wrongLength, piece, nil,
                "the file has \(bytes) bytes: it ends with \(rest) of a block's \(blockSize)")
        }
        let end = first + UInt32(min(piece.end ?? blocks, blocks))
        return SegmentSource(
            file: open, firstBlock: first, blocks: min(first + UInt32(piece.start), end)..<end,
            locator: RelationLocator(database: file.database, number: file.number),
            fork: file.fork, manager: DataDirectory.magnetic, target: directory.verificationTarget)
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
        _ kind: ClusterFinding.Kind, _ piece: CheckPiece, _ block: UInt32?, _ reason: String,
        at linePointer: OffsetNumber? = nil
    ) {
        if piece.isRepeated { return }
        result.findings.append(
            ClusterFinding(
                kind, piece.file.path, fork: piece.file.fork, block: block,
                linePointer: linePointer, reason))
    }

    /// Hands over what is too much to keep.
    private func giveIfFull() {
        guard result.findings.count >= Self.mostFindings else { return }
        var part = PieceResult(piece: result.piece)
        part.isLast = false
        swap(&part.findings, &result.findings)
        _ = give(part)
    }

    private func takeGathered() {
        guard let heap else { return }
        result.pointers = heap.foundPointers
        result.chunks = heap.foundChunks
        self.heap = nil
    }
}

extension CheckPiece {
    /// Whether the file's pages are of one access method.
    var hasKind: Bool { file.fork == .main || file.fork == .initialization }
}

extension PieceCheck {
    private func take(
        _ block: UInt32, _ finding: PageChecker.Finding, _ piece: CheckPiece,
        _ source: SegmentSource
    ) {
        gathered += blockSize
        if gathered >= CheckShare.step {
            share.read(gathered, isRepeated: piece.isRepeated)
            gathered = 0
        }
        var finding = finding
        if case .page(.invalid, let page) = finding, !piece.isRepeated {
            finding = again(block, finding, page, piece, source)
        }
        switch finding {
        case .unreadable(let error):
            if isCutOff(source, block, error) {
                result.cutOffPages += 1
            } else {
                found(.unreadable, piece, block, error.description)
            }
        case .page(.invalid(let reason), _):
            result.pages += 1
            found(.damagedPage, piece, block, reason.description)
        case .page(.new, _):
            result.pages += 1
            result.zeroPages.add(block)
        case .page(.valid, let page):
            result.pages += 1
            // No other thread has the memory until this returns.
            lookInto(unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer)), block, piece)
        }
        giveIfFull()
    }

    /// Reads a damaged page again, since a running server may be writing it.
    private func again(
        _ block: UInt32, _ finding: PageChecker.Finding, _ page: PageAddress,
        _ piece: CheckPiece, _ source: SegmentSource
    ) -> PageChecker.Finding {
        guard !piece.patience.isExhausted, share.server.mayChange() else { return finding }
        piece.patience.use()
        var last = finding
        for duration in Self.rereadPauses {
            pause(duration)
            last = checker.read(block, of: source, into: page)
            if case .page(let verdict, _) = last, verdict.isUsable {
                piece.patience.giveBack()
                return last
            }
            if case .unreadable = last { return last }
        }
        return last
    }

    /// Whether the page could not be read because a server has cut it off or removed the file.
    private func isCutOff(
        _ source: SegmentSource, _ block: UInt32, _ error: StorageError
    ) -> Bool {
        if Self.isGone(error) { return true }
        do throws(StorageError) {
            let end = (Int64(block - source.firstBlock) + 1) * Int64(blockSize)
            return try source.file.size() < end
        } catch {
            return Self.isGone(error)
        }
    }

    private func lookInto(_ page: PageView, _ block: UInt32, _ piece: CheckPiece) {
        switch piece.file.fork {
        case .freeSpaceMap, .visibilityMap:
            guard MapCoverage.mayHave(page) else {
                return found(
                    .foreignPage, piece, block,
                    "it has line pointers or a special space, which a map's page never has")
            }
            if piece.file.fork == .visibilityMap {
                result.coverage.takeVisibility(page, block)
            } else {
                result.coverage.takeFreeSpace(page, block)
            }
        case .main, .initialization:
            let kind = PostgresPageKind(page)
            result.kinds.take(kind, block)
            if piece.file.fork == .main, heap != nil { lookDeeper(page, kind, block, piece) }
        }
    }

    private func lookDeeper(
        _ page: PageView, _ kind: PostgresPageKind, _ block: UInt32, _ piece: CheckPiece
    ) {
        guard kind == .heap else {
            IndexInspection.take(page, kind) { number, reason in
                found(.damagedItem, piece, block, reason, at: number)
            }
            if kind == .btree { lookIntoTree(page, block, piece) }
            return
        }
        heap?.take(page, block)
        guard let faults = heap?.faults, !faults.isEmpty else { return }
        for fault in faults {
            found(.damagedItem, piece, block, fault.reason, at: fault.linePointer)
        }
    }

    private func lookIntoTree(_ page: PageView, _ block: UInt32, _ piece: CheckPiece) {
        if piece.gathering == .links, let link = BTreeLink(page, block) {
            result.linkSum &+= link.sum
            if piece.isRepeated { result.links.append(link) }
        }
        let fault = tree?.fault(page)
        result.tableEnd = tree?.tableEnd ?? 0
        guard let fault else { return }
        // Without a checksum, a page that a server was writing does not look so.
        if !share.directory.control.hasPageChecksums && share.server.mayChange() { return }
        let more = fault.more > 0 ? "; \(fault.more) others looked at are wrong too" : ""
        found(.damagedItem, piece, block, fault.reason + more, at: fault.linePointer)
    }
}
