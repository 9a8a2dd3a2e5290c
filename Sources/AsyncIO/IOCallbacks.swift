/// The one-byte name of registered callbacks.
public struct IOCallbackID: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    /// The registry's index plus one; zero is none.
    public let rawValue: UInt8
    /// Makes an id of a raw value.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// No callbacks.
    public static let none = IOCallbackID(rawValue: 0)
}

/// One registration of callbacks on one handle: which they are, and a byte of their own.
public struct IOCallbackRegistration: Sendable, Hashable, BitwiseCopyable {
    /// The callbacks.
    public let id: IOCallbackID
    /// The byte given with ``IOHandle/registerCallbacks(_:data:)``.
    public let data: UInt8
}

/// The moments of an IO at which callbacks want to be called.
public struct IOCallbackPhases: OptionSet, Sendable {
    /// One bit per moment.
    public let rawValue: UInt8
    /// Makes a set of raw bits.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// When the IO is staged, on the issuing thread.
    public static let stage = IOCallbackPhases(rawValue: 1)
    /// When it has completed, on the thread that learns of it first.
    public static let completeShared = IOCallbackPhases(rawValue: 2)
    /// When the issuing session reclaims it, on the issuing thread.
    public static let completeLocal = IOCallbackPhases(rawValue: 4)
}

/// What a layer does at the stages of an IO's life.
///
/// A layer registers its callbacks once with ``IOSystem/register(callbacks:)`` and attaches them to
/// handles by id. The callbacks of a handle run last registered first: a result climbs from the
/// layer nearest the kernel to the one nearest the user, and each layer translates it into its own
/// terms.
///
/// Stage and completion callbacks cannot fail. Completion callbacks run on any thread, possibly
/// while other threads wait. They must not block, allocate without bound, or take a lock that a
/// waiter may hold. Mirrors PostgreSQL's `PgAioHandleCallbacks`.
public protocol IOCallbacks: AnyObject, Sendable {
    /// The moments these callbacks take part in; the core skips the rest. Must not change.
    var phases: IOCallbackPhases { get }

    /// Prepares shared state for the IO, such as a reference that belongs to the IO itself.
    func stage(_ io: borrowing IOView, registration: IOCallbackRegistration)

    /// Acts on the completion for all threads, and refines the result.
    func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult

    /// Acts on the completion for the issuing session, and refines the result it will see.
    func completeLocal(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult

    /// Turns an error or warning that these callbacks put into a result into words.
    ///
    /// Called on the thread that reports the result, possibly long after the IO.
    func report(_ result: IOResult, targetData: IOTargetData) -> StorageError
}

extension IOCallbacks {
    /// Does nothing.
    public func stage(_ io: borrowing IOView, registration: IOCallbackRegistration) {}

    /// Passes the result on.
    public func completeShared(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult { prior }

    /// Passes the result on.
    public func completeLocal(
        _ io: borrowing IOView, prior: IOResult, registration: IOCallbackRegistration
    ) -> IOResult { prior }

    /// Says that the IO failed, with the error number where `errorData` holds one.
    public func report(_ result: IOResult, targetData: IOTargetData) -> StorageError {
        StorageError(
            .inputOutput, "an IO failed",
            errorNumber: result.errorData > 0 ? CInt(truncatingIfNeeded: result.errorData) : nil)
    }
}
