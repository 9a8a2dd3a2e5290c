#if RADOS
    internal import AsyncIO
    internal import CRados
    internal import StorageManager
    internal import Threads

    /// The process that has a namespace's lock.
    struct NamespaceHolder {
        var client: String
        var cookie: String
        var address: String

        /// The lock's present holder, if any.
        static func present(_ cluster: RadosCluster) throws(StorageError) -> NamespaceHolder? {
            let size = 1024
            var exclusive: CInt = 0
            var tag = [CChar](repeating: 0, count: size)
            var (client, cookie, address) = (tag, tag, tag)
            var (tagSize, clientSize, cookieSize, addressSize) = (size, size, size, size)
            let count = unsafe rados_list_lockers(
                cluster.context, NamespaceLock.object, NamespaceLock.name, &exclusive, &tag,
                &tagSize, &client, &clientSize, &cookie, &cookieSize, &address, &addressSize)
            try check(
                cluster.note(CInt(clamping: min(0, count))), "asking who has it", cluster)
            guard count > 0 else { return nil }
            func text(_ bytes: [CChar]) -> String {
                String(
                    decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
                    as: UTF8.self)
            }
            return NamespaceHolder(
                client: text(client), cookie: text(cookie), address: text(address))
        }

        /// Whether the holder answers.
        ///
        /// - Throws: `timedOut` if it is the cluster that does not answer.
        func isAlive(_ cluster: RadosCluster) throws(StorageError) -> Bool {
            var reply: UnsafeMutablePointer<CChar>?
            var length = 0
            let result = unsafe rados_notify2(
                cluster.context, NamespaceLock.object, nil, 0,
                UInt64(cluster.configuration.livenessSeconds) * 1000, &reply, &length)
            defer { unsafe rados_buffer_free(reply) }
            if unsafe WatchAnswers.cookies(reply, length).contains(cookie) { return true }
            guard result == 0 || result == -ETIMEDOUT else {
                try Self.check(cluster.note(result), "asking its holder", cluster)
                return false
            }
            // Tells a silent holder from a silent cluster.
            try Self.check(
                CInt(clamping: min(0, cluster.size(of: NamespaceLock.object))), "looking at it",
                cluster)
            return false
        }

        // MARK: Words

        static func check(_ result: CInt, _ what: String, _ cluster: RadosCluster)
            throws(StorageError)
        {
            if result >= 0 { return }
            throw .rados(
                .connectFailed,
                "the lock of \(cluster.configuration.place) could not be had: \(what) failed",
                result, at: StorageError.Location(path: NamespaceLock.object))
        }

        static func inUse(_ holder: NamespaceHolder?, _ cluster: RadosCluster) -> StorageError {
            let by = holder.map { " by \($0.client) at \($0.address)" } ?? ""
            return StorageError(
                .inUse, "\(cluster.configuration.place) is in use\(by), which is alive",
                remedy: "Close it there first, or choose another namespace.",
                at: StorageError.Location(path: NamespaceLock.object))
        }
    }
#endif
