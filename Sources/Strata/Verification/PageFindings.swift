/// What checking the pages of one fork has come to: rows, and findings, few enough to be read.
///
/// Neighbouring pages of zeroes are told of together. After ``limit`` findings the rest of
/// the fork is summed up by one more. One thread's.
struct PageFindings {
    /// Rows on sound pages: line pointers in state normal.
    private(set) var rows: UInt64 = 0
    /// Other line pointers on sound pages.
    private(set) var otherItems: UInt64 = 0
    /// Pages of zeroes that may be so.
    var toleratedZeroes: UInt64 = 0

    private var check: RowCheck?
    private var open: Run?
    private var told = 0
    private var rest: Rest?

    /// How many findings about pages of one fork are told one by one.
    static let limit = 100

    /// A page with a fault, or neighbouring ones with the same.
    struct Run {
        var blocks: Range<UInt32>
        let kind: VerificationFinding.Kind
        let reason: String
        let path: String?

        /// The reason, with how many pages it is about.
        var words: String {
            blocks.count == 1
                ? reason : "\(blocks.count) pages up to block \(blocks.upperBound - 1): \(reason)"
        }
    }

    /// Findings beyond the limit.
    private struct Rest {
        var first: Run
        var pages: Int
        var last: UInt32
    }

    /// - Parameter schema: what rows of the fork are checked against; nil if they are nobody's.
    init(_ schema: Schema? = nil) { check = schema.map(RowCheck.init) }

    /// Counts the rows of a page whose checksum and header are right; what is wrong with them.
    mutating func count(_ page: PageView) -> String? {
        if let fault = check?.fault(on: page) { return fault }
        for number in page.linePointerNumbers {
            if page.linePointer(number)?.state == .normal { rows += 1 } else { otherItems += 1 }
        }
        return nil
    }

    /// Takes note of a fault; what is to be told because of it.
    mutating func note(_ run: Run) -> Run? {
        if let last = open, run.kind == .zeroedPage, last.kind == run.kind,
            last.path == run.path, last.blocks.upperBound == run.blocks.lowerBound
        {
            open?.blocks = last.blocks.lowerBound..<run.blocks.upperBound
            return nil
        }
        defer { open = run }
        return open.flatMap { tell($0) }
    }

    private mutating func tell(_ run: Run) -> Run? {
        guard told >= Self.limit else {
            told += 1
            return run
        }
        rest = Rest(
            first: rest?.first ?? run, pages: (rest?.pages ?? 0) + run.blocks.count,
            last: run.blocks.upperBound - 1)
        return nil
    }

    /// What is left to be told at the end; nil for nothing. To be called until it is.
    mutating func takeRest() -> Run? {
        if let run = open.take(), let told = tell(run) { return told }
        guard let rest = rest.take() else { return nil }
        let block = rest.first.blocks.lowerBound
        return Run(
            blocks: block..<block + 1, kind: rest.first.kind,
            reason:
                "\(rest.pages) more pages up to block \(rest.last) are damaged; the first of them:"
                + " \(rest.first.reason)", path: rest.first.path)
    }
}
