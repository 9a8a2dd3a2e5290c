internal import ArgumentParser
internal import Logging
internal import PostgresCluster
internal import RelationLoader
internal import Threads

/// Which data directory, and how to read it.
struct PostgresArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The cluster's data directory.", valueName: "directory"))
    var directory: PathArgument

    @Option(
        help: ArgumentHelp(
            "Memory for cached pages, such as 64MB or 2GB, at least 1MiB.",
            valueName: "size"))
    var buffers = ByteSize(bytes: 64 << 20)

    func validate() throws {
        if buffers.bytes < 1 << 20 {
            throw ValidationError("--buffers must be at least 1MiB, not \(buffers).")
        }
    }

    /// Opens the directory for the length of `body`, and prints its warnings.
    func withCluster(_ body: (PostgresDirectory) throws -> Void) throws {
        var options = PostgresOptions()
        options.poolBytes = buffers.bytes
        var logger = Logger(label: "strata") { StandardErrorLog(label: $0) }
        logger.logLevel = .notice
        options.logger = logger
        let cluster = try PostgresDirectory.open(directory.path, options: options)
        for warning in cluster.warnings { printMessage("strata: \(warning)") }
        let outcome = Result { try body(cluster) }
        try cluster.close()
        try outcome.get()
    }
}

extension PostgresDirectory {
    /// Reads the catalogs of a database, and prints what is wrong with them.
    func databaseWithWarnings(named name: String) throws(StorageError) -> PostgresDatabase {
        let database = try database(named: name)
        for warning in database.warnings { printMessage("strata: \(warning)") }
        return database
    }
}

/// Says that a table has pages of zeroes, if it has.
func printMessage(zeroPages count: Int) {
    if count == 0 { return }
    printMessage(
        "strata: \(Wording.count(count, "page")) \(count == 1 ? "is" : "are") all zeroes: a crash"
            + " can leave such pages, and rows of a page that was overwritten are lost")
}

/// Binary data for other programs, written to standard output unchanged.
struct RawOutput {
    private let output: DescriptorOutput
    private(set) var failure: LoadError?

    init() {
        let standard = ToolEnvironment.current.standardOutput
        output = DescriptorOutput(descriptor: standard.descriptor, name: standard.name)
    }

    /// Writes all of `bytes`. Returns false if that failed.
    mutating func write(_ bytes: [UInt8]) -> Bool {
        do throws(LoadError) {
            try output.write(bytes.span)
            return true
        } catch {
            failure = error
            return false
        }
    }

    /// Throws the error of a failed write; a reader that closed the pipe has seen enough.
    func finish() throws {
        guard let failure else { return }
        if case .write(let code) = failure.reason, code == EPIPE { return }
        throw failure
    }
}
