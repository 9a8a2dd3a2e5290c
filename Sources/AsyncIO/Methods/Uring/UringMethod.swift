#if canImport(CLiburing)
    internal import CLiburing
    internal import Logging
    internal import Synchronization

    /// Executes IO through io_uring, with a ring for each session. Mirrors PostgreSQL's
    /// `method_io_uring.c`.
    ///
    /// Only a session's own thread submits to its ring. Any thread may take completions from it, so
    /// an idle session delays no waiter. A ring is made when its session's number is first used and
    /// lives as long as the method, since other threads may be waiting on it.
    ///
    /// Part of the large buffered IO goes to threads beside the ring (``UringHelpers``). If the
    /// kernel has the data, there is nothing to wait for, and copying and verifying are spread over
    /// cores.
    @safe
    final class UringMethod: IOMethod, @unchecked Sendable {
        private let context: IOMethodContext
        /// Opening a session writes its element once. Waiters read it, having got their reference
        /// from that session.
        private let rings: UnsafeMutablePointer<UringRing?>
        private let helpers: UringHelpers

        init(_ context: IOMethodContext) throws(StorageError) {
            if let reason = UringProbe.unavailability(sessions: context.maximumSessions) {
                throw reason
            }
            self.context = context
            helpers = UringHelpers(context)
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
            if let ring = unsafe rings[session] {
                ring.stopSignalling()
                return
            }
            unsafe rings[session] = try UringRing(
                entries: context.handlesPerSession, device: context.device)
        }

        func submit(_ ios: Span<StagedIO>, session: Int) {
            guard let ring = unsafe rings[session] else {
                preconditionFailure("session \(session) submits without having been opened")
            }
            var count = 0
            for position in ios.indices where !helpers.take(ios[position], session: session) {
                count += ring.add(ios[position])
            }
            ring.submit(count, logger: context.logger)
        }

        func assist(_ io: StagedIO, generation: UInt64) -> Bool {
            // IO in a ring waits for a device, which is not worth polling for. But while a helper
            // executes one IO, others of the session may have completed and need work.
            guard io.isOutsideMethod else { return false }
            if let ring = unsafe rings[io.sessionIndex], ring.take(atMost: 1) { return true }
            return helpers.assist(io, generation: generation)
        }

        func shutdown() { helpers.shutdown() }

        func addStatistics(to statistics: inout IOStatistics) {
            helpers.addStatistics(to: &statistics)
        }

        func waitOne(_ io: StagedIO, generation: UInt64) {
            unsafe rings[io.sessionIndex]?.waitOne(io, generation: generation)
        }

        func poll(session: Int) {
            unsafe rings[session]?.poll()
        }

        func poll(for io: StagedIO, generation: UInt64) {
            unsafe rings[io.sessionIndex]?.poll {
                io.wasRecycled(since: generation) || io.state != .submitted
            }
        }

        func completionDescriptor(session: Int) -> CInt? { unsafe rings[session]?.descriptor }

        func signalCompletions(of session: Int, to descriptor: CInt) -> Bool {
            unsafe rings[session]?.signalCompletions(to: descriptor) ?? false
        }
    }
#endif
