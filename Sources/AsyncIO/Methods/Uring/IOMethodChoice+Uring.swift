internal import Logging

extension IOMethodChoice {
    /// The kernel's io_uring executes IO. Where it cannot run, starting the system fails and says
    /// why.
    public static let uring = IOMethodChoice("io_uring") { context throws(StorageError) in
        if context.hasExecutor {
            throw StorageError(
                .methodUnavailable, "io_uring leaves IO to the kernel, not to an executor",
                remedy: "Use another method with IOConfiguration.executor.")
        }
        #if canImport(CLiburing)
            return try UringMethod(context)
        #else
            throw UringProbe.unavailability(sessions: context.maximumSessions)
                ?? StorageError(.methodUnavailable, "this build lacks io_uring")
        #endif
    }

    /// io_uring where it can run; elsewhere workers, and the log says why.
    public static let automatic = IOMethodChoice("automatic") { context throws(StorageError) in
        do throws(StorageError) {
            return try uring.make(context)
        } catch {
            context.logger.notice("using the worker IO method: \(error)")
            return try worker.make(context)
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
