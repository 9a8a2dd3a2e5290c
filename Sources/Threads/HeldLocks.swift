internal import CPlatform

/// Which locks the calling thread has, of those that are given back in the reverse order on the
/// same thread; so that it can be told instead of waiting for itself.
///
/// Of locks that are nested deeper than any code has use for, the innermost are not known.
package enum HeldLocks {
    /// Notes a lock, by any address that is its own.
    package static func push(_ lock: UnsafeRawPointer) { unsafe strata_held_push(lock) }

    /// Forgets the last one.
    package static func pop() { strata_held_pop() }

    /// Whether the thread has that lock.
    package static func contain(_ lock: UnsafeRawPointer) -> Bool {
        unsafe strata_held_contains(lock) != 0
    }
}
