internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// The tuples of a page. On a page that cannot be trusted, each is looked for by itself: where its
/// line pointer leads, or between the others if its line pointer is damaged.
///
/// Any bytes may be given. Time is bounded: a page has 1024 places where a tuple can begin.
struct PageTuples {
    /// A tuple.
    struct Found {
        /// Its line pointer; zero if that is not known.
        let number: OffsetNumber
        let start: Int
        let length: Int
        /// Whether header and values are all possible.
        let isPossible: Bool
    }

    private(set) var found: [Found] = []
    /// Line pointers in state normal whose tuples were not found.
    private(set) var lost: [OffsetNumber] = []

    private static let mostNumber = OffsetNumber(PageLayout.maxHeapTuplesPerPage)

    /// The tuples of a page whose header and checksum are right; nil if a line pointer or a tuple's
    /// header is impossible, so that the page cannot be trusted.
    init?(whole page: PageView) {
        if HeapPageCheck.linePointerFault(in: page) != nil { return nil }
        for number in page.linePointerNumbers {
            guard let pointer = page.linePointer(number), pointer.state == .normal else { continue }
            guard let tuple = try? page.tuple(number) else { return nil }
            found.append(
                Found(
                    number: number, start: pointer.offset, length: tuple.bytes.byteCount,
                    isPossible: true))
        }
    }

    /// The tuples of a page that cannot be trusted.
    ///
    /// - Parameter block: the page's block; nil if it is not known.
    init(damaged page: PageView, block: UInt32?, _ judge: inout TupleJudge) {
        let candidates = Candidates(page, block, &judge)
        var claims = Claims()
        for candidate in candidates.exact { claims.add(candidate) }
        // A line pointer whose length or state is wrong leads to a tuple that fills a gap.
        for candidate in candidates.inexact where claims.fits(candidate) { claims.add(candidate) }
        let start = candidates.itemStart(page, claims)
        carve(page, block, from: start, candidates, &claims, &judge)
        let numbers = Set(claims.taken.map(\.number))
        for partial in candidates.partial
        where !numbers.contains(partial.number) && claims.isFree(partial) {
            claims.add(partial)
        }
        found = claims.taken.sorted {
            ($0.number == 0 ? .max : $0.number, $0.start)
                < ($1.number == 0 ? .max : $1.number, $1.start)
        }
        let known = Set(found.map(\.number))
        // Where tuples are, there are no line pointers.
        let end = found.map(\.start).min() ?? PageLayout.size
        lost = candidates.normal.filter { number in
            !known.contains(number)
                && PageLayout.lineStart + Int(number) * PageLayout.linePointerSize <= end
        }
    }

    /// Looks for tuples where no line pointer leads.
    private func carve(
        _ page: PageView, _ block: UInt32?, from start: Int, _ candidates: Candidates,
        _ claims: inout Claims, _ judge: inout TupleJudge
    ) {
        for gap in claims.gaps(from: start) {
            var offset = PageLayout.align(gap.lowerBound)
            while offset + PageLayout.tupleHeaderSize <= gap.upperBound {
                guard let length = judge.length(page.bytes, at: offset, end: gap.upperBound),
                    let tuple = try? page.bytes.part(offset, length),
                    let header = HeapTupleHeader(tuple)
                else {
                    offset += PageLayout.maximumAlignment
                    continue
                }
                // A tuple names itself unless it was updated. What was moved on the page may have
                // left an old copy, whose number another tuple has.
                let namesItself =
                    (1...Self.mostNumber).contains(header.number)
                    && (block == nil || header.block == block)
                let end = PageLayout.align(offset + length)
                let isBounded =
                    end == gap.upperBound || judge.mayBegin(page.bytes, at: end)
                if namesItself && isBounded {
                    claims.release(header.number, candidates.rivals)
                }
                if namesItself
                    && !claims.taken.contains(where: { $0.number == header.number })
                    && !Self.isDenied(page, header.number, at: offset, length)
                    && isBounded
                {
                    claims.add(
                        Found(
                            number: header.number, start: offset, length: length, isPossible: true))
                } else if isBounded,
                    let number = Self.onlyOwner(page, length, candidates.normal, claims)
                {
                    // An updated tuple names its successor.
                    claims.add(
                        Found(number: number, start: offset, length: length, isPossible: true))
                }
                offset = PageLayout.align(offset + length)
            }
        }
    }
}

extension PageTuples {
    /// The line pointer of that length whose tuple was not found, if there is only one.
    private static func onlyOwner(
        _ page: PageView, _ length: Int, _ normal: [OffsetNumber], _ claims: Claims
    ) -> OffsetNumber? {
        let owners = normal.filter { number in
            DamagedPage.linePointer(number, of: page)?.length == length
                && !claims.taken.contains { $0.number == number }
        }
        return owners.count == 1 ? owners[0] : nil
    }

    /// Whether a tuple's own line pointer leads to it with another length, which is then the right
    /// one.
    private static func isDenied(
        _ page: PageView, _ number: OffsetNumber, at offset: Int, _ length: Int
    ) -> Bool {
        guard let pointer = DamagedPage.linePointer(number, of: page) else { return false }
        return pointer.state == .normal && pointer.offset == offset && pointer.length != length
    }
}

