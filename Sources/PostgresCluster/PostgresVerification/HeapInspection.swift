internal import AsyncIO
internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// Looks into the pages of one table: line pointers, tuple headers, the extents of values. Belongs
/// to the checking thread. Mirrors `verify_heapam` of the extension amcheck.
///
/// A structure, so that access to its parts is not checked at run time for each tuple.
struct HeapInspection {
    /// A table's columns; nil if unknown, so that values are not looked at.
    private let fields: TupleFields?
    private let columnCount: Int
    private let hasToast: Bool
    private let limits: TransactionLimits
    /// Whether a server may have added columns that the catalog on disk lacks.
    private let mayChange: Bool
    private var visibility: Visibility
    private var chains: UpdateChains
    /// Whether the page has row versions that may be parts of chains.
    private var hasChains = false
    private let gathering: CheckPiece.Gathering
    /// The pointers to values stored out of line, and the chunks, if they are gathered.
    private(set) var foundPointers: [ToastDemand.Pointer] = []
    private(set) var foundChunks: [ToastDemand.Chunk] = []
    private var pointers: [Range<Int>] = []
    /// The faults of the last page: of a line pointer, or of the whole page.
    private(set) var faults: [(linePointer: OffsetNumber?, reason: String)] = []

    /// Bits of `t_infomask` and `t_infomask2`.
    private enum Mask {
        static let hasNulls: UInt16 = 0x0001
        static let hasExternal: UInt16 = 0x0004
        static let lockOnly: UInt16 = 0x0080
        static let xminFrozen: UInt16 = 0x0300
        static let xmaxCommitted: UInt16 = 0x0400
        static let xmaxInvalid: UInt16 = 0x0800
        static let isMultixact: UInt16 = 0x1000
        static let moved: UInt16 = 0xC000
        static let hotUpdated: UInt16 = 0x4000
        static let heapOnly: UInt16 = 0x8000
    }

    init(
        _ known: KnownRelation?, _ control: ClusterControl, _ log: TransactionLog, mayChange: Bool,
        gathering: CheckPiece.Gathering
    ) {
        let layouts = known?.kind == .heap ? known?.layouts : nil
        fields = layouts.map { TupleFields($0) }
        columnCount = layouts?.count ?? 0
        hasToast = known?.toast != nil
        limits = TransactionLimits(control, known, mayChange: mayChange)
        self.mayChange = mayChange
        visibility = Visibility(log)
        chains = UpdateChains(mayChange: mayChange)
        self.gathering = gathering
    }

    @inline(never)
    private mutating func report(_ number: OffsetNumber?, _ reason: String) {
        faults.append((number, reason))
    }

    /// Checks a page with a valid header, and puts what is wrong into ``faults``. Time in
    /// proportion to the values on the page.
    mutating func take(_ page: PageView, _ block: UInt32) {
        if !faults.isEmpty { faults = [] }
        let header = page.header
        let room = Int(header.upper)..<max(Int(header.upper), Int(header.special))
        hasChains = false
        // As a rule each tuple lies before the one before it, so that none lies on another.
        var lowest = PageLayout.size
        var isInOrder = true
        for number in page.linePointerNumbers {
            guard let pointer = page.linePointer(number) else { continue }
            switch pointer.state {
            case .unused, .dead:
                if pointer.offset | pointer.length != 0 { reportPlace(number, pointer) }
            case .redirect: checkRedirect(page, number, pointer.offset)
            case .normal:
                let (offset, length) = (pointer.offset, pointer.length)
                guard Self.isPlaced(pointer, room) else {
                    reportPlace(number, pointer, room)
                    continue
                }
                if offset &+ PageLayout.align(length) > lowest { isInOrder = false }
                lowest = min(lowest, offset)
                check(page.bytes.extracting(offset..<offset + length), number, block)
            }
        }
        if !isInOrder { checkOverlap(page) }
        if hasChains { checkChains(page, block, room) }
    }

    @inline(never)
    private mutating func checkOverlap(_ page: PageView) {
        if case .badLinePointer(let number, .overlap(let offset, let length)) =
            HeapPageCheck.linePointerFault(in: page)
        {
            report(number, "\(length) bytes at offset \(offset) share bytes with another item")
        }
    }

    /// Whether a line pointer leads to bytes that are long enough and where tuples are.
    @inline(__always)
    private static func isPlaced(_ pointer: LinePointer, _ room: Range<Int>) -> Bool {
        let (offset, length) = (pointer.offset, pointer.length)
        return offset & (PageLayout.maximumAlignment - 1) == 0
            && length >= PageLayout.tupleHeaderSize && offset >= room.lowerBound
            && offset + length <= room.upperBound && offset + length <= PageLayout.size
    }

    @inline(never)
    private mutating func checkChains(_ page: PageView, _ block: UInt32, _ room: Range<Int>) {
        chains.take(page, block, &visibility) { Self.isPlaced($0, room) }
        for fault in chains.faults { report(fault.linePointer, fault.reason) }
    }

