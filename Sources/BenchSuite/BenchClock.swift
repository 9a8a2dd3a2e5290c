internal import Threads

/// A span of time.
struct BenchTime {
    /// Wall-clock time in seconds.
    var elapsed = 0.0
    /// Processor time of all threads of the process together, in seconds.
    var processor = 0.0
}

/// Measures spans of time.
package enum BenchClock {
    /// How long `body` takes.
    static func measure<Failure>(_ body: () throws(Failure) -> Void) throws(Failure) -> BenchTime {
        let start = reading
        try body()
        return time(from: start, to: reading)
    }

    /// A reading of the clocks; only the difference of two readings is meaningful.
    static var reading: BenchTime {
        BenchTime(
            elapsed: seconds(CLOCK_MONOTONIC), processor: seconds(CLOCK_PROCESS_CPUTIME_ID))
    }

    /// The span between two readings; never zero.
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

    /// The load of the machine, which affects the results.
    package static var machineLoad: String {
        let cores = Figures.count(sysconf(CInt(_SC_NPROCESSORS_ONLN)), "core")
        var average = 0.0
        guard unsafe getloadavg(&average, 1) == 1 else { return cores }
        return "load average \(Figures.decimal(average, places: 2)) on \(cores)"
    }
}
