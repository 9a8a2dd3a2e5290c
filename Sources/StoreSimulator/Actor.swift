internal import StorageTesting
internal import Strata

/// One session and what it has open: a page, a scan, a load. It belongs to one world and runs on
/// its thread.
final class Actor {
    let world: World
    let number: Int
    private(set) var session: Session?

    var load: PendingLoad?
    /// What the load's pages hold.
    var loaded: [RelationModel.Page] = []
    /// What the load has put on the copy of the last page, and how many rows that adds.
    var filled: (version: UInt32, rows: Int)?
    /// The values on the pages of the load's toast relation.
    var loadedValues: [UInt32] = []
    var loadManager = ""
    /// The relation being appended to.
    var appended: RelationModel?

    private var stream: ReadStream<BlockRange>?
    private var scanned: Scan?

    /// The scanned relation, and how far the scan has come.
    private struct Scan {
        let relation: Relation
        let model: RelationModel
        let extent: RelationExtent
        var next: UInt32 = 0
        /// The rows on the pages so far; nil once a page could not be read.
        var rows: UInt64? = 0
    }

    var writer: BackgroundWriter?

    private var held: PinnedPage?
    private var holding: (relation: Relation, model: RelationModel)?

    var holdsPage: Bool { holding != nil }
    var isScanning: Bool { scanned != nil }

    init(_ world: World, number: Int) {
        self.world = world
        self.number = number
    }

    /// The engine; steps are made only while it is open.
    var engine: Engine {
        guard let engine = world.engine else { preconditionFailure("steps need an open store") }
        return engine
    }

    func openSession() throws(Violation) -> Session {
        if let session { return session }
        do throws(StorageError) {
            let made = try engine.makeSession()
            session = made
            return made
        } catch {
            throw Violation(reason: "session \(number) could not be opened: \(error)")
        }
    }

    func closeSession() {
        writer = nil
        session?.close()
        session = nil
    }

    /// Makes one step: continues what is open, or begins something.
    func step() throws(Violation) {
        let session = try openSession()
        let draw = world.random.below(16)
        if holdsPage, draw < 6 { return try stepHeldPage(draw) }
        if scanned != nil, draw < 12 { return try stepScan() }
        if load != nil, draw < 14 { return try stepLoad(session) }
        try begin(session)
    }

    /// Tries an action and judges its error.
    ///
    /// - Returns: whether it succeeded.
    @discardableResult
    func attempt(_ action: String, _ body: () throws(StorageError) -> Void) throws(Violation)
        -> Bool
    {
        do throws(StorageError) {
            world.note("session \(number): \(action)")
            try body()
            return true
        } catch {
            try world.judge(error, "session \(number) \(action)")
            return false
        }
    }

    // MARK: Ending

    /// Gives everything back without checking.
    func letGo() {
        dropPage()
        dropScan()
        load = nil
        closeSession()
    }

    /// Gives everything back while the store is healthy, and checks it.
    func finish() throws(Violation) {
        dropPage()
        dropScan()
        if load != nil { abortLoad() }
        closeSession()
    }

    // MARK: A page that is held

    func hold(
        _ page: consuming PinnedPage, _ relation: Relation, _ model: RelationModel
    ) {
        dropPage()
        held = consume page
        holding = (relation, model)
    }

    private func dropPage() {
        held = nil
        holding = nil
    }

    private func stepHeldPage(_ draw: Int) throws(Violation) {
        guard let model = holding?.model else { return }
        if draw < 3 { return rewriteHeldPage() }
        if let page = held.take() {
            try check(page, model, "a held page")
            if draw < 5 { held = consume page }
        }
        if draw >= 5 { dropPage() }
    }

    /// Changes the held page, even while other sessions wait.
    func rewriteHeldPage() {
        guard let model = holding?.model, let page = held.take() else { return }
        world.rewrite(page, model)
        held = consume page
    }

    /// Compares a page with what it must hold at this moment.
    func check(_ page: borrowing PinnedPage, _ model: RelationModel, _ what: String)
        throws(Violation)
    {
        world.report.pagesChecked += 1
        let block = Int(page.block.rawValue)
        let found = world.content.version(on: page)
        let expected = model.pages[block].current
        if found == expected || world.mayBeDamaged { return }
        throw Violation(
            reason: "\(what), block \(block): version \(found.map { "\($0)" } ?? "none"), not "
                + "\(expected)")
    }

    // MARK: A scan

    func beginScan(_ relation: Relation, _ model: RelationModel, _ session: Session) {
        dropScan()
        let extent = relation.extent
        stream = relation.scan(session: session, extent: extent)
        scanned = Scan(relation: relation, model: model, extent: extent)
    }

    /// Whether it uses pages from a block on, or may.
    func uses(_ model: RelationModel, from block: UInt32) -> Bool {
        if scanned?.model === model { return true }
        guard holding?.model === model, let page = held.take() else { return false }
        let isBehind = page.block.rawValue >= block
        held = consume page
        return isBehind
    }

    func dropScan(of model: RelationModel) {
        if scanned?.model === model { dropScan() }
    }

    private func dropScan() {
        stream = nil
        scanned = nil
    }

    private func stepScan() throws(Violation) {
        guard let model = scanned?.model else { return }
        for _ in 0...world.random.below(6) {
            guard let block = scanned?.next else { return }
            var isOver = false
            do throws(StorageError) {
                if let page = try stream?.next() {
                    guard page.block.rawValue == block else {
                        throw StorageError(.misuse, "\(page.block) came, not \(block)")
                    }
                    try checkScanned(page, model)
                } else {
                    isOver = true
                }
            } catch {
                scanned?.rows = nil
                try world.judge(error, "session \(number) scans block \(block)")
                if world.mustReopen || world.disk.isWithoutPower { return }
            }
            if isOver { return try endScan() }
            scanned?.next += 1
        }
        if world.random.below(12) == 0 { dropScan() }
    }

    /// Compares the number of rows with the loaded rows and with the catalog.
    private func endScan() throws(Violation) {
        guard let scan = scanned else { return }
        dropScan()
        guard let rows = scan.rows else { return }
        if scan.extent.rowCount != nil { world.report.countsChecked += 1 }
        try attempt("counts \(rows) rows of \(scan.relation.name)") { () throws(StorageError) in
            try scan.relation.checkRowCount(rows, of: scan.extent)
        }
    }

    private func checkScanned(_ page: borrowing PinnedPage, _ model: RelationModel)
        throws(StorageError)
    {
        let rows = page.withView { UInt64($0.linePointerCount) }
        if let before = scanned?.rows { scanned?.rows = before + rows }
        do throws(Violation) { try check(page, model, "a scanned page") } catch {
            throw StorageError(.misuse, error.reason)
        }
    }
}

extension World {
    /// Writes a new version on a page, and records that it may be found.
    func rewrite(_ page: borrowing PinnedPage, _ model: RelationModel) {
        let block = Int(page.block.rawValue)
        let version = content.write(on: page)
        model.pages[block].versions.append(version)
        note("block \(block) becomes \(version)")
    }
}