    private mutating func checkRedirect(
        _ page: PageView, _ number: OffsetNumber, _ target: Int
    ) {
        hasChains = true
        let count = page.linePointerCount
        guard target >= 1, target <= count else {
            return report(
                number, "it redirects to line pointer \(target), but the page has \(count)")
        }
        let to = page.linePointer(OffsetNumber(target))
        guard let to, to.state == .normal else {
            return report(
                number,
                "it redirects to line pointer \(target), which is \(to?.state.name ?? "missing")")
        }
        if let flags: UInt16 = try? page.bytes.load(to.offset + 18), flags & Mask.heapOnly == 0 {
            report(
                number, "it redirects to line pointer \(target), whose tuple is not heap-only")
        }
    }

    /// A server clears the line pointers in tables that have no tuple, which `verify_heapam`
    /// does not ask.
    @inline(never)
    private mutating func reportPlace(_ number: OffsetNumber, _ pointer: LinePointer) {
        report(
            number,
            "it is \(pointer.state.name), but has \(pointer.length) bytes at offset"
                + " \(pointer.offset)")
    }

    private mutating func reportPlace(
        _ number: OffsetNumber, _ pointer: LinePointer, _ room: Range<Int>
    ) {
        let (offset, length) = (pointer.offset, pointer.length)
        if offset & (PageLayout.maximumAlignment - 1) != 0 {
            report(number, "its offset \(offset) is not maximally aligned")
        } else if length < PageLayout.tupleHeaderSize {
            report(
                number,
                "its length \(length) is less than a tuple header's \(PageLayout.tupleHeaderSize)")
        } else {
            report(
                number,
                "\(length) bytes at offset \(offset) do not lie between the page's upper bound"
                    + " \(room.lowerBound) and its end \(room.upperBound)")
        }
    }

    /// Checks a tuple that is at least as long as a header.
    @inline(__always)
    private mutating func check(
        _ tuple: RawSpan, _ number: OffsetNumber, _ block: UInt32
    ) {
        guard let header = HeapTupleHeader(tuple) else { return }
        if tuple.byteCount >= Self.plainHeader, Self.isPlain(header, number, block) {
            gatherChunk(tuple, header)
            checkValues(tuple, header, number, visibleIn: block)
        } else {
            checkOther(tuple, header, number, block)
        }
    }

    /// The bytes before the values of a row without nulls.
    private static let plainHeader = PageLayout.align(PageLayout.tupleHeaderSize)

    /// Whether a header is right, if the tuple is long enough, and that of a row without nulls that
    /// all transactions see, and that was never updated: most rows of an old table.
    @inline(__always)
    private static func isPlain(
        _ header: HeapTupleHeader, _ number: OffsetNumber, _ block: UInt32
    ) -> Bool {
        let judged =
            Mask.hasNulls | Mask.xminFrozen | Mask.xmaxCommitted | Mask.xmaxInvalid
            | Mask.isMultixact | Mask.moved
        return header.flags.rawValue & judged == Mask.xminFrozen | Mask.xmaxInvalid
            && header.infomask2 & (Mask.hotUpdated | Mask.heapOnly) == 0
            && Int(header.dataOffset) == plainHeader
            && !UpdateChains.mayConcern(header, number, block)
    }

    /// Checks a tuple that is not plain.
    @inline(never)
    private mutating func checkOther(
        _ tuple: RawSpan, _ header: HeapTupleHeader, _ number: OffsetNumber, _ block: UInt32
    ) {
        if UpdateChains.mayConcern(header, number, block) { hasChains = true }
        if let fault = UpdateChains.fault(header) { report(number, fault) }
        guard checkHeader(header, tuple.byteCount, number), checkInserter(header, number) else {
            return
        }
        gatherChunk(tuple, header)
        let deleterFault = deleterFault(header)
        let isVisible: Bool
        do throws(StorageError) {
            switch try visibility.state(header) {
            case .visible: isVisible = true
            case .deleted: isVisible = false
            // The layout of a row that was never committed may be another one.
            case .insertAborted: return
            }
        } catch {
            // A running server may know of more transactions than its log on disk.
            if !mayChange { report(number, deleterFault ?? error.message) }
            return
        }
        if let deleterFault { return report(number, deleterFault) }
        checkValues(tuple, header, number, visibleIn: isVisible ? block : nil)
    }

    @inline(__always)
    private mutating func gatherChunk(_ tuple: RawSpan, _ header: HeapTupleHeader) {
        if gathering == .chunks, let chunk = ToastDemand.chunk(tuple, header) {
            foundChunks.append(chunk)
        }
    }

    /// Checks that the values of a tuple with a right header lie within it.
    ///
    /// - Parameter visibleIn: the block if the row is visible; otherwise nil.
    @inline(__always)
    private mutating func checkValues(
        _ tuple: RawSpan, _ header: HeapTupleHeader, _ number: OffsetNumber,
        visibleIn block: UInt32?
    ) {
        guard let fields else { return }
        if header.attributeCount > columnCount && !mayChange {
            return reportCount(header, number)
        }
        do throws(ValueFault) {
            // Both lie within the tuple: that was checked.
            let data = tuple.extracting(Int(header.dataOffset)..<tuple.byteCount)
            let bitmap =
                header.flags.contains(.hasNulls)
                ? tuple.extracting(PageLayout.tupleHeaderSize..<tuple.byteCount) : nil
            try fields.check(
                data, storedCount: header.attributeCount, bitmap: bitmap, pointers: &pointers)
            if pointers.isEmpty { return }
            for extent in pointers { try follow(data, extent, header, number, block) }
        } catch {
            report(number, "its values do not fit into it: \(error)")
        }
        pointers.removeAll(keepingCapacity: true)
    }

