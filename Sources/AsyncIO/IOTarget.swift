/// The one-byte name of a registered target.
public struct IOTargetID: RawRepresentable, Sendable, Hashable, BitwiseCopyable {
    /// The registry's index plus one; zero is no target.
    public let rawValue: UInt8
    /// Makes an id of a raw value.
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// No target.
    public static let none = IOTargetID(rawValue: 0)
}

/// Thirty-two bytes in which a target records what an IO is on.
///
/// They travel with the handle, are copied into the ``IOReturn``, and snapshots can read them at
/// any time. They hold plain values and never references.
public struct IOTargetData: Sendable, Hashable, BitwiseCopyable {
    /// The first word.
    public var word0: UInt64
    /// The second word.
    public var word1: UInt64
    /// The third word.
    public var word2: UInt64
    /// The fourth word.
    public var word3: UInt64

    /// Makes target data of four words.
    public init(_ word0: UInt64 = 0, _ word1: UInt64 = 0, _ word2: UInt64 = 0, _ word3: UInt64 = 0)
    {
        self.word0 = word0
        self.word1 = word1
        self.word2 = word2
        self.word3 = word3
    }
}

/// A kind of object that IO can be on.
///
/// Registered once with ``IOSystem/register(target:)``. Mirrors PostgreSQL's `PgAioTargetInfo`.
public protocol IOTarget: AnyObject, Sendable {
    /// A short name for snapshots and logs, such as `smgr`.
    var name: String { get }

    /// Whether ``reopen(_:)`` works. If it does not, the submitting thread executes the IO under
    /// the worker method.
    var canReopen: Bool { get }

    /// Returns a descriptor that the calling thread may use until the IO completes.
    ///
    /// Called on a worker's thread before it executes the IO.
    ///
    /// - Returns: the descriptor, or a negated `errno` with which the IO then fails.
    func reopen(_ io: borrowing IOView) -> CInt

    /// Describes what an IO with that data is on, such as `blocks 3..5 of base/1/16384`.
    ///
    /// Any thread.
    func describe(_ data: IOTargetData) -> String
}

extension IOTarget {
    /// Targets cannot be reopened unless they say so.
    public var canReopen: Bool { false }

    /// Keeps the descriptor that the IO was started with.
    public func reopen(_ io: borrowing IOView) -> CInt { io.descriptor }
}
