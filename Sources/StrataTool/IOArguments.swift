internal import ArgumentParser
internal import Logging
internal import PostgresCluster
internal import Strata
internal import Threads

/// How to read and write files; shared by all commands.
struct IOArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How to read and write files: automatic, sync, worker or io_uring.",
            discussion: "automatic means io_uring if the system allows it, else worker.",
            valueName: "method"))
    var ioMethod = "automatic"

    @Option(
        help: ArgumentHelp(
            "Memory for cached pages, such as 64MB or 2GB, at least 128kB.",
            valueName: "size"))
    var buffers = ByteSize(bytes: 128 << 20)

    @Flag(help: "Read and write files directly, without the system's page cache.")
    var directIO = false

    func validate() throws {
        if IOMethodChoice.named(ioMethod) == nil {
            throw ValidationError(
                "There is no IO method \"\(ioMethod)\". Use automatic, sync, worker or io_uring.")
        }
        if buffers.bytes < 128 << 10 {
            throw ValidationError("--buffers must be at least 128kB, not \(buffers).")
        }
    }

    /// The engine options for these arguments.
    func engineOptions() -> EngineOptions {
        let environment = ToolEnvironment.current
        var options = EngineOptions()
        options.fileSystem = environment.fileSystem
        options.ioExecutor = environment.ioExecutor
        options.ioMethod = IOMethodChoice.named(ioMethod) ?? .automatic
        options.poolBytes = buffers.bytes
        options.usesDirectIO = directIO
        // Each session may cost a descriptor. A scan has one for each core.
        options.maximumSessions = 4 + min(Processor.coreCount, 16)
        options.logger = StandardErrorLog.logger(.notice)
        return options
    }

    /// The settings of a data directory of PostgreSQL that the arguments ask for.
    func postgresOptions() -> PostgresOptions {
        let environment = ToolEnvironment.current
        var options = PostgresOptions()
        options.fileSystem = environment.fileSystem
        options.ioExecutor = environment.ioExecutor
        options.ioMethod = IOMethodChoice.named(ioMethod) ?? .automatic
        options.poolBytes = max(buffers.bytes, 1 << 20)
        options.usesDirectIO = directIO
        options.maximumSessions = 4
        options.logger = StandardErrorLog.logger(.notice)
        return options
    }
}

/// On how many threads a command turns text into rows, or rows into text.
struct ThreadArguments: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How many threads convert rows, 1 or more.",
            discussion: "By default one for each core, but one to load rows of long text.",
            valueName: "count"))
    var threads: String?

    /// Nil for the default.
    var count: Int? { threads.flatMap(Int.init) }

    func validate() throws {
        if let threads, Int(threads) ?? 0 < 1 {
            throw ValidationError("--threads must be 1 or more, not \"\(threads)\".")
        }
    }
}
