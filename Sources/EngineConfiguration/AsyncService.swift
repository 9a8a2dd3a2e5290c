public import AsyncIO

/// What serves an `AsyncSession`: starts the IO that its tasks ask for, takes completions, and
/// resumes the tasks. Nothing else is started for it.
public enum AsyncService: Sendable {
    /// An executor's thread, between its tasks' jobs.
    case executor(RingExecutor)
    /// One thread of the engine for all sessions of this kind, started with the first of them.
    case engineThread
    /// The caller's own loop, which watches `AsyncSession.descriptor` and calls
    /// `AsyncSession.process()`.
    case polling
}

/// The settings of an `AsyncSession`.
public struct AsyncSessionOptions: Sendable {
    /// How many tasks may wait in the session at a time, for IO or for their turn; at least 1. Any
    /// more get `tooManyWaiting`.
    public var maximumWaiting = 65536
    /// How long a task may queue for a handle or a buffer before it gets `waitTooLong`; nil for no
    /// limit. Waiting for the IO itself is not limited.
    public var queueLimit: Duration?

    /// Makes the default settings.
    public init() {}

    package func validate() throws(StorageError) {
        guard maximumWaiting >= 1 else {
            throw StorageError(
                .invalidConfiguration,
                "\(maximumWaiting) is not a possible number of waiting tasks",
                remedy: "Set AsyncSessionOptions.maximumWaiting to a value from 1.")
        }
        if let queueLimit, queueLimit < .zero {
            throw StorageError(
                .invalidConfiguration, "\(queueLimit) is not a possible limit of waiting",
                remedy: "Set AsyncSessionOptions.queueLimit to a duration from zero.")
        }
    }

    package var queueNanoseconds: UInt64? { queueLimit.map { $0.nanoseconds } }
}

extension Duration {
    /// Whole nanoseconds; zero for negative durations.
    package var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return overflow ? .max : product &+ UInt64(attoseconds / 1_000_000_000)
    }
}

extension StorageError.Code {
    /// The asynchronous session has as many waiting tasks as its options allow.
    public static let tooManyWaiting = Self(rawValue: "tooManyWaiting")
    /// A task has queued longer for a handle or a buffer than its session's options allow.
    public static let waitTooLong = Self(rawValue: "waitTooLong")
}
