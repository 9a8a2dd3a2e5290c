internal import AsyncIO
internal import Synchronization
internal import Threads

/// The content lock: many threads may read a page, or one may change it. It lives in the state
/// word, so taking a free one is one exchange. Not recursive: a thread that would wait for itself
/// is stopped with a sentence. It belongs to no thread: the holder of the page may release it on
/// another.
///
/// Once a thread sleeps, newcomers sleep too, so that a writer gets its turn among readers.
extension Buffer {
    private static let spins = 40

    @inline(__always)
    func lockShared() {
        LockOrder.willWait(for: .pageContent)
        var old = state
        if !old.has(BufferState.exclusive | BufferState.lockWaiters),
            exchange(&old, BufferState(old.bits &+ BufferState.oneShare))
        {
            return
        }
        lockSlowly(
            blockedBy: BufferState.exclusive | BufferState.lockWaiters,
            adding: BufferState.oneShare)
    }

    func tryLockShared() -> Bool {
        var old = state
        while !old.has(BufferState.exclusive | BufferState.lockWaiters) {
            if exchange(&old, BufferState(old.bits &+ BufferState.oneShare)) { return true }
        }
        return false
    }

    @inline(__always)
    func lockExclusive() {
        LockOrder.willWait(for: .pageContent)
        var old = state
        if !old.isLocked, exchange(&old, BufferState(old.bits | BufferState.exclusive)) {
            moveVersion()
            return
        }
        lockSlowly(
            blockedBy: BufferState.exclusive | BufferState.shareMask,
            adding: BufferState.exclusive)
        moveVersion()
    }

    func tryLockExclusive() -> Bool {
        var old = state
        while !old.isLocked {
            if exchange(&old, BufferState(old.bits | BufferState.exclusive)) {
                moveVersion()
                return true
            }
        }
        return false
    }

    @inline(__always)
    func unlockShared() {
        var old = state
        while true {
            assert(old.sharers > 0, "a shared lock is given back once")
            var new = old.bits &- BufferState.oneShare
            let wakes = new & BufferState.shareMask == 0 && old.has(BufferState.lockWaiters)
            if wakes { new &= ~BufferState.lockWaiters }
            if exchange(&old, BufferState(new)) {
                if wakes { wakeLockWaiters() }
                return
            }
        }
    }

    /// Releases the exclusive lock. Marks the page as changed before if `dirtied`, so that a thread
    /// that sees the change and then begins a checkpoint finds it marked.
    @inline(__always)
    func unlockExclusive(dirtied: Bool = false) {
        if dirtied { markDirty() }
        let old = update { $0.bits & ~(BufferState.exclusive | BufferState.lockWaiters) }
        assert(old.has(BufferState.exclusive), "an exclusive lock is given back once")
        if old.has(BufferState.lockWaiters) { wakeLockWaiters() }
    }

    /// Records that this thread holds the lock exclusively and will release it itself, before those
    /// that it held already.
    @inline(__always)
    func noteHolder() {
        unsafe HeldLocks.push(UnsafeRawPointer(descriptor))
        LockOrder.didTake(.pageContent)
    }

    @inline(__always)
    func forgetHolder() {
        LockOrder.willGiveBack(.pageContent)
        HeldLocks.pop()
    }

    /// Takes the exclusive lock for a ``PinnedPage`` that keeps it, and records by which thread.
    func lockForPage() {
        lockExclusive()
        withRecord { $0.waits.noteHolder(of: self, true) }
    }

    /// Takes such a lock if it is free. Returns whether it was.
    func tryLockForPage() -> Bool {
        guard tryLockExclusive() else { return false }
        withRecord { $0.waits.noteHolder(of: self, true) }
        return true
    }

    /// Releases such a lock, on any thread.
    func unlockForPage() {
        withRecord { $0.waits.noteHolder(of: self, false) }
        unlockExclusive()
    }

    /// Whether this thread would wait for itself: it is changing the page, or has asked for the
    /// page together with its lock.
    var isHeldHere: Bool {
        unsafe HeldLocks.contain(UnsafeRawPointer(descriptor))
            || withRecord { $0.waits.isHeldHere(self) }
    }

    private func wakeLockWaiters() {
        unsafe descriptor.pointee.sleepers.wrappingAdd(1, ordering: .releasing)
        unsafe wake(descriptor.pointee.sleepers, count: .max)
        fireWakeUps(.lock)
    }

    /// Takes the lock, sleeping if necessary.
    ///
    /// `lockWaiters` is only set while the lock is held, and freeing the lock clears it, so a
    /// sleeper is always woken.
    private func lockSlowly(blockedBy mask: UInt64, adding bits: UInt64) {
        var tries = 0
        while true {
            let sequence = unsafe descriptor.pointee.sleepers.load(ordering: .acquiring)
            var old = state
            if !old.has(mask) {
                if exchange(&old, BufferState(old.bits &+ bits)) { return }
                continue
            }
            tries += 1
            if tries < Self.spins { continue }
            insist(
                !isHeldHere, "a thread must not take a page's content lock that it holds already")
            if exchange(&old, BufferState(old.bits | BufferState.lockWaiters)) {
                unsafe park(descriptor.pointee.sleepers, expected: sequence)
            }
        }
    }
}
