internal import AsyncIO
internal import PostgresReading
internal import StorageManager

/// One check of a data directory. Belongs to its session's thread.
final class ClusterVerification {
    private let directory: DataDirectory
    private let session: Session
    private let options: ClusterVerificationOptions
    private let output: CheckOutput
    private let share: CheckShare
    private let segmentBlocks: Int
    private var snapshot: CatalogSnapshot?
    private var settling: Settling
    /// The relations in the order of the check.
    private var items: [CheckItem] = []

    // Of the relation whose pieces are being taken:
    private var fork: Fork?
    private var kinds = KindTally(expected: nil)
    private var coverage = MapCoverage()
    /// Of a B-tree: zero if its pages' links go together.
    private var linkSum: UInt64 = 0
    /// The block behind the last one of its table to which it leads, and whether its pages are
    /// whole, so that this can be believed.
    private var tableEnd: UInt32 = 0
    private var isWhole = true
    /// How far the B-trees of tables lead, by the table's first file.
    private var tableEnds: [String: (end: UInt32, index: String)] = [:]
    /// Of the last table with a TOAST relation: its number, and its pointers.
    private var demand: (item: Int, values: ToastDemand)?

    init(
        _ directory: DataDirectory, _ session: Session, _ options: ClusterVerificationOptions,
        _ observer: ClusterObserver
    ) {
        self.directory = directory
        self.session = session
        self.options = options
        share = CheckShare(directory, options)
        output = CheckOutput(share, observer)
        segmentBlocks = max(1, directory.control.segmentBlocks)
        settling = Settling(output)
    }

    func run() throws(StorageError) -> ClusterReport {
        // What was found before an error is passed on.
        defer { output.flush() }
        let serverFiles = ServerFiles(share, output)
        serverFiles.judgeControl()
        if options.usesCatalogs { serverFiles.judgeOthers() }
        // Only the deep check needs to know what the pages of a relation are before it reads them.
        if options.isDeep { try readCatalogs() }
        var listing = ClusterListing(directory, mayChange: output.mayChange())
        try listing.read()
        output.report.otherNames = listing.otherNames
        output.report.vanishedFiles = listing.vanished
        output.totalBytes = listing.files.reduce(0) { $0 + UInt64(max(0, $1.bytes)) }
        let relations = RelationFiles.grouped(listing.files)
        output.report.relations = relations.count
        items = ordered(relations)
        let pieces = items.indices.flatMap { number in
            items[number].pieces(number: number, segmentBlocks: segmentBlocks)
        }
        try checkAll(
            pieces,
            first: { () throws(StorageError) in
                if !options.isDeep { try readCatalogs() }
                for finding in listing.findings { output.add(finding) }
                output.flush()
            }, { piece, result throws(StorageError) in try take(piece, result) })
        judgeTableEnds()
        if let snapshot {
            let listed = Set(
                listing.files.lazy.filter { $0.fork == .main && $0.segment == 0 }.map(\.path))
            settling.compare(snapshot, listed: listed)
        }
        try settling.finish()
        output.flush()
        return output.report
    }

    private func readCatalogs() throws(StorageError) {
        guard options.usesCatalogs else { return }
        let snapshot = try CatalogSnapshot(
            directory, session: session, isDeep: options.isDeep, mayChange: output.mayChange())
        if let error = snapshot.failure {
            if let finding = ClusterFinding(of: error, in: directory, owner: nil) {
                output.add(finding)
            }
            output.add(
                ClusterDoubt(nil, "the list of databases cannot be read: \(error.message)"))
        }
        for (database, pages) in snapshot.damaged {
            let what = pages == 1 ? "a page" : "\(pages) pages"
            output.add(
                ClusterDoubt(
                    nil,
                    "\(what) of the catalogs of database \(database.name) cannot be read: what they"
                        + " name was not compared"))
        }
        output.report.catalogs =
            snapshot.readFolders.isEmpty
            ? .unreadable : .compared(databases: snapshot.readFolders.count)
        for index in items.indices {
            items[index].known = snapshot.relations[items[index].relation.path]
        }
        self.snapshot = snapshot
    }

