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
            files' lengths, and that none is missing. Takes the rows apart as a scan does and \
            compares their values with the columns' types. Finds pages of zeroes, and rows that \
            are missing, where loads alone have written. Whatever is damaged is named on standard \
            error by relation, fork, block and file; the check goes on behind it, and the exit \
            code is 1 then. The summary goes to standard output.

            No file of the store changes. A store that was not closed is checked as it will be once \
            it has been recovered, and what that takes is told: pages that the journal will restore \
            are not damaged.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp(
            "Check only this relation; may be given several times.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: [String] = []

    func run() throws {
        try storeArguments.withStore(creating: false, access: .readOnly) { engine in
            StoreArguments.sayWhatRecoveryWillDo(engine)
            let session = try engine.makeSession()
            defer { session.close() }
            let watch = VerificationWatch()
            let outcome = Result { () throws(StorageError) in
                try engine.verify(
                    relation.isEmpty ? nil : relation, session: session,
                    observer: watch.observer)
            }
            watch.end()
            let report = try outcome.get()
            printLine(watch.summary(report, engine.ioMethodName))
            if report.findings > 0 { throw ExitCode(1) }
        }
    }
}
