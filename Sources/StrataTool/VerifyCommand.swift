internal import ArgumentParser
internal import AsyncIO
internal import Strata

/// `strata verify`
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check all pages of a store as they are on disk.",
        discussion: """
            Reads every file of every relation and checks each page's checksum and header, the \
            files' lengths, that none is missing, and that the pages hold as many rows as were \
            loaded. Whatever is damaged is named on standard \
            error by relation, fork, block and file; the check goes on behind it, and the exit \
            code is 1 then. The summary goes to standard output.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp(
            "Check only this relation; may be given several times.", valueName: "name"))
    var relation: [String] = []

    func run() throws {
        try storeArguments.withStore(creating: false) { engine in
            let session = try engine.makeSession()
            defer { session.close() }
            let clock = ContinuousClock()
            let begin = clock.now
            var shown = begin
            let isWatched = StandardError.isTerminal
            let observer = VerificationObserver { finding in
                StandardError.write("strata: \(finding)")
            } progress: { progress in
                guard isWatched, clock.now - shown >= .milliseconds(200) else { return }
                shown = clock.now
                StandardError.replaceLine(
                    "checking \(progress.relation), \(progress.pagesChecked) of"
                        + " \(Wording.count(progress.pagesExpected, "page"))")
            }
            let outcome = Result { () throws(StorageError) in
                try engine.verify(
                    relation.isEmpty ? nil : relation, session: session, observer: observer)
            }
            if isWatched { StandardError.replaceLine("") }
            let report = try outcome.get()
            print(summary(report, clock.now - begin, engine))
            if report.findings > 0 { throw ExitCode(1) }
        }
    }

    private func summary(_ report: VerificationReport, _ time: Duration, _ engine: Engine) -> String
    {
        let found = report.findings == 0 ? "no damage" : "\(report.findings) found damaged"
        let zeroes =
            report.newPages == 0
            ? "" : " (\(report.newPages) \(report.newPages == 1 ? "is" : "are") all zeroes)"
        let nanoseconds = max(0, time / .nanoseconds(1))
        return "\(found): checked \(Wording.count(report.pagesChecked, "page"))\(zeroes) of"
            + " \(Wording.count(report.relations, "relation")),"
            + " \(Wording.size(Double(report.pagesChecked) * Double(blockSize)))"
            + " in \(Wording.seconds(UInt64(nanoseconds))), IO method \(engine.ioMethodName)"
    }
}