    /// The relations in their order, except that a TOAST relation follows its table.
    private func ordered(_ relations: [RelationFiles]) -> [CheckItem] {
        // A server may have written one of two neighbours only.
        let judgesLinks = options.isDeep && !output.mayChange()
        func item(
            _ relation: RelationFiles, _ gathering: CheckPiece.Gathering? = nil
        ) -> CheckItem {
            let known = snapshot?.relations[relation.path]
            // The build of an index that is not valid may have ended anywhere.
            let isTree = known.map { $0.kind == .btree && $0.isValidIndex } ?? false
            let usual: CheckPiece.Gathering = judgesLinks && isTree ? .links : .nothing
            return CheckItem(relation: relation, known: known, gathering: gathering ?? usual)
        }
        guard options.isDeep, let snapshot else { return relations.map { item($0) } }
        let toasts = Set(snapshot.relations.values.compactMap { $0.toast?.path })
        let indexes = Dictionary(
            relations.enumerated().map { ($0.element.path, $0.offset) }
        ) { first, _ in first }
        var isDone = [Bool](repeating: false, count: relations.count)
        var items: [CheckItem] = []
        for (index, relation) in relations.enumerated() where !toasts.contains(relation.path) {
            isDone[index] = true
            let toast = snapshot.relations[relation.path]?.toast.flatMap { indexes[$0.path] }
            guard let toast, !isDone[toast] else {
                items.append(item(relation))
                continue
            }
            isDone[toast] = true
            items.append(item(relation, .pointers))
            items.append(item(relations[toast], .chunks))
        }
        for (index, relation) in relations.enumerated() where !isDone[index] {
            items.append(item(relation))
        }
        return items
    }

    private func checkAll(
        _ pieces: [CheckPiece], first: () throws(StorageError) -> Void = {},
        _ take: (CheckPiece, PieceResult) throws(StorageError) -> Void
    ) throws(StorageError) {
        let check = ParallelCheck(
            share: share, session: session,
            threads: options.threads ?? ParallelCheck.usualThreads
        ) { [output, share] number in
            output.progress(pieces[number].file.path, bytes: share.readBytes)
        }
        try check.run(pieces, first: first, take)
    }
}

extension ClusterVerification {
    /// Takes what was found in a piece, or in a part of it.
    private func take(_ piece: CheckPiece, _ result: PieceResult) throws(StorageError) {
        let item = items[piece.relation]
        let file = piece.file
        if fork != file.fork {
            endFork(item)
            fork = file.fork
            kinds = KindTally(expected: piece.hasKind ? item.known?.kind : nil)
        }
        output.report.files += result.files
        output.report.pages += result.pages
        output.report.cutOffPages += result.cutOffPages
        output.report.vanishedFiles += result.vanishedFiles
        for var finding in result.findings {
            finding.owner = item.known?.owner
            output.add(finding)
        }
        output.addZeroPages(result.zeroPages, file.path, item.known?.owner, file.fork)
        judgeFirstPage(item, file, result.zeroPages)
        kinds.add(result.kinds)
        coverage.add(result.coverage)
        takeValues(piece, result)
        linkSum &+= result.linkSum
        tableEnd = max(tableEnd, result.tableEnd)
        isWhole = isWhole && result.findings.isEmpty
        if piece.isLast && result.isLast { try endRelation(piece.relation) }
    }

    /// Passes on an index or sequence without its first page, by which a server opens it.
    private func judgeFirstPage(_ item: CheckItem, _ file: DataFile, _ zeroes: BlockRanges) {
        guard zeroes.ranges.first?.lowerBound == 0, file.fork == .main, let known = item.known,
            known.hasPages, !output.mayChange()
        else { return }
        output.add(
            ClusterFinding(
                .damagedPage, file.path, owner: known.owner, fork: .main, block: 0,
                "it is all zeroes, which the first page of an index or a sequence never is"))
    }

    private func takeValues(_ piece: CheckPiece, _ result: PieceResult) {
        if piece.gathering == .pointers && demand?.item != piece.relation {
            demand = (piece.relation, ToastDemand())
        }
        guard let demand else { return }
        for pointer in result.pointers { demand.values.add(pointer) }
        for chunk in result.chunks { demand.values.take(chunk) }
    }

