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
            files' lengths, and that none is missing. Decodes the rows as a scan does and checks \
            their values against the columns' types. If only loads have written a relation, also \
            finds pages of zeroes and missing rows. Damage is reported on standard error by \
            relation, fork, block and file, and the check continues; the exit code is then 1. It \
            is 1 too if a named relation does not exist; the others are checked. The summary goes \
            to standard output.

            No file of the store changes. A store that was not closed is checked as it will be \
            after recovery, whose steps are printed: pages that the journal will restore are not \
            damaged.
            """)

    @OptionGroup var storeArguments: StoreArguments

    @Option(
        help: ArgumentHelp(
            "Check only this relation; can be given several times.", valueName: "name"),
        transform: TextArgument.plain)
    var relation: [String] = []

    func run() throws {
        try storeArguments.withStore(creating: false, access: .readOnly) { engine in
            StoreArguments.sayWhatRecoveryWillDo(engine)
            let session = try engine.makeSession()
            defer { session.close() }
            var failures = Failures()
            let missing = relation.filter { engine.description(of: $0) == nil }
            for name in missing {
                do throws(StorageError) { _ = try engine.relation(named: name) } catch {
                    failures.note("\(error)")
                }
            }
            let present = relation.filter { !missing.contains($0) }
            if !relation.isEmpty && present.isEmpty { return try failures.finish() }
            let watch = VerificationWatch()
            let outcome = Result { () throws(StorageError) in
                try engine.verify(
                    relation.isEmpty ? nil : present, session: session,
                    observer: watch.observer)
            }
            watch.end()
            let report = try outcome.get()
            printLine(watch.summary(report, engine.ioMethodName))
            if report.findings > 0 { throw ExitCode(1) }
            try failures.finish()
        }
    }
}
