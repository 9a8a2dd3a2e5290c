internal import AsyncIO
internal import PageFormat
internal import PostgresReading
internal import PostgresTypes
internal import PostgresVerification

/// Salvages the rows of one relation. Belongs to its session's thread.
final class RelationSalvage {
    private let source: RescueSource
    private let options: SalvageOptions
    private let pages: RelationPages
    /// Nil if there is none, or if a crash may have kept it and the table apart.
    private let marked: VisibilityBits?
    /// The block behind the last one that was read.
    private var end: UInt32 = 0
    private let states: RowStates
    private var making: RowMaking
    private var judge: TupleJudge
    private let toast: ToastRescue
    private let report: SalvageReporter
    private let row: (RescuedRow) throws(StorageError) -> Bool
    /// Why the reading ends; nil while it goes on.
    private var failure: StorageError?
    private var isEnded = false

    init(
        _ directory: DataDirectory, _ source: RescueSource, _ options: SalvageOptions,
        _ report: SalvageReporter, session: Session,
        _ row: @escaping (RescuedRow) throws(StorageError) -> Bool
    ) {
        self.source = source
        self.options = options
        self.report = report
        self.row = row
        pages = RelationPages(directory, source.place, session: session)
        marked =
            directory.control.state == .notShutDown
            ? nil : VisibilityBits(directory, source.place, session: session)
        states = RowStates(directory.control, TransactionLog(directory))
        making = RowMaking(source.shape, source.writer, source.encoding)
        judge = TupleJudge(source.shape, source.writer)
        toast = ToastRescue(
            directory, session: session, writer: source.writer, locate: source.locateToast)
        toast.fault = { report.add(SalvageFinding(.lostFile, $0.path, $0.reason)) }
    }

    /// Reads the relation. Returns whether to go on with another one.
    func run() throws(StorageError) -> Bool {
        var hasFault = false
        try pages.forEach { [report] fault in
            hasFault = true
            report.add(SalvageFinding(.lostFile, fault.path, fault.reason))
        } goesOn: { () throws(StorageError) in
            if let failure = self.failure { throw failure }
            return !self.isEnded
        } _: { block, outcome, page in
            self.take(block, outcome, page)
        }
        if let failure { throw failure }
        // A file that is missing or cannot be read is named as a whole.
        if !isEnded && !hasFault { reportCut() }
        return !isEnded
    }

    /// Names the blocks behind the end of the files of which the visibility map tells.
    private func reportCut() {
        guard let marked = marked?.end, marked > end else { return }
        let named = end..<min(marked, end &+ min(Self.mostNamed, .max - end))
        for block in named {
            report.add(
                SalvageFinding(
                    .lostBlock, pages.path(of: block), block: block,
                    "the table ends before it, and its visibility map tells of \(marked) blocks"))
        }
        if named.upperBound < marked {
            let block = named.upperBound
            report.add(
                SalvageFinding(
                    .lostBlock, pages.path(of: block), block: block,
                    "so are all up to block \(marked - 1)"))
        }
    }

    /// How many blocks that were cut off are named one by one.
    private static let mostNamed: UInt32 = 10_000

    private func take(_ block: UInt32, _ outcome: RelationPages.Outcome, _ page: PageView) {
        if isEnded || failure != nil { return }
        report.numbers.pages += 1
        end = max(end, block &+ 1)
        let path = pages.path(of: block)
        switch outcome {
        case .zero:
            report.numbers.zeroPages += 1
            if marked?.has(block) == true {
                report.add(
                    SalvageFinding(
                        .lostBlock, path, block: block,
                        "it is all zeroes, although its visibility map says that it was used"))
            }
        case .unreadable(let reason):
            report.add(SalvageFinding(.lostBlock, path, block: block, reason))
        case .whole:
            let kind = PostgresPageKind(page)
            // Its line pointers may be lost, and its rows not.
            if kind == .map {
                return takeDamaged(page, block, path, "it looks like a page of \(kind.name)")
            }
            if kind != .heap && !source.isSequence {
                return report.add(
                    SalvageFinding(
                        .lostBlock, path, block: block, "it is a page of \(kind.name)"))
            }
            if let tuples = PageTuples(whole: page) {
                return give(tuples, page, block, path, isWhole: true)
            }
            takeDamaged(page, block, path, "a line pointer or a tuple's header is impossible")
        case .damaged(let reason): takeDamaged(page, block, path, reason)
        }
    }

