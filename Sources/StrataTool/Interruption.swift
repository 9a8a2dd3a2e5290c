internal import ArgumentParser
internal import AsyncIO
internal import RelationLoader
internal import Synchronization
internal import Threads

/// Ends a command in good order when the user interrupts it.
///
/// SIGINT, SIGTERM and SIGHUP are blocked in all threads except one that waits for them, so no
/// signal handler and no global state is needed. The first signal cancels the command. If it has
/// not ended by the second signal, or after a few seconds, the process ends as the signal would
/// have ended it. A store survives that.
final class Interruption: Sendable {
    /// The command checks this.
    let cancellation = Cancellation()
    private let signal = Atomic<Int32>(0)
    private let hasSpoken = Atomic<Bool>(false)
    private let messages = ToolEnvironment.current.standardError

    /// How long a command may take to end before the process is ended.
    private static let graceSeconds = 5

    /// Call it before any other thread exists.
    init() {
        guard ToolEnvironment.current.heedsSignals else { return }
        Self.change(SIG_BLOCK, Self.signals)
        let thread = OSThread.start { [self] in
            let first = take()
            signal.store(first, ordering: .relaxed)
            cancellation.cancel()
            takeAnother()
            // The progress of the command is not known here.
            say("interrupted")
            Self.change(SIG_UNBLOCK, [first])
            raise(first)
            // The parent process had this process ignore the signal.
            _exit(128 + first)
        }
        if let thread { thread.detach() } else { Self.change(SIG_UNBLOCK, Self.signals) }
    }

    /// Turns a pipe without a reader, and exceeding the process's file size limit, into errors of
    /// writing, in every command: neither may end one that changes a store.
    ///
    /// Call it before any other thread exists.
    static func expectFailingWrites() { change(SIG_BLOCK, [SIGPIPE, SIGXFSZ]) }

    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// Waits for one of the signals.
    private func take() -> Int32 {
        var set = Self.set(Self.signals)
        var number: Int32 = 0
        while unsafe sigwait(&set, &number) != 0 {}
        return number
    }

    /// Waits for another signal, for a limited time.
    private func takeAnother() {
        #if canImport(Glibc)
            var pause = timespec(tv_sec: Self.graceSeconds, tv_nsec: 0)
            var set = Self.set(Self.signals)
            _ = unsafe sigtimedwait(&set, nil, &pause)
        #else
            sleep(UInt32(Self.graceSeconds))
        #endif
    }

    private static func change(_ how: Int32, _ signals: [Int32]) {
        var set = set(signals)
        unsafe pthread_sigmask(how, &set, nil)
    }

    private static func set(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        return set
    }

    /// Prints the message, once.
    private func say(_ message: String) {
        if hasSpoken.exchange(true, ordering: .relaxed) { return }
        messages.write("strata: \(message)")
    }

    /// Prints that the command was interrupted, and returns its exit code: the one that shells
    /// report for a process that the signal ended.
    func exit(_ message: String = "interrupted") -> ExitCode {
        say(message)
        return ExitCode(128 + signal.load(ordering: .relaxed))
    }
}
