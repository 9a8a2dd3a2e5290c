internal import PageFormat
internal import PostgresReading
internal import PostgresTypes

/// Tells which pages in an image are a table's, and which may hold its values stored out of line.
/// Belongs to one thread.
struct ImagePages {
    private var judge: TupleJudge
    private var toastJudge: TupleJudge
    private let acceptsShortRows: Bool
    private let hasToast: Bool
    /// The pages found so far, by their contents: an image may have a page twice.
    private var seen: Set<Int> = []

    private static let mostSeen = 8 << 20

    /// What a place turned out to be.
    enum Verdict {
        case other
        /// A page of the table, with the tuples on it.
        case table(PageTuples, block: UInt32, isWhole: Bool)
        /// A page of a TOAST relation, perhaps the table's.
        case toast(PageTuples, isWhole: Bool)
        /// A page that was found before.
        case again
    }

    init(_ shape: RescueShape, _ writer: ValueWriter, acceptsShortRows: Bool) {
        judge = TupleJudge(shape, writer)
        toastJudge = TupleJudge(.toast, writer)
        toastJudge.acceptsShortRows = false
        self.acceptsShortRows = acceptsShortRows
        hasToast = shape.attributes.contains { $0.layout.isVarlena }
    }

    /// Looks at a place. O(1) where there is no page.
    mutating func examine(_ page: PageView) -> Verdict {
        guard let version = try? page.bytes.load(18, as: UInt16.self),
            version == UInt16(PageLayout.size) | UInt16(PageLayout.version)
        else { return .other }
        let header = page.header
        guard header.fault == nil, !page.isNew, Int(header.special) == PageLayout.size,
            !page.isEmpty
        else { return .other }
        let verdict = verdict(page)
        if case .other = verdict { return .other }
        if seen.count < Self.mostSeen, !seen.insert(Self.hash(page)).inserted { return .again }
        return verdict
    }

    private static func hash(_ page: PageView) -> Int {
        var hasher = Hasher()
        unsafe page.bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    private mutating func verdict(_ page: PageView) -> Verdict {
        let block = Self.block(of: page)
        // Without checksums, the field is zero.
        let hasChecksum = page.storedChecksum != 0
        let isIntact =
            hasChecksum && PageChecksum.compute(page, block: block) == page.storedChecksum
        let whole = PageTuples(whole: page)
        if let whole, isIntact || !hasChecksum {
            let fit = ShapeFit(whole, page, &judge)
            if fit.isOfTable || (acceptsShortRows && fit.others == 0 && fit.fitting > 0) {
                return .table(whole, block: block, isWhole: true)
            }
            if hasToast, ShapeFit(whole, page, &toastJudge).isOfTable {
                return .toast(whole, isWhole: true)
            }
            // What is intact and does not fit is another table's.
            if isIntact { return .other }
        }
        judge.acceptsShortRows = acceptsShortRows
        defer { judge.acceptsShortRows = true }
        if let tuples = Self.partly(page, block, &judge) {
            return .table(tuples, block: block, isWhole: false)
        }
        if hasToast, let tuples = Self.partly(page, block, &toastJudge) {
            return .toast(tuples, isWhole: false)
        }
        return .other
    }

    /// The tuples of a damaged page, if enough of its line pointers lead to tuples that fit.
    private static func partly(
        _ page: PageView, _ block: UInt32, _ judge: inout TupleJudge
    ) -> PageTuples? {
        let tuples = PageTuples(damaged: page, block: block, &judge)
        let fitting = tuples.found.count { $0.isPossible }
        let normal = page.linePointerNumbers.count { page.linePointer($0)?.state == .normal }
        guard fitting > 0, fitting * leastShare >= normal else { return nil }
        return tuples
    }

    /// A page of which half was overwritten has fewer than half of its tuples.
    private static let leastShare = 4

    /// The block that the page was in: the one that most of its tuples name.
    private static func block(of page: PageView) -> UInt32 {
        var votes: [UInt32: Int] = [:]
        for number in page.linePointerNumbers {
            guard let bytes = DamagedPage.item(number, of: page),
                let header = HeapTupleHeader(bytes)
            else { continue }
            votes[header.block, default: 0] += header.number == number ? 4 : 1
        }
        return votes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? 0
    }
}
