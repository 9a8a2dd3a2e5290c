/// One buffer's state: all that changes together, in one 64-bit word.
///
/// | bits | meaning |
/// |---|---|
/// | 0–17 | pins |
/// | 18–21 | usage, 0…5: how often the clock hand passes before it takes the buffer |
/// | 22–31 | the flags below |
/// | 32–49 | shared holders of the content lock |
/// | 50 | the content lock is held exclusively |
/// | 51 | ``checkpointNeeded`` |
///
/// While `tagValid` is set and there is a pin, the tag cannot change. Mirrors the state word of
/// PostgreSQL's `BufferDesc`, with the content lock in it.
struct BufferState: Equatable, BitwiseCopyable, Sendable {
    var bits: UInt64

    @inline(__always)
    init(_ bits: UInt64) { self.bits = bits }

    static let onePin: UInt64 = 1
    static let pinMask: UInt64 = (1 << 18) - 1
    static let oneUse: UInt64 = 1 << 18
    static let usageMask: UInt64 = 0xF << 18
    static let maximumUsage: UInt64 = 5 << 18
    static let oneShare: UInt64 = 1 << 32
    static let shareMask: UInt64 = ((1 << 18) - 1) << 32
    static let exclusive: UInt64 = 1 << 50

    /// The buffer is in the mapping under its tag.
    static let tagValid: UInt64 = 1 << 22
    /// The page was read and verified, or made.
    static let valid: UInt64 = 1 << 23
    /// The page differs from the one on disk.
    static let dirty: UInt64 = 1 << 24
    /// The page was changed since its write began.
    static let justDirtied: UInt64 = 1 << 25
    /// An IO reads or writes the page. Only its owner may change ``valid`` and ``dirty``.
    static let ioInProgress: UInt64 = 1 << 26
    /// The last IO failed.
    static let ioError: UInt64 = 1 << 27
    /// The page outlives a crash: its relation is not session-local.
    static let permanent: UInt64 = 1 << 28
    /// The one pin belongs to a thread that is about to give the buffer to another page.
    static let claimed: UInt64 = 1 << 29
    /// A waiter sleeps until the IO can be waited for, or ends.
    static let ioWaiters: UInt64 = 1 << 30
    /// A waiter sleeps until the content lock is free.
    static let lockWaiters: UInt64 = 1 << 31

    /// The page was dirty when the current checkpoint began, and has not been written since.
    static let checkpointNeeded: UInt64 = 1 << 51

    @inline(__always)
    func has(_ flag: UInt64) -> Bool { bits & flag != 0 }

    var pins: UInt64 { bits & Self.pinMask }
    var usage: UInt64 { (bits & Self.usageMask) >> 18 }
    var sharers: UInt64 { (bits & Self.shareMask) >> 32 }
    var isLocked: Bool { bits & (Self.shareMask | Self.exclusive) != 0 }

    /// The state with one more pin. A pin through a ring does not raise the usage above one.
    @inline(__always)
    func pinned(ring: Bool) -> BufferState {
        let usage = bits & Self.usageMask
        let grows = ring ? usage == 0 : usage < Self.maximumUsage
        return BufferState(bits &+ Self.onePin &+ (grows ? Self.oneUse : 0))
    }
}