    @inline(never)
    private mutating func reportCount(_ header: HeapTupleHeader, _ number: OffsetNumber) {
        report(
            number,
            "it has \(header.attributeCount) attributes, but the table has \(columnCount) columns")
    }

    @inline(__always)
    private mutating func checkHeader(
        _ header: HeapTupleHeader, _ length: Int, _ number: OffsetNumber
    ) -> Bool {
        let flags = header.flags.rawValue
        let bitmap = header.flags.contains(.hasNulls) ? (header.attributeCount + 7) / 8 : 0
        let expected = PageLayout.align(PageLayout.tupleHeaderSize + bitmap)
        let marks = Mask.xmaxCommitted | Mask.isMultixact
        if Int(header.dataOffset) == expected, expected <= length, flags & marks != marks {
            return true
        }
        return reportHeader(header, length, number, expected, bitmap)
    }

    @inline(never)
    private mutating func reportHeader(
        _ header: HeapTupleHeader, _ length: Int, _ number: OffsetNumber, _ expected: Int,
        _ bitmap: Int
    ) -> Bool {
        let flags = header.flags.rawValue
        var isRight = true
        if Int(header.dataOffset) > length {
            report(
                number,
                "its data begins at byte \(header.dataOffset), beyond its length \(length)")
            isRight = false
        }
        if flags & Mask.xmaxCommitted != 0 && flags & Mask.isMultixact != 0 {
            report(number, "its multixact is marked committed")
            // The rest of the header may be right.
        }
        if Int(header.dataOffset) != expected {
            report(
                number,
                "its data should begin at byte \(expected), but begins at byte"
                    + " \(header.dataOffset) (\(header.attributeCount) attributes,"
                    + " \(bitmap > 0 ? "has" : "no") nulls)")
            isRight = false
        }
        return isRight
    }

    @inline(__always)
    private mutating func checkInserter(
        _ header: HeapTupleHeader, _ number: OffsetNumber
    ) -> Bool {
        let flags = header.flags.rawValue
        // Most rows of an old table.
        if flags & Mask.xminFrozen == Mask.xminFrozen { return true }
        return checkYoungInserter(header, flags, number)
    }

    private mutating func checkYoungInserter(
        _ header: HeapTupleHeader, _ flags: UInt16, _ number: OffsetNumber
    ) -> Bool {
        if let fault = limits.fault(transaction: header.xmin, "xmin") {
            report(number, fault)
            return false
        }
        // Before PostgreSQL 9.0, VACUUM FULL moved rows in a transaction of its own.
        guard flags & Mask.xminFrozen == 0, flags & Mask.moved != 0 else { return true }
        let fault =
            header.field3 == 0
            ? "the transaction that moved it is invalid"
            : limits.fault(transaction: header.field3, "the transaction that moved it,")
        if let fault { report(number, fault) }
        return fault == nil
    }

    /// Why the deleter or locker of a row that was inserted is impossible; nil if it is not.
    @inline(__always)
    private func deleterFault(_ header: HeapTupleHeader) -> String? {
        let flags = header.flags.rawValue
        if flags & Mask.isMultixact != 0 { return limits.fault(multixact: header.xmax) }
        if flags & (Mask.xmaxInvalid | Mask.lockOnly) != 0 { return nil }
        return limits.fault(transaction: header.xmax, "xmax")
    }
}

extension HeapInspection {
    /// Checks a pointer to a value stored out of line, and gathers it if its row is visible.
    private mutating func follow(
        _ data: RawSpan, _ extent: Range<Int>, _ header: HeapTupleHeader, _ number: OffsetNumber,
        _ block: UInt32?
    ) throws(ValueFault) {
        guard case .external(let pointer) = try Varlena.form(of: data, extent) else { return }
        let name = "value \(pointer.value), stored out of line,"
        if header.flags.rawValue & Mask.hasExternal == 0 {
            return report(number, "\(name) is not flagged in the tuple's header")
        }
        if !hasToast { return report(number, "\(name) is in a table without TOAST relation") }
        let word = try data.load(extent.lowerBound + 6, as: UInt32.self)
        if pointer.isCompressed && word >> 30 > 1 {
            return report(number, "\(name) has the unknown compression method \(word >> 30)")
        }
        if gathering == .pointers, let block {
            foundPointers.append(ToastDemand.Pointer(pointer, block, number))
        }
    }
}

extension LinePointer.State {
    /// The state in words.
    fileprivate var name: String {
        switch self {
        case .unused: "unused"
        case .normal: "normal"
        case .redirect: "a redirect"
        case .dead: "dead"
        }
    }
}
