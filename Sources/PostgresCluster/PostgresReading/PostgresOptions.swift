public import AsyncIO
public import FileAccess
public import Logging

/// The settings of an open data directory; they do not change while it is open.
public struct PostgresOptions: Sendable {
    /// How IO is executed.
    public var ioMethod = IOMethodChoice.synchronous
    /// Bytes of memory for cached pages, at least 1 MiB.
    public var poolBytes = 64 << 20
    /// How many sessions can be open at a time, from 1 to 1000. Each thread of a scan has one.
    public var maximumSessions = 32
    /// Whether pages are checked against their checksums, if the cluster has them.
    public var verifiesChecksums = true
    /// Whether to open a directory whose control file is missing or damaged too. Then blocks and
    /// segments are taken for the usual ones. Use it to rescue rows, and to verify.
    public var toleratesDamagedControl = false
    /// Whether files are read past the kernel's page cache.
    public var usesDirectIO = false
    /// Where the system calls on files go: to the kernel, or to a simulation.
    public var fileSystem: any FileSystem = KernelFileSystem()
    /// What executes IO on the descriptors of that simulation; nil for the kernel.
    public var ioExecutor: (any IOExecutor)?
    /// Where the layers below log.
    public var logger = Logger(label: "strata.postgres")

    /// Makes the default settings.
    public init() {}

    static let minimumPoolBytes = 1 << 20
    static let sessionLimits = 1...1000
    /// How many neighbouring blocks one IO joins.
    package static let combineLimit = 16
    /// How many IOs a session can have in flight.
    static let concurrency = 16

    func validate() throws(StorageError) {
        guard poolBytes >= Self.minimumPoolBytes else {
            throw StorageError(
                .invalidConfiguration, "\(poolBytes) is not a possible pool size in bytes",
                remedy: "Set PostgresOptions.poolBytes to at least \(Self.minimumPoolBytes).")
        }
        guard Self.sessionLimits.contains(maximumSessions) else {
            throw StorageError(
                .invalidConfiguration, "\(maximumSessions) is not a possible number of sessions",
                remedy: "Set PostgresOptions.maximumSessions to a value from 1 to 1000.")
        }
    }
}