    /// Passes on the tables that end before a block to which one of their indexes leads. A server
    /// cuts a table only after no index leads to what it cuts off.
    private func judgeTableEnds() {
        if tableEnds.isEmpty || output.mayChange() { return }
        for item in items {
            guard let (end, index) = tableEnds[item.relation.path] else { continue }
            let blocks = RelationLayout(listed: item.relation)
                .blocks(.main, segmentBlocks: segmentBlocks)
            guard blocks < UInt64(end) else { continue }
            output.add(
                ClusterFinding(
                    .wrongLength, item.relation.path, owner: item.known?.owner, fork: .main,
                    "it has \(blocks) \(blocks == 1 ? "block" : "blocks"), but \(index) leads to"
                        + " block \(end - 1): one of the two is not right"))
        }
    }

    /// Passes on the pages that belong elsewhere.
    private func endFork(_ item: CheckItem) {
        guard let fork, fork == .main || fork == .initialization else { return }
        for (kind, blocks) in kinds.foreign {
            for block in blocks.ranges.joined() {
                output.add(
                    ClusterFinding(
                        .foreignPage,
                        item.relation.path(fork, block / UInt32(clamping: segmentBlocks)),
                        owner: item.known?.owner, fork: fork, block: block,
                        "it looks like a page of \(kind.name), in a file of \(kinds.name)"))
            }
        }
    }

    private func endRelation(_ number: Int) throws(StorageError) {
        let item = items[number]
        endFork(item)
        settling.judge(
            item.relation, item.known, coverage,
            isUnnamed: item.known == nil
                && snapshot?.covers(item.relation.folder) == true)
        fork = nil
        coverage = MapCoverage()
        defer { (linkSum, tableEnd, isWhole) = (0, 0, true) }
        switch item.gathering {
        case .nothing: break
        // Its verdict waits for its TOAST relation.
        case .pointers: return
        case .chunks: try endPair(toast: number)
        case .links: try endTree(item)
        }
        output.flush()
    }

    /// Judges the values that a table stores out of line.
    private func endPair(toast: Int) throws(StorageError) {
        guard let (table, values) = demand else { return }
        demand = nil
        var next = values.next
        report(values, items[table])
        // A table with more values than are followed at a time is read again for the others.
        while let block = next {
            let pieces =
                items[table].repeatedPieces(segmentBlocks: segmentBlocks, from: block)
                + items[toast].repeatedPieces(segmentBlocks: segmentBlocks, from: 0)
            try checkAll(pieces) { _, result in
                for pointer in result.pointers { values.add(pointer) }
                for chunk in result.chunks { values.take(chunk) }
            }
            next = values.next
            report(values, items[table])
        }
    }

    private func report(_ values: ToastDemand, _ table: CheckItem) {
        let owner = table.known?.owner
        var unsure = 0
        let mayChange = output.mayChange()
        values.finish { block, number, reason in
            if mayChange {
                unsure += 1
                return
            }
            output.add(
                ClusterFinding(
                    .damagedValue,
                    table.relation.path(.main, block / UInt32(clamping: segmentBlocks)),
                    owner: owner, fork: .main, block: block, linePointer: number, reason))
        }
        if unsure > 0 {
            output.add(
                ClusterDoubt(
                    table.relation.path, owner: owner,
                    "\(unsure) values that are stored out of line are not complete; a server may"
                        + " not have written them yet, or have removed them"))
        }
    }

    /// Judges how the pages of a B-tree are linked.
    private func endTree(_ item: CheckItem) throws(StorageError) {
        if output.mayChange() { return }
        if linkSum == 0 {
            if let known = item.known, let table = known.table, isWhole,
                tableEnd > tableEnds[table]?.end ?? 0
            {
                tableEnds[table] = (tableEnd, known.owner)
            }
            return
        }
        // A segment in the middle may be missing.
        let ends = item.relation.files.filter { $0.fork == .main }.map {
            UInt64($0.segment) * UInt64(segmentBlocks)
                + UInt64(max(0, $0.bytes)) / UInt64(blockSize)
        }
        var links = BTreeLinks(blockCount: ends.max() ?? 0)
        for first in links.begins {
            links.begin(at: first)
            let pieces = item.repeatedPieces(segmentBlocks: segmentBlocks, from: 0)
            try checkAll(pieces) { _, result in
                for link in result.links { links.take(link) }
            }
            links.end()
        }
        if output.mayChange() { return }
        for (block, reason) in links.faults() {
            output.add(
                ClusterFinding(
                    .foreignPage,
                    item.relation.path(.main, block / UInt32(clamping: segmentBlocks)),
                    owner: item.known?.owner, fork: .main, block: block, reason))
        }
    }
}
