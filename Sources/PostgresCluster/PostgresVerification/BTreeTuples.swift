internal import PageFormat
internal import PostgresTypes

/// Looks into the tuples of one B-tree: whether the columns that the catalog tells of fill each
/// exactly, as `index_form_tuple` and `_bt_truncate` make them. So a page is found that was
/// exchanged with another B-tree's, if its keys are of other types. Since all of its tuples are
/// wrong then, few are looked at. Belongs to the checking thread.
struct BTreeTuples {
    private let layouts: [ValueLayout]
    /// How many bytes each tuple of a leaf has, if no column's length varies and none is null.
    private let fixedLength: Int?
    /// The block behind the last one of the table to which one of the tuples looked at leads.
    private(set) var tableEnd: UInt32 = 0

    /// Parts of `t_info`.
    private enum Info {
        static let length: UInt16 = 0x1FFF
        /// The tuple has no row's place: it is a page's bound, or has many places.
        static let isSpecial: UInt16 = 0x2000
        static let hasVariable: UInt16 = 0x4000
        static let hasNulls: UInt16 = 0x8000
    }

    /// Parts of `ip_posid`, if the tuple is special.
    private enum Place {
        static let count: UInt16 = 0x0FFF
        static let endsWithPlace: UInt16 = 0x1000
        static let isPosting: UInt16 = 0x2000
    }

    private static let headerSize = 8
    private static let headerSizeWithNulls = 16
    private static let placeSize = 6
    private static let leaf: UInt16 = 0x01
    /// Deleted and half dead pages, and the first one.
    private static let withoutTuples: UInt16 = 0x1C

    /// How many tuples of a page are looked at.
    private static let sample = 8

    /// What is wrong with a page's tuples: the first one, and how many more of those looked at.
    struct Fault {
        let linePointer: OffsetNumber
        let reason: String
        var more = 0
    }

    init(_ layouts: [ValueLayout]) {
        self.layouts = layouts
        let isFixed = layouts.allSatisfy { $0.length > 0 }
        let end = layouts.reduce(0) { aligned($0, $1.alignment) + max(0, $1.length) }
        fixedLength = isFixed ? aligned(Self.headerSize + end, 8) : nil
    }

    /// What is wrong with a B-tree's page; nil if nothing is. Passes over items that lie where none
    /// can: those are found before. Takes time for as many tuples on each page.
    mutating func fault(_ page: PageView) -> Fault? {
        let special = Int(page.header.special)
        guard let flags: UInt16 = try? page.bytes.load(special + 12),
            flags & Self.withoutTuples == 0
        else { return nil }
        var fault: Fault?
        let isLeaf = flags & Self.leaf != 0
        // The first item of a page with a right neighbour is its bound. Before PostgreSQL 11, that
        // was a copy of a tuple that may have gone since.
        let right: UInt32 = (try? page.bytes.load(special + 4)) ?? 0
        let firstRow: OffsetNumber = right == 0 ? 1 : 2
        let count = page.linePointerCount
        for index in stride(from: 1, through: count, by: max(1, (count - 1) / (Self.sample - 1))) {
            let number = OffsetNumber(index)
            guard let pointer = page.linePointer(number),
                pointer.state == .normal || pointer.state == .dead,
                pointer.length >= Self.headerSize, pointer.offset + pointer.length <= special,
                let reason = reason(
                    page.bytes.extracting(pointer.offset..<pointer.offset + pointer.length),
                    isLeaf: isLeaf, isRow: isLeaf && number >= firstRow)
            else { continue }
            if fault == nil {
                fault = Fault(linePointer: number, reason: reason)
            } else {
                fault?.more += 1
            }
        }
        return fault
    }

    private mutating func reason(_ tuple: RawSpan, isLeaf: Bool, isRow: Bool) -> String? {
        guard let info: UInt16 = try? tuple.load(6) else { return nil }
        let length = Int(info & Info.length)
        guard length == tuple.byteCount else {
            return "it says that it has \(length) bytes, but its line pointer \(tuple.byteCount)"
        }
        if info & Info.isSpecial == 0 {
            if isRow { takePlace(tuple, at: 0) }
            // Before PostgreSQL 11, bounds of inner pages were not marked.
            if !isLeaf || info & ~Info.length == 0 && length == fixedLength { return nil }
            return fault(tuple, info, columns: layouts.count, end: length)
        }
        guard let place: UInt16 = try? tuple.load(4) else { return nil }
        let count = Int(place & Place.count)
        if place & Place.isPosting != 0 {
            guard let high: UInt16 = try? tuple.load(0), let low: UInt16 = try? tuple.load(2) else {
                return nil
            }
            let end = Int(high) << 16 | Int(low)
            guard isLeaf, aligned(end + Self.placeSize * count, 8) == length else {
                return "its \(count) places from byte \(end) on do not fill its \(length) bytes"
            }
            // They are sorted.
            if isRow && count > 0 { takePlace(tuple, at: end + Self.placeSize * (count - 1)) }
            return fault(tuple, info, columns: layouts.count, end: end)
        }
        guard count <= layouts.count else {
            return "it has \(count) columns, but the index \(layouts.count)"
        }
        let end = place & Place.endsWithPlace == 0 ? length : length - 8
        return fault(tuple, info, columns: count, end: end)
    }

    /// Takes the place of a row (`ItemPointerData`).
    private mutating func takePlace(_ tuple: RawSpan, at offset: Int) {
        guard let high: UInt16 = try? tuple.load(offset),
            let low: UInt16 = try? tuple.load(offset + 2)
        else { return }
        tableEnd = max(tableEnd, (UInt32(high) << 16 | UInt32(low)) &+ 1)
    }

    /// Why some columns do not end where they must; nil if they do.
    private func fault(_ tuple: RawSpan, _ info: UInt16, columns: Int, end: Int) -> String? {
        let hasNulls = info & Info.hasNulls != 0
        let start = hasNulls ? Self.headerSizeWithNulls : Self.headerSize
        guard end >= start, end <= tuple.byteCount else {
            return "its columns would end at byte \(end) of \(tuple.byteCount)"
        }
        let data = tuple.extracting(start..<end)
        var offset = 0
        var hasVariable = false
        for index in 0..<columns {
            if hasNulls,
                let bits = try? tuple.byte(Self.headerSize + index / 8),
                bits >> UInt8(index % 8) & 1 == 0
            {
                continue
            }
            hasVariable = hasVariable || layouts[index].length < 0
            guard let extent = try? layouts[index].extent(in: data, from: offset) else {
                return "column \(index + 1) of the index would end behind its \(end) bytes"
            }
            offset = extent.upperBound
        }
        guard aligned(start + offset, 8) == end else {
            return "the index's columns end at byte \(start + offset) of its \(end)"
        }
        guard hasVariable == (info & Info.hasVariable != 0) else {
            return hasVariable
                ? "it says that no value's length varies, which in the index one does"
                : "it says that values' lengths vary, which in the index none does"
        }
        return nil
    }
}
