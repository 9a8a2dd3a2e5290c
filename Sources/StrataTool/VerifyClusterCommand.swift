internal import ArgumentParser
internal import Strata

/// `strata verify-cluster`
struct VerifyClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-cluster",
        abstract: "Check all pages of a PostgreSQL data directory, in place.",
        discussion: """
            Reads every relation file of the cluster, tablespaces' included, and checks each page's \
            checksum, where the cluster has them, and header. Nothing is written. The server \
            should be shut down. Damage is named on standard error by file, fork and \
            block; the check goes on behind it, and the exit code is 1 then. The summary goes to \
            standard output.
            """)

    @Argument(help: ArgumentHelp("The cluster's data directory.", valueName: "directory"))
    var directory: PathArgument

    @OptionGroup var ioArguments: IOArguments

    func run() throws {
        let cluster = try DataDirectory.open(directory.path, options: ioArguments.engineOptions())
        let session = try cluster.makeSession()
        if cluster.control.state == .notShutDown {
            printMessage(
                "strata: the server runs or was not shut down in order: its files may lag behind"
                    + " its log")
        }
        let watch = VerificationWatch()
        let outcome = Result { () throws(StorageError) in
            try cluster.verify(session: session, observer: watch.observer)
        }
        watch.end()
        session.close()
        try cluster.close()
        let report = try outcome.get()
        let sums = cluster.control.hasPageChecksums ? "" : " without checksums"
        printLine(watch.summary(report, cluster.system.method.name) + sums)
        if report.findings > 0 { throw ExitCode(1) }
    }
}
