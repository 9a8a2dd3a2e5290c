import Strata
import Testing

/// Contents of pages of any kind, which tell where the page is, and in which every byte counts.
enum OwnContents {
    private static func byte(_ mark: UInt8, _ block: UInt32, _ offset: Int) -> UInt8 {
        mark &+ UInt8(truncatingIfNeeded: block &* 3) &+ UInt8(truncatingIfNeeded: offset &* 7)
    }

    /// Where the contents begin. The first byte is the mark.
    private static func start(_ kind: PageKind) -> Int { max(8, kind.headerSize) }

    static func fill(_ page: borrowing PinnedPage, _ kind: PageKind, mark: UInt8) throws {
        if kind == .postgres { return try page.fill(mark) }
        let (block, start) = (page.block.rawValue, start(kind))
        page.withExclusiveLock(lsn: LSN(UInt64(mark))) { bytes in
            bytes.storeBytes(of: mark, toByteOffset: start, as: UInt8.self)
            for offset in start + 1..<blockSize {
                bytes.storeBytes(
                    of: byte(mark, block, offset), toByteOffset: offset, as: UInt8.self)
            }
        }
    }

    /// The mark of a page that is whole; nil for one of zeroes.
    static func mark(_ page: borrowing PinnedPage, _ kind: PageKind) throws -> UInt8? {
        let block = page.block.rawValue
        if kind == .postgres { return try page.withView { try $0.isNew ? nil : $0.mark(block) } }
        let start = start(kind)
        return page.withSharedLock { bytes in
            let mark = bytes.unsafeLoad(fromByteOffset: start, as: UInt8.self)
            if mark == 0 { return nil }
            let isWhole = (start + 1..<blockSize).allSatisfy {
                bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) == byte(mark, block, $0)
            }
            #expect(isWhole, "block \(block) is torn")
            return mark
        }
    }

    static func marks(_ relation: Relation, _ session: Session) throws -> [UInt8?] {
        var marks: [UInt8?] = []
        var pages = relation.scan(session: session)
        while let page = try pages.next() { marks.append(try mark(page, relation.pageKind)) }
        return marks
    }

    /// Makes a relation whose pages have the marks 1, 2, 3 and so on.
    static func makeRelation(
        _ engine: Engine, _ session: Session, _ kind: PageKind, manager: String, name: String,
        pages: Int
    ) throws -> Relation {
        let relation = try engine.createRelation(
            LoadTarget(relation: name, managerName: manager, pageKind: kind), session: session)
        for block in 0..<pages {
            var new = try relation.extend(session: session)
            guard let page = new.next() else { throw CancellationError() }
            try fill(page, kind, mark: UInt8(truncatingIfNeeded: 1 + block))
        }
        return relation
    }

    /// Leaves bad contents in a page, as a program does that does not end its edit in a closure.
    static func spoil(_ page: borrowing PinnedPage, _ kind: PageKind) {
        unsafe page.unsafeAddress.storeBytes(
            of: 0xFFFF, toByteOffset: kind == .sealed ? 12 : 14, as: UInt16.self)
        page.markDirty()
    }
}
