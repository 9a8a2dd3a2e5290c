internal import ArgumentParser
internal import Logging
internal import RadosStore
internal import Strata
internal import SystemPackage
internal import Threads

/// Which store to open, and how. Shared by all commands on a store.
struct StoreArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The store's directory, or rados:POOL/NAMESPACE for a store in a Ceph cluster.",
            valueName: "directory"))
    var store: PathArgument

    @Option(
        help: ArgumentHelp(
            "For stores and relations in a Ceph cluster: how long to retry before failing, in"
                + " seconds, 2 to 3600.",
            valueName: "seconds"))
    var radosTimeout = 20

    @OptionGroup var ioArguments: IOArguments

    /// Where the store is in a cluster; nil for a directory.
    var clusterPlace: ClusterPlace? { ClusterPlace(store.path.string) }

    func validate() throws {
        if !(2...3600).contains(radosTimeout) {
            throw ValidationError("--rados-timeout must be from 2 to 3600, not \(radosTimeout).")
        }
        if ClusterPlace.isMeant(by: store.path.string), clusterPlace == nil {
            throw ValidationError("\"\(store)\" names no pool: write rados:POOL/NAMESPACE.")
        }
    }

    /// Opens the store.
    ///
    /// - Parameters:
    ///   - creating: whether to create it if there is none.
    ///   - access: whether it may be changed.
    ///   - logLevel: the lowest level of its log messages to print.
    func open(
        creating: Bool, access: EngineOptions.Access = .readWrite, logLevel: Logger.Level = .notice
    ) throws(StorageError) -> Engine {
        var options = ioArguments.engineOptions()
        options.access = access
        options.creation = creating ? .ifMissing : .never
        options.logger.logLevel = logLevel
        if let place = clusterPlace {
            return try Engine.open(
                inCluster: place.configuration(timeoutSeconds: radosTimeout), options: options)
        }
        options.findClusters(timeoutSeconds: radosTimeout)
        return try Engine.open(store.path, options: options)
    }
}

/// The identity of a file, by which two paths to it are recognised.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let number: UInt64

    /// Returns nil if there is no such file.
    init?(_ path: FilePath) {
        var status = stat()
        guard unsafe path.withPlatformString({ unsafe stat($0, &status) }) == 0 else { return nil }
        self.init(status)
    }

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        number = UInt64(status.st_ino)
    }

    /// Whether a path names the regular file that standard output or error goes to. Two writers of
    /// one file overwrite each other.
    static func isRegularOutput(_ path: FilePath) -> Bool {
        guard let identity = FileIdentity(path) else { return false }
        return [STDOUT_FILENO, STDERR_FILENO].contains { descriptor in
            var status = stat()
            return unsafe fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
                && FileIdentity(status) == identity
        }
    }
}
