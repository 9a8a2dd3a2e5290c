internal import CPlatform

/// Which locks the calling thread holds, so that it gets an error instead of deadlocking with
/// itself. Covers locks that the same thread releases in reverse order.
///
/// The record has a limited depth; deeper, innermost locks are not recorded.
package enum HeldLocks {
    /// Records a lock, by any address that is unique to it.
    package static func push(_ lock: UnsafeRawPointer) { unsafe strata_held_push(lock) }

    /// Removes the last one.
    package static func pop() { strata_held_pop() }

    /// Whether the thread holds that lock.
    package static func contain(_ lock: UnsafeRawPointer) -> Bool {
        unsafe strata_held_contains(lock) != 0
    }
}
