#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// A stretch of time.
struct BenchTime {
    /// What a clock on the wall shows, in seconds.
    var elapsed = 0.0
    /// What all threads of the process used together, in seconds.
    var processor = 0.0
}

/// Measures stretches of time.
enum BenchClock {
    /// How long `body` takes.
    static func measure<Failure>(_ body: () throws(Failure) -> Void) throws(Failure) -> BenchTime {
        let start = reading
        try body()
        return time(from: start, to: reading)
    }

    /// What the clocks show now; only the time between two readings means something.
    static var reading: BenchTime {
        BenchTime(
            elapsed: seconds(CLOCK_MONOTONIC), processor: seconds(CLOCK_PROCESS_CPUTIME_ID))
    }

    /// The stretch between two readings; never nothing.
    static func time(from start: BenchTime, to end: BenchTime) -> BenchTime {
        BenchTime(
            elapsed: max(end.elapsed - start.elapsed, 1e-9),
            processor: max(end.processor - start.processor, 0))
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        guard unsafe clock_gettime(clock, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// What else the machine does, as results depend on it.
    static var machineLoad: String {
        let cores = Wording.count(sysconf(CInt(_SC_NPROCESSORS_ONLN)), "core")
        var average = 0.0
        guard unsafe getloadavg(&average, 1) == 1 else { return cores }
        return "load average \(Wording.decimal(average, places: 2)) on \(cores)"
    }
}
