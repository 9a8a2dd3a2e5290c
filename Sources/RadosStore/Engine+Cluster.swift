public import RadosDisk
public import Strata
internal import SystemPackage

#if RADOS
    internal import Synchronization
    internal import Threads
#endif

/// Stores and relations in a Ceph cluster.
extension Engine {
    /// The name of the manager of a cluster store's relations.
    public static let clusterManagerName = "rados"

    /// Opens a store that is in a cluster as a whole, or creates it. Blocks for at most about twice
    /// the time-out.
    ///
    /// The engine holds the namespace while it is open; if it ends without `Engine.close()`, the
    /// next one takes the namespace over. An engine for reading takes no lock and changes nothing.
    ///
    /// - Parameters:
    ///   - configuration: the store's place, and how long to wait.
    ///   - options: as for a directory, except that file system and default manager are the
    ///     cluster's.
    /// - Throws: what `Engine.open(_:options:)` throws; `connectFailed`, `timedOut`; `inUse` if a
    ///   process that is alive has the store open for writing; `invalidConfiguration` in a
    ///   build without the trait `RADOS`.
    public static func open(
        inCluster configuration: RadosConfiguration, options: EngineOptions = EngineOptions()
    ) throws(StorageError) -> Engine {
        #if RADOS
            let home = try RadosHome(
                configuration, access: options.access == .readOnly ? .readOnly : .readWrite,
                logger: options.logger)
            var options = options
            options.fileSystem = home
            options.ioExecutor = nil
            options.defaultManagerName = clusterManagerName
            options.storageManagers.append(
                StorageManagerPlugin(id: Self.clusterManager, name: clusterManagerName) {
                    context throws(StorageError) in
                    try RadosDisk(system: context.system, home: home)
                })
            do throws(StorageError) {
                return try Engine.open(FilePath("rados:\(configuration.place)"), options: options)
            } catch {
                home.end()
                throw error
            }
        #else
            throw .withoutCluster
        #endif
    }

    /// The number of the manager of a cluster store's relations.
    private static var clusterManager: StorageManagerID { StorageManagerID(rawValue: 8) }
}

extension EngineOptions {
    /// Lets the store keep relations in clusters too, under managers that are named after their
    /// places: `rados:pool/namespace`. A namespace belongs to one store.
    ///
    /// - Parameter timeoutSeconds: how long an operation is retried before it fails.
    public mutating func findClusters(timeoutSeconds: Int = 20) {
        let isReadOnly = access == .readOnly
        let earlier = storageManagerFinder
        #if RADOS
            let silence = ClusterSilence()
        #endif
        storageManagerFinder = { name in
            guard let place = ClusterPlace(name) else { return earlier?(name) }
            return { context throws(StorageError) in
                #if RADOS
                    var configuration = place.configuration(timeoutSeconds: timeoutSeconds)
                    configuration.managerName = name
                    return try silence.unless(place) { () throws(StorageError) in
                        try RadosDisk(
                            system: context.system, configuration: configuration,
                            access: isReadOnly ? .readOnly : .readWrite)
                    }
                #else
                    throw .withoutCluster
                #endif
            }
        }
    }
}

#if RADOS
    /// Remembers for a second that the cluster did not answer: opening a store with relations in
    /// several places there does not wait for each. Any thread.
    private final class ClusterSilence: Sendable {
        /// When it timed out, in nanoseconds of the monotonic clock. Relaxed: it guards nothing.
        private let since = Atomic<UInt64>(0)

        func unless<Result>(_ place: ClusterPlace, _ connect: () throws(StorageError) -> Result)
            throws(StorageError) -> Result
        {
            let since = since.load(ordering: .relaxed)
            if since != 0, Clock.monotonicNanoseconds &- since < 1_000_000_000 {
                throw StorageError(
                    .timedOut, "the cluster of \(place) has just not answered for another place",
                    remedy: "Look at the cluster's health with \"ceph -s\", and try again.")
            }
            do throws(StorageError) { return try connect() } catch {
                if error.code == .timedOut {
                    self.since.store(Clock.monotonicNanoseconds, ordering: .relaxed)
                }
                throw error
            }
        }
    }
#else
    extension StorageError {
        fileprivate static var withoutCluster: StorageError {
            StorageError(
                .invalidConfiguration, "this program was built without the client library of Ceph",
                remedy: "Build it with \"swift build --traits RADOS\", which needs librados-dev.")
        }
    }
#endif
