#if RADOS
    internal import AsyncIO
    internal import CRados
    internal import Logging
    internal import StorageManager
    internal import Synchronization
    internal import Threads

    /// A process's hold on a namespace: an exclusive lock on one object, which the holder keeps by
    /// answering queries.
    ///
    /// The lock object's attributes record the namespace's epoch, whether the last writer ended in
    /// order, and who that was. A process that finds the lock taken queries the holder by a
    /// notification. A live holder answers with its lock's cookie. A dead holder is put on the
    /// blocklist, so that nothing it sent or will send is executed; its lock is broken, and the
    /// epoch rises. Any thread.
    @safe
    final class NamespaceLock: @unchecked Sendable {
        static let object = "strata.lock"
        static let name = "writer"
        private static let stateName = "strata.state"
        private static let holderName = "strata.holder"

        let cluster: RadosCluster
        private let logger: Logger
        let answers: WatchAnswers
        private let cookie: String
        private(set) var epoch = Epoch(1)

        /// Takes the lock, from a dead process if necessary. Blocks for at most twice the time-out.
        ///
        /// - Throws: `inUse` if a live process has it, `timedOut` if the cluster does not answer.
        init(_ cluster: RadosCluster, _ logger: Logger) throws(StorageError) {
            self.cluster = cluster
            self.logger = logger
            cookie = String(UInt64.random(in: 1...UInt64.max), radix: 16)
            answers = WatchAnswers(cluster, cookie: cookie)
            do throws(StorageError) {
                try acquire()
            } catch {
                answers.stop()
                throw error
            }
        }

        private func acquire() throws(StorageError) {
            let made = WriteOperation()
            made.create()
            try check(made.run(on: Self.object, cluster), "creating it")
            // The watch comes first: the lock's holder must answer from its first moment on.
            try check(answers.start(), "watching it")
            var tookOver = false
            for _ in 0..<20 {
                let result = unsafe rados_lock_exclusive(
                    cluster.context, Self.object, Self.name, cookie, "strata", nil, 0)
                if result == 0 { return try enter(tookOver: tookOver) }
                guard result == -EBUSY else {
                    try check(cluster.note(result), "locking it")
                    continue
                }
                guard let holder = try NamespaceHolder.present(cluster) else { continue }
                guard try !holder.isAlive(cluster) else {
                    throw NamespaceHolder.inUse(holder, cluster)
                }
                try takeOver(holder)
                tookOver = true
            }
            throw NamespaceHolder.inUse(nil, cluster)
        }

        // MARK: The other process

        /// Shuts a dead process out for good, and breaks its lock.
        private func takeOver(_ holder: NamespaceHolder) throws(StorageError) {
            logger.warning(
                "taking \(cluster.configuration.place) over from a process that does not answer",
                metadata: ["client": "\(holder.client)", "address": "\(holder.address)"])
            try block(holder.address)
            let result = unsafe rados_break_lock(
                cluster.context, Self.object, Self.name, holder.client, holder.cookie)
            if result != -ENOENT { try check(cluster.note(result), "breaking it") }
        }

        private func block(_ address: String) throws(StorageError) {
            var address = Array(address.utf8CString)
            let result = unsafe rados_blocklist_add(
                cluster.cluster, &address, UInt32(cluster.configuration.blocklistSeconds))
            try check(cluster.note(result), "refusing its holder")
            // From here on, every OSD that gets an operation refuses the holder first.
            try check(
                cluster.note(unsafe rados_wait_for_latest_osdmap(cluster.cluster)),
                "waiting for the cluster's map")
        }

        // MARK: Epochs

        /// Records on the lock object that this process is the writer, in a new epoch unless the
        /// last one ended in order.
        private func enter(tookOver: Bool) throws(StorageError) {
            let stored = try attribute(WriteOperation.epochName).flatMap { Epoch(text: $0) }
            let ended = try attribute(Self.stateName) == "closed"
            if !tookOver, !ended, let address = try attribute(Self.holderName) {
                // The lock was removed by hand; its former holder may still write.
                try block(address)
            }
            if let stored { epoch = ended && !tookOver ? stored : Epoch(stored.number &+ 1) }
            let operation = WriteOperation()
            if let stored { operation.requireEpoch(stored) }
            operation.setEpoch(epoch)
            operation.setAttribute(Self.stateName, "open")
            operation.setAttribute(Self.holderName, ownAddress())
            try check(operation.run(on: Self.object, cluster), "entering a new epoch")
        }

        private func ownAddress() -> String {
            var text: UnsafeMutablePointer<CChar>?
            guard unsafe rados_getaddrs(cluster.cluster, &text) == 0, let text = unsafe text else {
                return ""
            }
            defer { unsafe free(text) }
            return unsafe String(cString: text)
        }

        /// Releases the lock.
        ///
        /// - Parameter inOrder: whether all operations are known to have ended. If not, the lock
        ///   stays, so that the next writer shuts out late operations.
        func release(inOrder: Bool) {
            if inOrder, !cluster.isFenced {
                let operation = WriteOperation()
                operation.requireEpoch(epoch)
                operation.setAttribute(Self.stateName, "closed")
                if operation.run(on: Self.object, cluster) == 0 {
                    _ = unsafe rados_unlock(cluster.context, Self.object, Self.name, cookie)
                }
            }
            answers.stop()
        }

        // MARK: Readers

        /// The epoch in which a reader sees the namespace: the last writer's, or a new one if that
        /// did not end in order.
        ///
        /// - Throws: `inUse` if a writer is alive.
        static func readersEpoch(_ cluster: RadosCluster) throws(StorageError) -> Epoch {
            let size = cluster.size(of: object)
            // Nothing has been written there yet.
            if size == -Int(ENOENT) { return Epoch(1) }
            try NamespaceHolder.check(CInt(clamping: min(0, size)), "looking at it", cluster)
            if let holder = try NamespaceHolder.present(cluster), try holder.isAlive(cluster) {
                throw NamespaceHolder.inUse(holder, cluster)
            }
            let epoch = try attribute(WriteOperation.epochName, cluster).flatMap { Epoch(text: $0) }
            guard let epoch else { return Epoch(1) }
            let isClosed = try attribute(stateName, cluster) == "closed"
            return isClosed ? epoch : Epoch(epoch.number &+ 1)
        }

        private static func attribute(_ name: String, _ cluster: RadosCluster) throws(StorageError)
            -> String?
        {
            let (text, result) = cluster.attribute(name, of: object)
            try NamespaceHolder.check(result, "reading its attribute \(name)", cluster)
            return text
        }

        private func attribute(_ name: String) throws(StorageError) -> String? {
            try Self.attribute(name, cluster)
        }

        private func check(_ result: CInt, _ what: String) throws(StorageError) {
            try NamespaceHolder.check(result, what, cluster)
        }
    }
#endif
