/// What a loop serves in addition to jobs: the waiters of one session.
package protocol RingParticipant: AnyObject, Sendable {
    /// Does everything that can be done without waiting for IO. Called on the loop's thread.
    ///
    /// - Returns: the latest time for the next turn, as ``Clock/monotonicNanoseconds``; nil if the
    ///   next turn can wait until something happens.
    func turn() -> UInt64?

    /// Names the descriptors that become readable when a turn is worthwhile. Called on the loop's
    /// thread.
    func watch(_ add: (CInt) -> Void)
}
