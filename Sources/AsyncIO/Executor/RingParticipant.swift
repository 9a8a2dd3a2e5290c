/// What a loop serves besides jobs: the waiters of one session.
package protocol RingParticipant: AnyObject, Sendable {
    /// Does all that can be done without waiting for IO. On the loop's thread.
    ///
    /// - Returns: when it wants the next turn at the latest, as ``Clock/monotonicNanoseconds``,
    ///   even if nothing has happened; nil if never.
    func turn() -> UInt64?

    /// Names the descriptors that are readable when a turn is worth while. On the loop's thread.
    func watch(_ add: (CInt) -> Void)
}
