public import AsyncIO
internal import FileAccess
internal import PageChecking
internal import PageFormat
public import PostgresReading
internal import StorageManager

extension DataDirectory {
    /// Checks all files of all relations as they are on disk, and that those are there which the
    /// catalogs, links and other files tell of.
    ///
    /// Verifies each page's header, its checksum if the cluster has checksums, and that it is of
    /// its relation's access method; a relation's segments and forks are judged together. Continues
    /// after damage. The server may be running: pages that it is writing are read again, and what
    /// it cuts off or removes is passed over. What only its memory or its log could tell is a
    /// doubt, not a finding. Mirrors PostgreSQL's `pg_checksums --check`, and with
    /// ``ClusterVerificationOptions/isDeep`` also `verify_heapam`.
    ///
    /// Nothing is written. Memory grows with the number of files, not with their lengths.
    ///
    /// - Throws: `misuse` if the session is another engine's, `invalidConfiguration`,
    ///   `resourcesExhausted`, `closed`. Damage is a finding, not an error.
    public func verify(
        options: ClusterVerificationOptions = ClusterVerificationOptions(), session: Session,
        observer: ClusterObserver = ClusterObserver()
    ) throws(StorageError) -> ClusterReport {
        guard session.system === system else {
            throw StorageError(
                .misuse, "the session belongs to another engine",
                remedy: "Use a session that this data directory's makeSession() gave.")
        }
        if let rate = options.bytesPerSecond, rate < 1 {
            throw StorageError(
                .invalidConfiguration, "\(rate) is not a possible number of bytes per second",
                remedy: "Set ClusterVerificationOptions.bytesPerSecond to 1 or more.")
        }
        let verification = ClusterVerification(self, session, options, observer)
        return try verification.run()
    }
}

/// One check of a data directory. Belongs to its session's thread.
private final class ClusterVerification {
    private let directory: DataDirectory
    private let session: Session
    private let options: ClusterVerificationOptions
    private let output: CheckOutput
    private let check: RelationCheck
    private let log: TransactionLog
    private var snapshot: CatalogSnapshot?
    private var settling: Settling

    init(
        _ directory: DataDirectory, _ session: Session, _ options: ClusterVerificationOptions,
        _ observer: ClusterObserver
    ) {
        self.directory = directory
        self.session = session
        self.options = options
        output = CheckOutput(directory, observer)
        check = RelationCheck(output, session: session, options: options)
        log = TransactionLog(directory)
        settling = Settling(output)
    }

    func run() throws(StorageError) -> ClusterReport {
        try readCatalogs()
        var listing = ClusterListing(directory, mayChange: output.mayChange())
        try listing.read()
        for finding in listing.findings { output.add(finding) }
        output.flush()
        output.report.otherNames = listing.otherNames
        output.report.vanishedFiles = listing.vanished
        output.totalBytes = listing.files.reduce(0) { $0 + UInt64(max(0, $1.bytes)) }
        let relations = RelationFiles.grouped(listing.files)
        output.report.relations = relations.count
        try checkAll(relations)
        if let snapshot { settling.compare(snapshot) }
        try settling.finish()
        output.flush()
        return output.report
    }

