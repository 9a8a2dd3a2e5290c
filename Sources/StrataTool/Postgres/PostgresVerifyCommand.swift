internal import ArgumentParser
internal import PostgresCluster
internal import Threads

/// `strata postgres verify`
struct PostgresVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check all files of a data directory, in place.",
        discussion: """
            Reads every relation file, tablespaces' included. Checks each page's header, its \
            checksum if the cluster has checksums, and that it is of its relation's kind; that a \
            relation's segments and forks go together; and that everything is there that catalogs \
            and links name. Writes nothing. The server may be running or have crashed: what only \
            its memory or its log could tell is said to be not checked, and is no damage.

            Damage is reported on standard error, a line per file, and the check continues. So are \
            pages of zeroes, which are no damage, and what could not be checked. The summary goes \
            to standard output.

            Exit codes: 0 if all is well; 1 if there is damage, which includes what is missing; 2 \
            if no damage was found, but something could not be checked, such as a directory that \
            cannot be opened.
            """)

    @Argument(help: ArgumentHelp("The cluster's data directory.", valueName: "directory"))
    var directory: PathArgument

    @Flag(
        name: .customLong("no-catalog"),
        help: "Check the files alone, without comparing them with the catalogs.")
    var noCatalog = false

    @Flag(help: "Check line pointers, tuples and values stored out of line too, as amcheck does.")
    var deep = false

    @Flag(help: "Print each finding as an object on a line of its own, and the summary last.")
    var json = false

    @Option(
        help: ArgumentHelp("The most bytes to read per second, such as 50MB.", valueName: "size"))
    var limitRate: ByteSize?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How many threads check pages, 1 or more.",
            discussion: "By default one for each core. The output is the same.",
            valueName: "count"))
    var threads: String?

    @OptionGroup var ioArguments: IOArguments

    /// The exit code of a failure, which leaves open whether there is damage.
    static let failureCode: CInt = 2

    private static let mostThreads = 64
    private static let mostPoolBytes = 8 << 20

    func validate() throws {
        if let limitRate, limitRate.bytes < 64 << 10 {
            throw ValidationError("--limit-rate must be at least 64kB, not \(limitRate).")
        }
        if let threads, !(1...Self.mostThreads).contains(Int(threads) ?? 0) {
            throw ValidationError(
                "--threads must be from 1 to \(Self.mostThreads), not \"\(threads)\".")
        }
    }

    func run() throws {
        let count = threads.flatMap(Int.init) ?? min(Processor.coreCount, 16)
        var settings = ioArguments.postgresOptions()
        // Each thread has one, and as many again when values stored out of line are followed twice.
        settings.maximumSessions += 2 * count
        // Only catalogs go through the pool.
        settings.poolBytes = min(settings.poolBytes, Self.mostPoolBytes)
        // Then that is a finding.
        settings.toleratesDamagedControl = true
        let cluster = try DataDirectory.open(directory.path, options: settings)
        let session = try cluster.makeSession()
        if cluster.control.state == .notShutDown && !cluster.control.isAssumed {
            printMessage(
                "strata: the server is running, was not shut down in order, or was stopped as a"
                    + " standby: its files may lag behind its log")
        }
        var options = ClusterVerificationOptions()
        options.usesCatalogs = !noCatalog
        options.isDeep = deep
        options.bytesPerSecond = limitRate?.bytes
        options.threads = count
        let watch = PostgresVerifyWatch(isJSON: json)
        let outcome = Result { () throws(StorageError) in
            try cluster.verify(options: options, session: session, observer: watch.observer)
        }
        watch.end()
        session.close()
        let closing = Result { () throws(StorageError) in try cluster.close() }
        let report: ClusterReport
        do {
            report = try outcome.get()
            try watch.summarise(report, cluster)
            try closing.get()
        } catch {
            guard watch.hasFindings else { throw error }
            // What was found stays true.
            printMessage("strata: \(error)")
            throw ExitCode(1)
        }
        switch report.outcome {
        case .clean: break
        case .damaged: throw ExitCode(1)
        case .incomplete: throw ExitCode(Self.failureCode)
        }
    }
}
