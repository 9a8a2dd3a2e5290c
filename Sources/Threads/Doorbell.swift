internal import CPlatform
internal import Synchronization

/// How other threads tell a loop that there is something to do: an atomic word, and a descriptor
/// that becomes readable when the bell is rung while the loop sleeps.
///
/// | state | meaning |
/// |---|---|
/// | awake | the loop is going to look for work |
/// | rung | the loop is going to look for work, and there is some |
/// | asleep | the loop looks only once the descriptor becomes readable |
///
/// Any thread may ring, at the cost of one atomic operation while the loop is awake. All other
/// calls are for the loop's thread.
package final class Doorbell: Sendable {
    private static let awake: UInt32 = 0
    private static let rung: UInt32 = 1
    private static let asleep: UInt32 = 2

    private let state = Atomic<UInt32>(Doorbell.awake)
    /// Readable once the bell was rung while the loop slept, until ``clear()``.
    package let descriptor: CInt
    private let ringer: CInt

    /// Makes a bell.
    ///
    /// - Throws: the `errno` with which the system refused a descriptor.
    package init() throws(SystemCallError) {
        var pair = InlineArray<2, CInt>(repeating: -1)
        var span = pair.mutableSpan
        let result = unsafe span.withUnsafeMutableBufferPointer {
            unsafe strata_doorbell_open($0.baseAddress)
        }
        guard result == 0 else { throw SystemCallError(errorNumber: -result) }
        (descriptor, ringer) = (pair[0], pair[1])
    }

    deinit {
        close(descriptor)
        if ringer != descriptor { close(ringer) }
    }

    /// Reports that there is something to do. Any thread; never blocks.
    package func ring() {
        if state.exchange(Self.rung, ordering: .acquiringAndReleasing) == Self.asleep {
            strata_doorbell_ring(ringer)
        }
    }

    /// Marks the loop as awake. Any ring from here on keeps it from falling asleep.
    package func wakeUp() { _ = state.exchange(Self.awake, ordering: .acquiringAndReleasing) }

    /// Marks the loop as asleep unless the bell was rung since ``wakeUp()``. Returns whether it
    /// did.
    package func fallAsleep() -> Bool {
        state.compareExchange(
            expected: Self.awake, desired: Self.asleep, ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Makes the descriptor unreadable.
    package func clear() { strata_doorbell_clear(descriptor) }
}

/// The descriptors that a sleeping loop watches. Used by the loop's thread only.
@safe
package struct Watch: ~Copyable {
    private var entries: [pollfd] = []

    /// Watches nothing.
    package init() {}

    /// Forgets all descriptors but the bell's.
    package mutating func reset(_ bell: borrowing Doorbell) {
        entries.removeAll(keepingCapacity: true)
        add(bell.descriptor)
    }

    /// Watches one more descriptor.
    package mutating func add(_ descriptor: CInt) {
        entries.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
    }

    /// Sleeps until one of them is readable or the time is over. Returns whether the bell is
    /// readable.
    package mutating func sleep(nanoseconds: Int64) -> Bool {
        let count = UInt32(entries.count)
        _ = unsafe entries.withUnsafeMutableBufferPointer {
            unsafe strata_poll($0.baseAddress, count, nanoseconds)
        }
        return entries[0].revents != 0
    }
}
