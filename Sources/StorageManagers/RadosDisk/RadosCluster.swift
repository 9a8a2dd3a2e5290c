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
        /// When an operation last timed out, in nanoseconds of the monotonic clock; zero once one
        /// was answered. Relaxed for the same reason.
        private let silence = Atomic<UInt64>(0)
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
                        : RadosResult.remedy(result, .connectFailed), errorNumber: -result)
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
                    throw .rados(
                        .connectFailed,
                        "the cluster's configuration \"\(path)\" could not be read", result,
                        at: StorageError.Location(path: path),
                        remedy: result == -ENOENT
                            ? "Name it by CEPH_CONF, or install it as /etc/ceph/ceph.conf."
                            : "Correct the file, or name another one by CEPH_CONF.")
                }
                _ = unsafe rados_conf_parse_env(made, nil)
                try unsafe set(configuration, on: made)
                result = unsafe rados_connect(made)
                guard result == 0 else {
                    throw refusal(result, configuration, path)
                }
            } catch {
                unsafe rados_shutdown(made)
                throw error
            }
            return unsafe made
        }

        /// The error for a connection that did not come about.
        private static func refusal(
            _ result: CInt, _ configuration: RadosConfiguration, _ path: String
        ) -> StorageError {
            let user = "client.\(configuration.user)"
            let remedy: String? =
                switch result {
                case -ENOENT:
                    "Check in \"\(path)\" that \"mon host\" names the monitors and \"keyring\" a"
                        + " file that has the key of \(user)."
                case -EACCES, -EPERM:
                    "Check that the keyring has the cluster's present key of \(user)."
                case -ETIMEDOUT: nil
                default: "Check \"mon host\" in \"\(path)\"."
                }
            return .rados(
                .connectFailed,
                result == -ETIMEDOUT
                    ? "the cluster of \(configuration.place) does not answer"
                    : "the cluster of \(configuration.place) could not be connected to", result,
                at: StorageError.Location(path: path), remedy: remedy)
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

        /// Why an operation on a relation is not even begun; zero if it may be.
        ///
        /// A process that was fenced begins none. Shortly after a time-out, with no answer since,
        /// operations time out at once: each would wait as long, one after the other, while a pool
        /// is written or a relation is removed.
        var refusal: CInt {
            if isFenced { return RadosResult.blocklisted }
            let since = silence.load(ordering: .relaxed)
            if since == 0 { return 0 }
            let seconds = (Clock.monotonicNanoseconds &- since) / 1_000_000_000
            return seconds < configuration.restSeconds ? -ETIMEDOUT : 0
        }

        /// Records a result. Returns it, with all signs of being fenced mapped to one.
        func note(_ result: CInt) -> CInt {
            switch result {
            case RadosResult.guardFailed, RadosResult.blocklisted:
                fenced.store(true, ordering: .relaxed)
                return RadosResult.blocklisted
            case -ETIMEDOUT:
                gaveUp.store(true, ordering: .relaxed)
                silence.store(Clock.monotonicNanoseconds, ordering: .relaxed)
                return result
            default:
                if silence.load(ordering: .relaxed) != 0 { silence.store(0, ordering: .relaxed) }
                return result
            }
        }

        /// - Throws: `fenced` if this process was fenced, `timedOut` shortly after a time-out.
        func checkUsable() throws(StorageError) {
            switch refusal {
            case 0: return
            case RadosResult.blocklisted:
                throw .rados(
                    .fenced, "this process has lost \(configuration.place) to another one",
                    RadosResult.blocklisted)
            case let result:
                throw .rados(
                    .timedOut, "the cluster of \(configuration.place) has just not answered", result
                )
            }
        }
    }
#endif
