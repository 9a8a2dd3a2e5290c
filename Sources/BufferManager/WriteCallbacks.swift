internal import AsyncIO
internal import StorageManager

/// What the buffer layer does at the turns of a write's life.
///
/// The handle's data are the numbers of the buffers, in block order, each with the number of the
/// memory that holds the copies (``encode(buffer:copies:)``). A shared pool's pages become clean
/// where whoever learns of the completion first says so; a local pool's in the issuing session.
/// PostgreSQL writes without handles.
final class WriteCallbacks: IOCallbacks {
    private let pool: BufferPool

    private init(pool: BufferPool) { self.pool = pool }

    /// Registers the callbacks of a pool.
    static func register(_ pool: BufferPool, _ system: IOSystem) throws(StorageError)
        -> IOCallbackID
    {
        let callbacks = WriteCallbacks(pool: pool)
        return try system.register(callbacks: callbacks)
    }

    static func encode(buffer: Int, copies: UInt32) -> UInt64 {
        UInt64(UInt32(buffer)) | UInt64(copies) << 32
    }

    static func buffer(_ word: UInt64) -> Int { Int(UInt32(truncatingIfNeeded: word)) }

    var phases: IOCallbackPhases {
        pool.isLocal ? [.stage, .completeLocal] : [.stage, .completeShared]
    }

    /// The pins were taken with the right to write.
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

    /// Pages that were not written stay dirty; where only a part was, the issuer sees to the rest.
    private func complete(_ io: borrowing IOView, _ prior: IOResult) -> IOResult {
        let (written, hasFailed) =
            switch prior.status {
            case .ok, .partial, .warning: (Int(prior.value), false)
            case .unknown, .error: (0, true)
            }
        // Nobody but the issuer, and not before this returns, touches the handle's data; but the
        // copies may serve another write as soon as they are given back.
        let copies = io.dataCount > 0 ? UInt32(io.data(at: 0) >> 32) : nil
        for position in 0..<io.dataCount {
            pool.buffer(Self.buffer(io.data(at: position))).endOutput(
                written: position < written, failed: hasFailed)
        }
        if let copies { pool.scratch.giveBack(copies) }
        return prior
    }
}
