#if RADOS
    internal import AsyncIO
    internal import CRados
    internal import StorageManager
    internal import Synchronization
    internal import Threads

    /// A connection to a cluster, and one namespace of one pool there.
    ///
    /// Any thread. The client library calls back on one thread of its own. ``disconnect()`` ends
    /// the connection after the last operation.
    @safe
    final class RadosCluster: @unchecked Sendable {
        let configuration: RadosConfiguration
        /// Both are valid until ``disconnect()`` and never change before.
        let cluster: rados_t
        let context: rados_ioctx_t
        /// Set at the first sign that another process has taken over the namespace. Relaxed: it
        /// guards nothing, since the cluster itself refuses late operations.
        private let fenced = Atomic<Bool>(false)
        /// Set when an operation was abandoned that may still arrive. Relaxed for the same reason.
        private let gaveUp = Atomic<Bool>(false)
        private let isConnected = Atomic<Bool>(true)

        /// Connects, with time-outs set.
        ///
        /// - Throws: `connectFailed`, or `timedOut` after the time-out.
        init(_ configuration: RadosConfiguration) throws(StorageError) {
            self.configuration = configuration
            unsafe cluster = try Self.connect(configuration)
            var context: rados_ioctx_t?
            let result = unsafe rados_ioctx_create(cluster, configuration.pool, &context)
            guard result == 0, let made = unsafe context else {
                unsafe rados_shutdown(cluster)
                throw StorageError(
                    RadosResult.code(result, .connectFailed),
                    "pool \"\(configuration.pool)\" could not be opened",
                    remedy: result == -ENOENT
                        ? "Create the pool first, with \"ceph osd pool create\"."
                        : RadosResult.remedy(result), errorNumber: -result)
            }
            unsafe self.context = unsafe made
            unsafe rados_ioctx_set_namespace(made, configuration.namespace)
            // A full pool then answers, so that errors are typed and removals work.
            unsafe rados_set_pool_full_try(made)
        }

        private static func connect(_ configuration: RadosConfiguration) throws(StorageError)
            -> rados_t
        {
            var cluster: rados_t?
            var result = unsafe rados_create2(
                &cluster, "ceph", "client.\(configuration.user)", 0)
            guard result == 0, let made = unsafe cluster else {
                throw .rados(.connectFailed, "the client library could not be set up", result)
            }
            do throws(StorageError) {
                let path = Self.path(configuration)
                result = unsafe rados_conf_read_file(made, path)
                guard result == 0 else {
                    throw StorageError(
                        .connectFailed, "the cluster's configuration could not be read",
                        remedy: "Name it by CEPH_CONF, or install it as /etc/ceph/ceph.conf.",
                        at: StorageError.Location(path: path), errorNumber: -result)
                }
                _ = unsafe rados_conf_parse_env(made, nil)
                try unsafe set(configuration, on: made)
                result = unsafe rados_connect(made)
                guard result == 0 else {
                    throw .rados(
                        .connectFailed, "the cluster of \(configuration.place) does not answer",
                        result, at: StorageError.Location(path: path))
                }
            } catch {
                unsafe rados_shutdown(made)
                throw error
            }
            return unsafe made
        }

        private static func path(_ configuration: RadosConfiguration) -> String {
            if let path = configuration.configurationPath { return path }
            if let path = unsafe getenv("CEPH_CONF") { return unsafe String(cString: path) }
            return "/etc/ceph/ceph.conf"
        }

        /// - Throws: `connectFailed` if the library does not know a setting.
        @unsafe
        private static func set(_ configuration: RadosConfiguration, on cluster: rados_t)
            throws(StorageError)
        {
            let settings = [
                ("rados_osd_op_timeout", "\(configuration.timeoutSeconds)"),
                ("rados_mon_op_timeout", "\(configuration.timeoutSeconds)"),
                ("client_mount_timeout", "\(configuration.timeoutSeconds)"),
                // Handles bound the IO in flight; beginning an IO must not block.
                ("objecter_inflight_ops", "0"),
                ("objecter_inflight_op_bytes", "0"),
            ]
            for (name, value) in settings {
                let result = unsafe rados_conf_set(cluster, name, value)
                guard result == 0 else {
                    throw .rados(.connectFailed, "setting \(name) was refused", result)
                }
            }
        }

        deinit {
            // The last reference may belong to a callback, whose thread cannot end itself.
            if isConnected.load(ordering: .acquiring) {
                unsafe Self.end(Connection(cluster: cluster, context: context))
            }
        }

        @safe
        private struct Connection: @unchecked Sendable {
            let cluster: rados_t
            let context: rados_ioctx_t
        }

        @unsafe
        private static func end(_ connection: Connection) {
            OSThread.start {
                unsafe rados_ioctx_destroy(connection.context)
                unsafe rados_shutdown(connection.cluster)
            }?.detach()
        }

        /// Ends the connection after waiting for running callbacks. Callbacks must not call it.
        func disconnect() {
            guard isConnected.exchange(false, ordering: .acquiringAndReleasing) else { return }
            unsafe rados_ioctx_destroy(context)
            unsafe rados_shutdown(cluster)
        }

        // MARK: What was seen

        /// Whether another process has taken over the namespace.
        var isFenced: Bool { fenced.load(ordering: .relaxed) }

        /// Whether an operation was abandoned that may still arrive.
        var hasGivenUp: Bool { gaveUp.load(ordering: .relaxed) }

        /// Records a result. Returns it, with all signs of being fenced mapped to one.
        func note(_ result: CInt) -> CInt {
            switch result {
            case RadosResult.guardFailed, RadosResult.blocklisted:
                fenced.store(true, ordering: .relaxed)
                return RadosResult.blocklisted
            case -ETIMEDOUT:
                gaveUp.store(true, ordering: .relaxed)
                return result
            default:
                return result
            }
        }

        /// - Throws: `fenced` if this process was fenced.
        func checkUsable() throws(StorageError) {
            guard !isFenced else {
                throw .rados(
                    .fenced, "this process has lost \(configuration.place) to another one",
                    RadosResult.blocklisted)
            }
        }
    }
#endif
