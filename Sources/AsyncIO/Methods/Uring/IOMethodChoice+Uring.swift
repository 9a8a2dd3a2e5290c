internal import Logging

extension IOMethodChoice {
    /// The kernel's io_uring executes IO. If it cannot run here, starting the system throws and
    /// says why.
    public static let uring = IOMethodChoice("io_uring") { context throws(StorageError) in
        if context.hasExecutor {
            throw StorageError(
                .methodUnavailable, "io_uring needs the kernel and cannot use an executor",
                remedy: "Use another method with IOConfiguration.executor.")
        }
        #if canImport(CLiburing)
            return try UringMethod(context)
        #else
            throw UringProbe.unavailability(sessions: context.maximumSessions)
                ?? StorageError(.methodUnavailable, "this build lacks io_uring")
        #endif
    }

    /// io_uring if it can run here, else workers. The log says why.
    public static let automatic = IOMethodChoice("automatic") { context throws(StorageError) in
        do throws(StorageError) {
            return try uring.makeMethod(context)
        } catch {
            context.logger.notice("using the worker IO method: \(error)")
            return try worker.makeMethod(context)
        }
    }

    /// The built-in method that users call `automatic`, `sync`, `worker` or `io_uring`.
    public static func named(_ name: String) -> IOMethodChoice? {
        [automatic, synchronous, worker, uring].first { $0.name == name }
    }

    /// Why io_uring cannot serve that many sessions here; nil if it can.
    public static func uringUnavailability(sessions: Int = 1) -> StorageError? {
        UringProbe.unavailability(sessions: sessions)
    }
}
