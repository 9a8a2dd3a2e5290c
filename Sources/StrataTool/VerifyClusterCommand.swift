internal import ArgumentParser
internal import PostgresCluster

/// `strata verify-cluster`
struct VerifyClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-cluster",
        abstract: "Check all pages of a PostgreSQL data directory, in place.",
        discussion: """
            Reads every relation file of the cluster, including tablespaces, and checks each \
            page's header, and its checksum if the cluster has checksums. Writes nothing. Shut \
            down the server first. Each damaged page is reported on standard error by file, fork \
            and block, and the check continues; the exit code is then 1. The summary goes to \
            standard output.
            """)

    @Argument(help: ArgumentHelp("The cluster's data directory.", valueName: "directory"))
    var directory: PathArgument

    @OptionGroup var ioArguments: IOArguments

    func run() throws {
        let cluster = try DataDirectory.open(directory.path, options: ioArguments.postgresOptions())
        let session = try cluster.makeSession()
        if cluster.control.state == .notShutDown {
            printMessage(
                "strata: the server is running or was not shut down in order: its files may lag"
                    + " behind its log")
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
