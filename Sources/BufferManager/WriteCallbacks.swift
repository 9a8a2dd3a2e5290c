internal import AsyncIO
internal import StorageManager

/// The buffer layer's part in a write.
///
/// The handle's data are the numbers of the buffers, in block order, each with the number of the
/// memory that holds the copies (``encode(buffer:copies:)``). The thread that first sees the
/// completion marks a shared pool's pages clean; the issuing session marks a local pool's.
/// PostgreSQL writes without handles.
final class WriteCallbacks: IOCallbacks {
    private let pool: BufferPool

    private init(pool: BufferPool) { self.pool = pool }

    /// Registers the callbacks of a pool.
    static func register(_ pool: BufferPool, _ system: IOSystem) throws(StorageError)
        -> IOCallbackID
    {
        try system.register(callbacks: WriteCallbacks(pool: pool))
    }

    static func encode(buffer: Int, copies: UInt32) -> UInt64 {
        UInt64(UInt32(buffer)) | UInt64(copies) << 32
    }

    static func buffer(_ word: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: word)) }

    var phases: IOCallbackPhases {
        pool.isLocal ? [.stage, .completeLocal] : [.stage, .completeShared]
    }

    /// The pins were taken with the IO right.
    func stage(_ io: borrowing IOView, registration: IOCallbackRegistration) {
        let reference = io.waitReference
        for position in 0..<io.dataCount {
            pool.buffer(Self.buffer(io.data(at: position)))
                .becomeWaitable(reference, takingPin: false)
        }
    }

    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult { complete(io, prior) }

    func completeLocal(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult { complete(io, prior) }

    /// Pages that were not written stay dirty; after a short write the issuer writes the rest.
    private func complete(_ io: borrowing IOView, _ prior: IOResult) -> IOResult {
        let (written, hasFailed) =
            switch prior.status {
            case .ok, .partial, .warning: (Int(prior.value), false)
            case .unknown, .error: (0, true)
            }
        // Only the issuer touches the handle's data, and not before this returns. But the copies
        // may serve another write as soon as they are given back.
        let copies = io.dataCount > 0 ? UInt32(io.data(at: 0) >> 32) : nil
        for position in 0..<io.dataCount {
            pool.buffer(Self.buffer(io.data(at: position))).endOutput(
                written: position < written, failed: hasFailed)
        }
        if let copies { pool.scratch.giveBack(copies) }
        return prior
    }
}
