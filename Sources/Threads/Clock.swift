/// The clocks of the operating system, and waiting for a time on them.
package enum Clock {
    /// Nanoseconds of a clock that only goes forward, from an arbitrary start.
    package static var monotonicNanoseconds: UInt64 { nanoseconds(CLOCK_MONOTONIC) ?? 0 }

    static func nanoseconds(_ clock: clockid_t) -> UInt64? {
        var time = timespec()
        guard unsafe clock_gettime(clock, &time) == 0 else { return nil }
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Sleeps until ``monotonicNanoseconds`` has reached that value.
    package static func sleep(until nanoseconds: UInt64) {
        while true {
            let now = monotonicNanoseconds
            guard now < nanoseconds else { return }
            var rest = timespec()
            rest.tv_sec = Int((nanoseconds - now) / 1_000_000_000)
            rest.tv_nsec = Int((nanoseconds - now) % 1_000_000_000)
            unsafe nanosleep(&rest, nil)
        }
    }
}
