internal import AsyncIO
internal import BufferManager
internal import PageFormat
internal import PostgresTypes
internal import StorageManager

/// The index of a TOAST relation: a B-tree of (value, chunk number), both of four bytes. It is not
/// trusted: an index that cannot be followed just returns fewer rows.
struct ToastIndex {
    /// Where a row is.
    struct Row {
        let block: UInt32
        let number: OffsetNumber
    }

    private let relation: OpenRelation

    /// No B-tree is deeper.
    private static let mostLevels = 32

    private enum PageFlag {
        static let leaf: UInt16 = 1
        static let deleted: UInt16 = 4
        static let halfDead: UInt16 = 16
    }

    init(_ relation: OpenRelation) { self.relation = relation }

    /// The result of searching one page.
    private enum Step {
        /// Continue at that page, below or to the right.
        case go(UInt32)
        /// The rows found on this page, and the page to the right if it may hold more.
        case rows([Row], next: UInt32)
    }

    /// The rows with chunks of `value`, in the chunks' order.
    func rows(
        of value: UInt32, atMost limit: Int, _ buffers: BufferManager, _ session: Session
    ) throws(StorageError) -> [Row] {
        var rows: [Row] = []
        let meta = try buffers.page(0, of: relation, session: session)
        // The page header is followed by a magic number, the version and the root.
        let root = meta.withView { view in (try? view.bytes.load(32, as: UInt32.self)) ?? 0 }
        meta.release()
        var block = root
        // A search descends the levels, then moves right along the leaves.
        let steps = Self.mostLevels + 2 * limit + 16
        for _ in 0..<steps {
            guard block != 0 else { break }
            let page = try buffers.page(BlockNumber(block), of: relation, session: session)
            let step = page.withView { view in (try? Self.search(view, value)) ?? nil }
            guard let step else { break }
            switch step {
            case .go(let next): block = next
            case .rows(let found, let next):
                rows += found
                if rows.count > 2 * limit + 16 { return rows }
                block = next
            }
        }
        return rows
    }

    private static func search(_ page: PageView, _ value: UInt32) throws(ValueFault) -> Step? {
        let special = Int(page.header.special)
        guard special == PageLayout.size - 16 else { return nil }
        let next = try page.bytes.load(special + 4, as: UInt32.self)
        let flags = try page.bytes.load(special + 12, as: UInt16.self)
        if flags & (PageFlag.deleted | PageFlag.halfDead) != 0 { return .go(next) }
        let isLeaf = flags & PageFlag.leaf != 0
        // A page with a right neighbour begins with its upper bound.
        let first: OffsetNumber = next == 0 ? 1 : 2
        let last = OffsetNumber(page.linePointerCount)
        if next != 0, let bound = try key(page, 1), bound < value { return .go(next) }
        if isLeaf {
            return try leafRows(page, value, first, last, next)
        }
        var child: UInt32?
        var number = first
        while number <= last {
            guard let tuple = try? page.item(number) else { return nil }
            // The leftmost entry covers everything less; other entries lead to their key and above.
            if number > first, let key = try key(page, number), key >= value { break }
            child = try tuple.uint32Block()
            number += 1
        }
        return child.map { .go($0) }
    }

    private static func leafRows(
        _ page: PageView, _ value: UInt32, _ first: OffsetNumber, _ last: OffsetNumber,
        _ next: UInt32
    ) throws(ValueFault) -> Step {
        var rows: [Row] = []
        var number = first
        while number <= last {
            defer { number += 1 }
            guard let key = try key(page, number) else { continue }
            if key > value { return .rows(rows, next: 0) }
            guard key == value, let tuple = try? page.item(number) else { continue }
            try append(tuple, to: &rows)
        }
        return .rows(rows, next: next)
    }

    /// The value's number in an entry; nil if the entry has no key.
    private static func key(
        _ page: PageView, _ number: OffsetNumber
    ) throws(ValueFault) -> UInt32? {
        guard let tuple = try? page.item(number), tuple.byteCount >= 12 else { return nil }
        return try tuple.load(8, as: UInt32.self)
    }

    /// Appends an entry's row, or all rows of an entry that holds several.
    private static func append(_ tuple: RawSpan, to rows: inout [Row]) throws(ValueFault) {
        let info = try tuple.load(6, as: UInt16.self)
        let offset = try tuple.load(4, as: UInt16.self)
        guard info & 0x2000 != 0, offset & 0x2000 != 0 else {
            rows.append(Row(block: try tuple.uint32Block(), number: offset))
            return
        }
        let start = Int(try tuple.uint32Block())
        for index in 0..<Int(offset & 0x0FFF) {
            let row = try tuple.part(start + 6 * index, 6)
            rows.append(
                Row(block: try row.uint32Block(), number: try row.load(4, as: UInt16.self)))
        }
    }
}

extension RawSpan {
    /// The block in the row id at the start of the bytes: two halves, the high one first.
    fileprivate func uint32Block() throws(ValueFault) -> UInt32 {
        UInt32(try load(0, as: UInt16.self)) << 16 | UInt32(try load(2, as: UInt16.self))
    }

    /// A copy of the bytes.
    package var copied: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }

    /// A copy of the bytes before the first zero byte.
    package var copiedName: [UInt8] {
        unsafe withUnsafeBytes { unsafe Array($0.prefix { $0 != 0 }) }
    }
}
