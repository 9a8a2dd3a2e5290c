internal import Strata

/// Prints a verification's findings and progress on standard error, and summarises it.
final class VerificationWatch {
    private let clock = ContinuousClock()
    private let begin: ContinuousClock.Instant
    private var shown: ContinuousClock.Instant
    private let output = ToolEnvironment.current.standardError
    private let isWatched: Bool

    init() {
        isWatched = output.isTerminal
        begin = clock.now
        shown = begin
    }

    /// The observer to give to the verification.
    var observer: VerificationObserver {
        VerificationObserver { [output] finding in
            output.write("strata: \(OptionNames.translated("\(finding)"))")
        } progress: { [self] progress in
            guard isWatched, clock.now - shown >= .milliseconds(200) else { return }
            shown = clock.now
            let expected =
                progress.pagesExpected > progress.pagesChecked
                ? " of \(Wording.count(progress.pagesExpected, "page"))" : " pages"
            output.replaceLine(
                "checking \(progress.relation), \(progress.pagesChecked)\(expected)")
        }
    }

    /// Removes the progress line.
    func end() {
        if isWatched { output.replaceLine("") }
    }

    /// The last line.
    func summary(_ report: VerificationReport, _ ioMethodName: String) -> String {
        let found =
            report.findings == 0 ? "no damage" : "\(report.findings) found damaged"
        let zeroes =
            report.newPages == 0
            ? "" : " (\(report.newPages) \(report.newPages == 1 ? "is" : "are") all zeroes)"
        let nanoseconds = max(0, (clock.now - begin) / .nanoseconds(1))
        return "\(found): checked \(Wording.count(report.pagesChecked, "page"))\(zeroes) of"
            + " \(Wording.count(report.relations, "relation")),"
            + " \(Wording.size(Double(report.pagesChecked) * Double(blockSize)))"
            + " in \(Wording.seconds(UInt64(nanoseconds))), IO method \(ioMethodName)"
    }
}
