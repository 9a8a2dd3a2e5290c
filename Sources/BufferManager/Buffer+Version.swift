internal import Synchronization

/// A page's version: by it, a thread that has neither pin nor lock learns whether the bytes that it
/// has read belong together. Like Linux's `seqcount`, it wraps after four billion changes, which
/// would have to happen during one reading.
///
/// It moves whenever a thread gets the right to change the bytes: with the exclusive content lock,
/// with the right to fill the page, and when the page leaves the buffer. That right is visible in
/// the state before the version moves, and the version before any changed byte. So a reader that
/// finds the same version before and after, and no such right in between, has seen no change.
extension Buffer {
    /// Call this once others are excluded from the page, before changing its bytes.
    ///
    /// Two threads that are excluded from different things may move it at once and count one move
    /// only: nobody can have begun to read in between.
    @inline(__always)
    func moveVersion() {
        let version = unsafe descriptor.pointee.version.load(ordering: .relaxed)
        // The partner is the first load in `beginGlimpse`: with the version, it sees the state.
        unsafe descriptor.pointee.version.store(version &+ 1, ordering: .releasing)
        // The partner is the fence in `hasKept`: with a changed byte, it sees the version.
        atomicMemoryFence(ordering: .releasing)
    }

    /// The version from which the buffer's page can be read; nil if it has none, or another thread
    /// may be changing it. Which page it is, ``hasKept(_:_:)`` finds out.
    @inline(__always)
    func beginGlimpse() -> UInt32? {
        let version = unsafe descriptor.pointee.version.load(ordering: .acquiring)
        let state = state
        let readable = BufferState.tagValid | BufferState.valid
        guard state.bits & (readable | BufferState.exclusive) == readable else { return nil }
        return version
    }

    /// Whether the buffer had the page, unchanged, all the time since its version was taken: a
    /// buffer that has the page now and the same version had no other page in between.
    @inline(__always)
    func hasKept(_ version: UInt32, _ tag: PageTag) -> Bool {
        atomicMemoryFence(ordering: .acquiring)
        return unsafe hasTag(tag)
            && descriptor.pointee.version.load(ordering: .relaxed) == version
    }

    /// Gives the page the use that a pin would have given it, unless it has as many as it can have:
    /// one exchange for each time that the clock hand has passed. If the state changes meanwhile,
    /// another reader will do it.
    @inline(__always)
    func noteGlimpse() {
        let state = state
        if state.bits & BufferState.usageMask >= BufferState.maximumUsage { return }
        // By now, it may be another page's.
        guard state.has(BufferState.tagValid) else { return }
        var old = state
        _ = exchange(&old, BufferState(state.bits &+ BufferState.oneUse))
    }
}
