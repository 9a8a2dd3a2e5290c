package import PageFormat
package import RowSchema
package import ToastFormat

/// The result of checking the pages of one fork: rows, and a readable number of findings.
///
/// Neighbouring pages of zeroes are reported together. After ``limit`` findings, one more sums up
/// the rest of the fork. Used by one thread.
package struct PageFindings {
    /// Rows on intact pages: line pointers in state normal.
    package private(set) var rows: UInt64 = 0
    /// Other line pointers on intact pages.
    package private(set) var otherItems: UInt64 = 0
    /// Pages of zeroes that are allowed.
    package var toleratedZeroes: UInt64 = 0

    private var check: RowCheck?
    private var open: Run?
    private var told = 0
    private var rest: Rest?

    /// How many findings about pages of one fork are reported individually.
    static let limit = 100

    /// A page with a fault, or neighbouring pages with the same fault.
    package struct Run {
        package var blocks: Range<UInt32>
        package let kind: VerificationFinding.Kind
        package let reason: String
        package let path: String?

        package init(
            blocks: Range<UInt32>, kind: VerificationFinding.Kind, reason: String, path: String?
        ) {
            (self.blocks, self.kind, self.reason, self.path) = (blocks, kind, reason, path)
        }

        /// The reason, with the number of pages concerned.
        package var words: String {
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

    /// - Parameters:
    ///   - schema: what to check the fork's rows against; nil if its pages do not hold rows.
    ///   - values: finds the rows' values that are out of line; nil if none may be.
    package init(_ schema: Schema? = nil, values: (any ExternalValues)? = nil) {
        check = schema.map { RowCheck($0, values: values) }
    }

    /// Counts the rows of a page whose checksum and header are right. Returns what is wrong with
    /// them.
    package mutating func count(_ page: PageView) -> String? {
        if let fault = check?.fault(on: page) { return fault }
        for number in page.linePointerNumbers {
            if page.linePointer(number)?.state == .normal { rows += 1 } else { otherItems += 1 }
        }
        return nil
    }

    /// Records a fault. Returns what to report because of it.
    package mutating func note(_ run: Run) -> Run? {
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

    /// What is left to report at the end; nil for nothing. Call it until it returns nil.
    package mutating func takeRest() -> Run? {
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
