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
        let (wall, processor) = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
        try body()
        return BenchTime(
            elapsed: max(seconds(CLOCK_MONOTONIC) - wall, 1e-9),
            processor: max(seconds(CLOCK_PROCESS_CPUTIME_ID) - processor, 0))
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
