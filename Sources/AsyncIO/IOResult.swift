/// The outcome of an IO as the layers' callbacks have distilled it so far.
///
/// A value small enough for a register pair. The completing thread passes it from callback to
/// callback; only the code that reports it makes text of it. Mirrors PostgreSQL's `PgAioResult`.
public struct IOResult: Sendable, Hashable, BitwiseCopyable {
    /// How the IO ended.
    public enum Status: UInt8, Sendable, BitwiseCopyable {
        /// Not completed, or its owner's scope ended first.
        case unknown
        /// All of it was done.
        case ok
        /// Only a part was done; ``IOResult/value`` says how much.
        case partial
        /// All of it was done, and something deserves a report.
        case warning
        /// It failed.
        case error
    }

    /// How the IO ended.
    public var status: Status
    /// The callbacks that can interpret ``errorData``; `none` while no layer refined it.
    public var callbackID: IOCallbackID
    /// Details in the encoding of the callbacks named by ``callbackID``.
    public var errorData: UInt32
    /// What was done, in the unit of the last layer that refined it: bytes from the core,
    /// blocks from a storage manager.
    public var value: Int32

    /// Makes a result.
    public init(
        _ status: Status, value: Int32 = 0, callbackID: IOCallbackID = .none, errorData: UInt32 = 0
    ) {
        self.status = status
        self.callbackID = callbackID
        self.errorData = errorData
        self.value = value
    }

    /// The result of an IO that has not completed.
    public static let unknown = IOResult(.unknown)

    /// A refined status in one word, so that snapshots can read it atomically.
    var packedStatus: UInt64 {
        UInt64(status.rawValue) | UInt64(callbackID.rawValue) << 8 | UInt64(errorData) << 16
    }

    init(packedStatus: UInt64, value: Int32) {
        status = Status(rawValue: UInt8(truncatingIfNeeded: packedStatus)) ?? .unknown
        callbackID = IOCallbackID(rawValue: UInt8(truncatingIfNeeded: packedStatus >> 8))
        errorData = UInt32(truncatingIfNeeded: packedStatus >> 16)
        self.value = value
    }
}

/// Where the issuer of an IO learns its outcome.
///
/// Given to ``Session/acquireHandle(owner:reporting:)``. It is filled when the session that issued
/// the IO has waited for it. One object serves one IO after another. If the ``ResourceOwner`` of
/// the handle is released first, the object is detached and stays at ``IOResult/Status/unknown``.
/// Used only on its session's thread. Mirrors PostgreSQL's `PgAioReturn`.
public final class IOReturn {
    // Stored behind computed properties: public variables of a class are guarded at run time.
    var storedResult = IOResult.unknown
    var storedTarget = IOTargetID.none
    var storedTargetData = IOTargetData()

    /// Makes an empty one.
    public init() {}

    /// The distilled result, `unknown` until the IO was waited for.
    public var result: IOResult { storedResult }
    /// What the IO was on.
    public var target: IOTargetID { storedTarget }
    /// Details of what the IO was on, in the target's encoding.
    public var targetData: IOTargetData { storedTargetData }
}
