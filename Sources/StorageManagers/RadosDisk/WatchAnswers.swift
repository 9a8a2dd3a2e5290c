#if RADOS
    internal import AsyncIO
    internal import CRados
    internal import Synchronization
    internal import Threads

    /// Watches the lock object and answers notifications with this process's cookie.
    ///
    /// Callbacks come on the library's thread. A lost watch is set up again by a thread made for
    /// that, since doing so blocks.
    @safe
    final class WatchAnswers: @unchecked Sendable {
        private unowned let cluster: RadosCluster
        private let context: rados_ioctx_t
        private let cookie: String
        private let watch = Lock(Watch(), rank: .radosWatch)

        private struct Watch {
            /// The library's number for the watch; zero if there is none.
            var number: UInt64 = 0
            var isStopped = false
        }

        init(_ cluster: RadosCluster, cookie: String) {
            self.cluster = cluster
            unsafe context = cluster.context
            self.cookie = cookie
        }

        /// Begins to answer. The library keeps a reference until ``stop()``.
        func start() -> CInt {
            let result = register()
            if result == 0 { unsafe _ = Unmanaged.passRetained(self) }
            return result
        }

        private func register() -> CInt {
            watch.withLock { watch in
                if watch.isStopped { return 0 }
                if watch.number != 0 {
                    unsafe rados_unwatch2(context, watch.number)
                    watch.number = 0
                }
                return unsafe rados_watch3(
                    context, NamespaceLock.object, &watch.number,
                    { argument, notification, handle, _, _, _ in
                        guard let argument = unsafe argument else { return }
                        let answers = unsafe Unmanaged<WatchAnswers>.fromOpaque(argument)
                        unsafe answers._withUnsafeGuaranteedRef {
                            $0.answer(notification, handle)
                        }
                    },
                    { argument, _, _ in
                        guard let argument = unsafe argument else { return }
                        let answers = unsafe Unmanaged<WatchAnswers>.fromOpaque(argument)
                            .takeUnretainedValue()
                        OSThread.start { answers.renew() }?.detach()
                    }, 30, unsafe Unmanaged.passUnretained(self).toOpaque())
            }
        }

        private func answer(_ notification: UInt64, _ handle: UInt64) {
            var bytes = Array(cookie.utf8CString)
            unsafe rados_notify_ack(
                context, NamespaceLock.object, notification, handle, &bytes, CInt(bytes.count - 1))
        }

        /// Sets up the watch again until that works, the process is fenced, or it is stopped.
        private func renew() {
            for _ in 0..<600 {
                let isOver = watch.withLock { $0.isStopped }
                if isOver || register() == 0 { return }
                sleep(1)
            }
        }

        /// Stops answering.
        func stop() {
            let number = watch.withLock { watch in
                defer { watch = Watch(number: 0, isStopped: true) }
                return watch.number
            }
            // While the cluster is silent, ending the connection ends the watch, without waiting.
            // What the library then keeps is small.
            if number == 0 || cluster.refusal == -ETIMEDOUT { return }
            unsafe rados_unwatch2(context, number)
            // Once this has returned, no callback runs any more.
            unsafe rados_watch_flush(cluster.cluster)
            unsafe Unmanaged.passUnretained(self).release()
        }

        /// The cookies with which watchers answered.
        @unsafe
        static func cookies(_ reply: UnsafeMutablePointer<CChar>?, _ length: Int) -> [String] {
            guard let reply = unsafe reply, length > 0 else { return [] }
            var acknowledgements: UnsafeMutablePointer<notify_ack_t>?
            var silent: UnsafeMutablePointer<notify_timeout_t>?
            var (count, silentCount) = (0, 0)
            let result = unsafe rados_decode_notify_response(
                reply, length, &acknowledgements, &count, &silent, &silentCount)
            guard result == 0 else { return [] }
            defer { unsafe rados_free_notify_response(acknowledgements, count, silent) }
            return unsafe UnsafeBufferPointer(start: acknowledgements, count: count).map { one in
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: one.payload, count: Int(one.payload_len))
                return unsafe String(decoding: bytes, as: UTF8.self)
            }
        }
    }
#endif
