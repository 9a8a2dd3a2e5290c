#if canImport(CLiburing)
    internal import CLiburing
    internal import Logging
    internal import Synchronization

    /// Executes IO through io_uring, with a ring for each session. Mirrors PostgreSQL's
    /// `method_io_uring.c`.
    ///
    /// Only a session's own thread submits to its ring; any thread may take completions from it, so
    /// that a session that went idle holds nobody up. A ring is made when its session's number is
    /// first used and lives as long as the method, as others may be waiting on it.
    @safe
    final class UringMethod: IOMethod, @unchecked Sendable {
        private let context: IOMethodContext
        /// Written once each, by the session's opening; read by whoever waits for its IO, who got
        /// a reference from that session.
        private let rings: UnsafeMutablePointer<UringRing?>

        init(_ context: IOMethodContext) throws(StorageError) {
            if let reason = UringProbe.unavailability(sessions: context.maximumSessions) {
                throw reason
            }
            self.context = context
            unsafe rings = .allocate(capacity: context.maximumSessions)
            unsafe rings.initialize(repeating: nil, count: context.maximumSessions)
        }

        deinit {
            unsafe rings.deinitialize(count: context.maximumSessions)
            unsafe rings.deallocate()
        }

        var name: String { "io_uring" }
        var canWait: Bool { true }

        func openSession(_ session: Int) throws(StorageError) {
            if unsafe rings[session] != nil { return }
            unsafe rings[session] = try UringRing(entries: context.handlesPerSession)
        }

        func submit(_ ios: Span<StagedIO>, session: Int) {
            guard let ring = unsafe rings[session] else {
                preconditionFailure("session \(session) submits without having been opened")
            }
            ring.submit(ios, logger: context.logger)
        }

        func waitOne(_ io: StagedIO, generation: UInt64) {
            unsafe rings[io.sessionIndex]?.waitOne(io, generation: generation)
        }

        func poll(session: Int) {
            unsafe rings[session]?.poll()
        }
    }
#endif