/// Where the line pointers of a page that cannot be trusted lead.
private struct Candidates {
    /// Tuples of exactly their line pointers' lengths, none of which lie on another.
    private(set) var exact: [PageTuples.Found] = []
    /// Tuples of other lengths, or of line pointers in another state.
    private(set) var inexact: [PageTuples.Found] = []
    /// Tuples whose headers are possible, but not all their values.
    private(set) var partial: [PageTuples.Found] = []
    /// The numbers of the line pointers in state normal.
    private(set) var normal: [OffsetNumber] = []
    /// Of line pointers that lead to the same tuple, which names neither: for the one that got it,
    /// the other one.
    private(set) var rivals: [OffsetNumber: OffsetNumber] = [:]

    init(_ page: PageView, _ block: UInt32?, _ judge: inout TupleJudge) {
        var all: [PageTuples.Found] = []
        for number in DamagedPage.linePointerNumbers(of: page) {
            guard let pointer = DamagedPage.linePointer(number, of: page) else { continue }
            let isNormal = pointer.state == .normal
            if isNormal && pointer.length > 0 { normal.append(number) }
            guard pointer.length > 0, pointer.state != .redirect,
                pointer.offset & (PageLayout.maximumAlignment - 1) == 0,
                pointer.offset >= PageLayout.lineStart, pointer.offset < PageLayout.size
            else { continue }
            let length = judge.length(page.bytes, at: pointer.offset, end: PageLayout.size)
            if let length, isNormal, length == pointer.length {
                all.append(
                    PageTuples.Found(
                        number: number, start: pointer.offset, length: length, isPossible: true))
                continue
            }
            if let length {
                inexact.append(
                    PageTuples.Found(
                        number: number, start: pointer.offset, length: length, isPossible: true))
            }
            if isNormal, length == nil, Self.hasPossibleHeader(page, number, judge) {
                partial.append(
                    PageTuples.Found(
                        number: number, start: pointer.offset, length: pointer.length,
                        isPossible: false))
            }
        }
        exact = withoutOverlaps(all, page, block)
    }

    private static func hasPossibleHeader(
        _ page: PageView, _ number: OffsetNumber, _ judge: TupleJudge
    ) -> Bool {
        guard let bytes = DamagedPage.item(number, of: page),
            let tuple = try? HeapTupleView(bytes, number: number)
        else { return false }
        return tuple.attributeCount <= judge.shape.attributes.count
    }

    /// Of two tuples that share bytes, keeps the one that names its own line pointer.
    private mutating func withoutOverlaps(
        _ all: [PageTuples.Found], _ page: PageView, _ block: UInt32?
    ) -> [PageTuples.Found] {
        func namesItself(_ tuple: PageTuples.Found) -> Bool {
            guard let bytes = try? page.bytes.part(tuple.start, tuple.length),
                let header = HeapTupleHeader(bytes)
            else { return false }
            return header.number == tuple.number && (block == nil || header.block == block)
        }
        var kept: [PageTuples.Found] = []
        for tuple in all.sorted(by: { ($0.start, $0.number) < ($1.start, $1.number) }) {
            guard let last = kept.last, tuple.start < last.start + last.length else {
                kept.append(tuple)
                continue
            }
            if namesItself(tuple) && !namesItself(last) {
                kept[kept.count - 1] = tuple
            } else if !namesItself(last) && tuple.start == last.start {
                rivals[last.number] = tuple.number
            }
        }
        return kept
    }

    /// Where the page's items begin: as the header says, unless it contradicts them.
    func itemStart(_ page: PageView, _ claims: Claims) -> Int {
        let header = page.header
        let first = claims.taken.map(\.start).min()
        let (lower, upper) = (Int(header.lower), Int(header.upper))
        let isPossible =
            lower >= PageLayout.lineStart && lower <= upper && upper <= PageLayout.size
            && upper <= first ?? PageLayout.size
        if isPossible { return upper }
        if let first { return first }
        return max(PageLayout.lineStart, min(lower, PageLayout.size))
    }
}

/// The bytes of a page that belong to tuples.
private struct Claims {
    private(set) var taken: [PageTuples.Found] = []

    /// Adds a tuple, in order of its start.
    mutating func add(_ tuple: PageTuples.Found) {
        let index = taken.firstIndex { $0.start > tuple.start } ?? taken.count
        taken.insert(tuple, at: index)
    }

    /// Takes a number from the tuple that has it if another line pointer leads to that tuple, too.
    mutating func release(
        _ number: OffsetNumber, _ rivals: [OffsetNumber: OffsetNumber]
    ) {
        guard let rival = rivals[number], !taken.contains(where: { $0.number == rival }),
            let index = taken.firstIndex(where: { $0.number == number })
        else { return }
        let tuple = taken[index]
        taken[index] = PageTuples.Found(
            number: rival, start: tuple.start, length: tuple.length, isPossible: true)
    }

    func isFree(_ tuple: PageTuples.Found) -> Bool {
        !taken.contains {
            $0.start < tuple.start + tuple.length && tuple.start < $0.start + $0.length
        }
    }

    /// Whether a tuple fills the room before the next one, up to alignment.
    func fits(_ tuple: PageTuples.Found) -> Bool {
        guard isFree(tuple), !taken.contains(where: { $0.number == tuple.number }) else {
            return false
        }
        let next = taken.first { $0.start > tuple.start }?.start ?? PageLayout.size
        return PageLayout.align(tuple.start + tuple.length) == next
    }

    /// The bytes from `start` on that no tuple has.
    func gaps(from start: Int) -> [Range<Int>] {
        var gaps: [Range<Int>] = []
        var end = start
        for tuple in taken {
            if tuple.start > end { gaps.append(end..<tuple.start) }
            end = max(end, PageLayout.align(tuple.start + tuple.length))
        }
        if end < PageLayout.size { gaps.append(end..<PageLayout.size) }
        return gaps
    }
}