    private func takeDamaged(
        _ page: PageView, _ block: UInt32, _ path: String, _ reason: String
    ) {
        let tuples = PageTuples(damaged: page, block: block, &judge)
        if tuples.found.isEmpty {
            report.add(
                SalvageFinding(
                    .lostBlock, path, block: block, "\(reason); no row can be told on it"))
            return
        }
        report.add(SalvageFinding(.damagedPage, path, block: block, reason))
        for number in tuples.lost {
            report.add(
                SalvageFinding(
                    .lostRow, path, block: block, linePointer: number,
                    "it leads to nothing that is a row of the table"))
        }
        give(tuples, page, block, path, isWhole: false)
    }

    private func give(
        _ tuples: PageTuples, _ page: PageView, _ block: UInt32, _ path: String, isWhole: Bool
    ) {
        let isAllVisible = isWhole && page.flags.contains(.allVisible)
        for found in tuples.found {
            if isEnded || failure != nil { return }
            guard let bytes = try? page.bytes.part(found.start, found.length),
                let tuple = try? HeapTupleView(bytes, number: found.number)
            else { continue }
            do throws(StorageError) {
                let header = tuple.header
                let state = isAllVisible ? .visible : try states.state(header, isWhole: isWhole)
                guard options.includesDead || state == .visible || state == .unknown else {
                    continue
                }
                let place = Place(path: path, block: block, number: found.number)
                try give(tuple, place, state, isWhole: isWhole)
            } catch {
                failure = error
            }
        }
    }

    /// Where a tuple is.
    private struct Place {
        let path: String
        let block: UInt32
        let number: OffsetNumber
    }

    private func give(
        _ tuple: HeapTupleView, _ place: Place, _ state: RescuedState, isWhole: Bool
    ) throws(StorageError) {
        let fields = try making.fields(of: tuple, isSure: isWhole) { pointer throws(StorageError) in
            try toast.value(pointer)
        }
        for lost in fields.lost {
            report.add(
                SalvageFinding(
                    .lostValue, place.path, block: place.block, linePointer: place.number,
                    column: source.shape.columns[lost.column].name, lost.reason))
        }
        let confidence: RescueConfidence =
            !fields.lost.isEmpty
            ? .incomplete
            : isWhole && fields.isSure && state != .unknown ? .whole : .plausible
        report.numbers.rows[confidence, default: 0] += 1
        let header = tuple.header
        let isWanted = try row(
            RescuedRow(
                fields: fields.texts, file: place.path, block: place.block,
                linePointer: place.number, confidence: confidence, state: state,
                insertedBy: header.xmin, deletedBy: header.xmax,
                lostColumns: fields.lost.map(\.column)))
        if !isWanted { isEnded = true }
    }
}

/// Gathers what a salvage finds. Belongs to its thread.
final class SalvageReporter {
    var numbers = SalvageReport()
    private let observer: SalvageObserver

    init(_ observer: SalvageObserver) { self.observer = observer }

    func add(_ finding: SalvageFinding) {
        numbers.findings[finding.kind, default: 0] += 1
        observer.finding(finding)
    }

    func note(_ text: String) { observer.note(text) }
}

/// What became of row versions, as far as the files tell. Belongs to one thread.
final class RowStates {
    private let control: ClusterControl
    private var visibility: Visibility

    /// Of `t_infomask`: transactions' outcomes.
    private static let xminHints: UInt16 = 0x0300

    init(_ control: ClusterControl, _ log: TransactionLog) {
        self.control = control
        visibility = Visibility(log)
    }

    /// - Throws: what reading the logs throws, unless they are damaged or missing.
    func state(_ header: HeapTupleHeader, isWhole: Bool) throws(StorageError) -> RescuedState {
        // On a damaged page, a transaction that never was is damage too.
        if !isWhole, !control.isAssumed, header.flags.rawValue & Self.xminHints == 0,
            header.xmin < 3 || Int32(bitPattern: control.nextTransaction &- header.xmin) <= 0
        {
            return .unknown
        }
        do throws(StorageError) {
            switch try visibility.state(header) {
            case .visible: return .visible
            case .insertAborted: return .insertAborted
            case .deleted: return .deleted
            }
        } catch {
            if error.code == .resourcesExhausted || error.code == .closed { throw error }
            return .unknown
        }
    }
}