    private func readCatalogs() throws(StorageError) {
        guard options.usesCatalogs else { return }
        let snapshot = try CatalogSnapshot(
            directory, session: session, isDeep: options.isDeep, mayChange: output.mayChange())
        if let error = snapshot.failure {
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
        self.snapshot = snapshot
    }

    /// Checks the relations in order, except that a TOAST relation follows its table.
    private func checkAll(_ relations: [RelationFiles]) throws(StorageError) {
        guard options.isDeep, let snapshot else {
            for relation in relations { try check(relation, demand: nil, supply: nil) }
            return
        }
        let toasts = Set(snapshot.relations.values.compactMap { $0.toast?.path })
        let indexes = Dictionary(
            relations.enumerated().map { ($0.element.path, $0.offset) }
        ) { first, _ in first }
        var isDone = [Bool](repeating: false, count: relations.count)
        for (index, relation) in relations.enumerated() where !toasts.contains(relation.path) {
            isDone[index] = true
            let toast = snapshot.relations[relation.path]?.toast.flatMap { indexes[$0.path] }
            guard let toast, !isDone[toast] else {
                try check(relation, demand: nil, supply: nil)
                continue
            }
            isDone[toast] = true
            try checkPair(relation, relations[toast])
        }
        for (index, relation) in relations.enumerated() where !isDone[index] {
            try check(relation, demand: nil, supply: nil)
        }
    }

    private func check(
        _ relation: RelationFiles, demand: ToastDemand?, supply: ToastDemand?
    ) throws(StorageError) {
        let known = snapshot?.relations[relation.path]
        if options.isDeep {
            check.heap = HeapInspection(
                known, directory.control, log, mayChange: output.mayChange(), demand: demand,
                supply: supply)
        }
        try check.check(relation, known)
        settling.judge(
            relation, known, check.coverage,
            isUnnamed: known == nil && snapshot?.readFolders.contains(relation.folder) == true)
        if demand == nil { output.flush() }
    }
}

extension ClusterVerification {
    /// Checks a table, its TOAST relation, and that every pointer has all its chunks.
    private func checkPair(
        _ relation: RelationFiles, _ toast: RelationFiles
    ) throws(StorageError) {
        let demand = ToastDemand()
        try check(relation, demand: demand, supply: nil)
        try check(toast, demand: nil, supply: demand)
        var next = demand.next
        report(demand, relation)
        // A table with more values than are followed at a time is read again for the others.
        while let block = next {
            let known = snapshot?.relations[relation.path]
            let again = HeapInspection(
                known, directory.control, log, mayChange: output.mayChange(), demand: demand,
                supply: nil)
            try reread(relation, from: block) { page, block in again.take(page, block) }
            let chunks = HeapInspection(
                nil, directory.control, log, mayChange: output.mayChange(), demand: nil,
                supply: demand)
            try reread(toast, from: 0) { page, block in chunks.take(page, block) }
            next = demand.next
            report(demand, relation)
        }
        output.flush()
    }

    /// Reads the valid pages of a main fork again. What is wrong with others was said before.
    private func reread(
        _ relation: RelationFiles, from block: UInt32, _ body: (PageView, UInt32) -> Void
    ) throws(StorageError) {
        let checker = PageChecker(
            session, checksums: directory.control.hasPageChecksums,
            combineLimit: PostgresOptions.combineLimit)
        let segmentBlocks = UInt64(directory.control.segmentBlocks)
        for file in relation.files where file.fork == .main {
            guard let open = try? directory.files.open(file.path, .readOnly) else { continue }
            defer { open.close(session) }
            let blocks = UInt64((try? open.size()) ?? 0) / UInt64(blockSize)
            let first = UInt32(clamping: UInt64(file.segment) * segmentBlocks)
            let end = UInt32(clamping: UInt64(first) + min(blocks, segmentBlocks))
            guard end > block else { continue }
            let source = SegmentSource(
                file: open, firstBlock: first, blocks: max(first, block)..<end,
                locator: RelationLocator(database: file.database, number: file.number),
                fork: file.fork, manager: DataDirectory.magnetic,
                target: directory.verificationTarget)
            try checker.check(source) { block, finding in
                guard case .page(.valid, let page) = finding else { return }
                // No other thread has the memory until this returns.
                body(unsafe PageView(unsafePage: UnsafeRawPointer(page.pointer)), block)
            }
        }
    }

    private func report(_ demand: ToastDemand, _ relation: RelationFiles) {
        let owner = snapshot?.relations[relation.path]?.owner
        let segmentBlocks = UInt32(clamping: max(1, directory.control.segmentBlocks))
        var unsure = 0
        let mayChange = output.mayChange()
        demand.finish { block, number, reason in
            if mayChange {
                unsure += 1
                return
            }
            output.add(
                ClusterFinding(
                    .damagedValue, relation.path(.main, block / segmentBlocks), owner: owner,
                    fork: .main, block: block, linePointer: number, reason))
        }
        if unsure > 0 {
            output.add(
                ClusterDoubt(
                    relation.path, owner: owner,
                    "\(unsure) values that are stored out of line are not complete; a server may"
                        + " not have written them yet, or have removed them"))
        }
    }
}
