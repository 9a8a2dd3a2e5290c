internal import AsyncIO
internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// Looks into the pages of one table: line pointers, tuple headers, the extents of values. Belongs
/// to the checking thread. Mirrors `verify_heapam` of the extension amcheck.
final class HeapInspection {
    /// A table's columns; nil if unknown, so that values are not looked at.
    private let layouts: [ValueLayout]?
    private let hasToast: Bool
    private let limits: TransactionLimits
    /// Whether a server may have added columns that the catalog on disk lacks.
    private let mayChange: Bool
    private var visibility: Visibility
    /// Gathers the pointers to values stored out of line; nil if they are not to be followed.
    let demand: ToastDemand?
    /// Receives the chunks of the table whose TOAST relation this is.
    let supply: ToastDemand?

    /// A fault of a line pointer, or of the whole page.
    typealias Report = (OffsetNumber?, String) -> Void

    /// Bits of `t_infomask` and `t_infomask2`.
    private enum Mask {
        static let hasExternal: UInt16 = 0x0004
        static let lockOnly: UInt16 = 0x0080
        static let xminFrozen: UInt16 = 0x0300
        static let xmaxCommitted: UInt16 = 0x0400
        static let xmaxInvalid: UInt16 = 0x0800
        static let isMultixact: UInt16 = 0x1000
        static let heapOnly: UInt16 = 0x8000
    }

    init(
        _ known: KnownRelation?, _ control: ClusterControl, _ log: TransactionLog, mayChange: Bool,
        demand: ToastDemand?, supply: ToastDemand?
    ) {
        layouts = known?.layouts
        hasToast = known?.toast != nil
        limits = TransactionLimits(control, known, mayChange: mayChange)
        self.mayChange = mayChange
        visibility = Visibility(log)
        self.demand = demand
        self.supply = supply
    }

    /// Checks a page with a valid header. Time in proportion to the values on it.
    func take(_ page: PageView, _ block: UInt32, _ report: Report) {
        if case .badLinePointer(let number, .overlap(let offset, let length)) =
            HeapPageCheck.linePointerFault(in: page)
        {
            report(number, "\(length) bytes at offset \(offset) share bytes with another item")
        }
        for number in page.linePointerNumbers {
            guard let pointer = page.linePointer(number) else { continue }
            switch pointer.state {
            case .unused, .dead: continue
            case .redirect: checkRedirect(page, number, pointer.offset, report)
            case .normal:
                guard let tuple = item(page, number, pointer, report) else { continue }
                check(tuple, number, block, report)
            }
        }
    }

    private func checkRedirect(
        _ page: PageView, _ number: OffsetNumber, _ target: Int, _ report: Report
    ) {
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

    @_lifetime(copy page)
    private func item(
        _ page: PageView, _ number: OffsetNumber, _ pointer: LinePointer, _ report: Report
    ) -> RawSpan? {
        let (offset, length) = (pointer.offset, pointer.length)
        guard offset & (PageLayout.maximumAlignment - 1) == 0 else {
            report(number, "its offset \(offset) is not maximally aligned")
            return nil
        }
        guard length >= PageLayout.tupleHeaderSize else {
            report(
                number,
                "its length \(length) is less than a tuple header's \(PageLayout.tupleHeaderSize)")
            return nil
        }
        let header = page.header
        guard offset >= Int(header.upper), offset + length <= Int(header.special),
            let tuple = try? page.bytes.part(offset, length)
        else {
            report(
                number,
                "\(length) bytes at offset \(offset) do not lie between the page's upper bound"
                    + " \(header.upper) and its end \(header.special)")
            return nil
        }
        return tuple
    }

    private func check(
        _ tuple: RawSpan, _ number: OffsetNumber, _ block: UInt32, _ report: Report
    ) {
        guard let header = HeapTupleHeader(tuple) else { return }
        guard checkHeader(header, tuple.byteCount, number, report),
            checkTransactions(header, number, report)
        else { return }
        supply?.take(tuple, header)
        let state: RowState
        do throws(StorageError) {
            state = try visibility.state(header)
        } catch {
            return report(number, error.message)
        }
        // The layout of a row that was never committed may be another one.
        guard state != .insertAborted, let layouts else { return }
        let count = header.attributeCount
        if count > layouts.count && !mayChange {
            return report(
                number, "it has \(count) attributes, but the table has \(layouts.count) columns")
        }
        let collects = state == .visible
        do throws(ValueFault) {
            try checkValues(tuple, header, layouts, number, collects ? block : nil, report)
        } catch {
            report(number, "its values do not fit into it: \(error)")
        }
    }

    private func checkHeader(
        _ header: HeapTupleHeader, _ length: Int, _ number: OffsetNumber, _ report: Report
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
        let bitmap = header.flags.contains(.hasNulls) ? (header.attributeCount + 7) / 8 : 0
        let expected = PageLayout.align(PageLayout.tupleHeaderSize + bitmap)
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

    private func checkTransactions(
        _ header: HeapTupleHeader, _ number: OffsetNumber, _ report: Report
    ) -> Bool {
        let flags = header.flags.rawValue
        if flags & Mask.xminFrozen != Mask.xminFrozen,
            let fault = limits.fault(transaction: header.xmin, "xmin")
        {
            report(number, fault)
            return false
        }
        if flags & Mask.isMultixact != 0 {
            if let fault = limits.fault(multixact: header.xmax) {
                report(number, fault)
                return false
            }
        } else if flags & (Mask.xmaxInvalid | Mask.lockOnly) == 0,
            let fault = limits.fault(transaction: header.xmax, "xmax")
        {
            report(number, fault)
            return false
        }
        return true
    }
}

extension HeapInspection {
    /// Checks that each value lies within the tuple, and gathers the pointers.
    private func checkValues(
        _ tuple: RawSpan, _ header: HeapTupleHeader, _ layouts: [ValueLayout],
        _ number: OffsetNumber, _ block: UInt32?, _ report: Report
    ) throws(ValueFault) {
        let data = try tuple.rest(Int(header.dataOffset))
        let hasNulls = header.flags.contains(.hasNulls)
        var offset = 0
        for index in 0..<min(header.attributeCount, layouts.count) {
            let layout = layouts[index]
            if hasNulls,
                try tuple.byte(PageLayout.tupleHeaderSize + index >> 3) >> UInt8(index & 7) & 1 == 0
            {
                continue
            }
            let extent = try layout.extent(in: data, from: offset)
            offset = extent.upperBound
            guard layout.isVarlena, try data.byte(extent.lowerBound) == 1 else { continue }
            guard case .external(let pointer) = try Varlena.form(of: data, extent) else { continue }
            let name = "value \(pointer.value), stored out of line,"
            if header.flags.rawValue & Mask.hasExternal == 0 {
                report(number, "\(name) is not flagged in the tuple's header")
                continue
            }
            if !hasToast {
                report(number, "\(name) is in a table without TOAST relation")
                continue
            }
            let word = try data.load(extent.lowerBound + 6, as: UInt32.self)
            if pointer.isCompressed && word >> 30 > 1 {
                report(number, "\(name) has the unknown compression method \(word >> 30)")
                continue
            }
            if let block { demand?.add(pointer, block, number) }
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
