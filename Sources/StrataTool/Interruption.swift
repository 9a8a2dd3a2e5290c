internal import ArgumentParser
internal import AsyncIO
internal import RelationLoader
internal import Synchronization
internal import Threads

/// Ends a command in good order when the user wants it to end.
///
/// SIGINT, SIGTERM and SIGHUP are blocked in all threads, but for one that waits for them: it needs
/// no handler, and so no state of the process. The first signal cancels; when the command has not
/// ended by the second, or after a moment, the process ends as the signal would have ended it. A
/// store survives that.
final class Interruption: Sendable {
    /// What the command looks at.
    let cancellation = Cancellation()
    private let signal = Atomic<Int32>(0)
    private let hasSpoken = Atomic<Bool>(false)
    private let messages = ToolEnvironment.current.standardError

    /// How long a command may take to end, before it is ended.
    private static let graceSeconds = 5

    /// To be made before any other thread is.
    init() {
        guard ToolEnvironment.current.heedsSignals else { return }
        // A pipe whose reader has gone is an error of writing.
        Self.change(SIG_BLOCK, [SIGPIPE])
        Self.change(SIG_BLOCK, Self.signals)
        let thread = OSThread.start { [self] in
            let first = take()
            signal.store(first, ordering: .relaxed)
            cancellation.cancel()
            takeAnother()
            // How far the command came is not known here.
            say("interrupted")
            Self.change(SIG_UNBLOCK, [first])
            raise(first)
            // Whoever started the process had it ignore the signal.
            _exit(128 + first)
        }
        if let thread { thread.detach() } else { Self.change(SIG_UNBLOCK, Self.signals) }
    }

    /// Makes a file that grows beyond the process's limit an error of writing, whatever the
    /// command.
    ///
    /// To be called before any other thread is made.
    static func expectFileSizeLimit() { change(SIG_BLOCK, [SIGXFSZ]) }

    private static let signals = [SIGINT, SIGTERM, SIGHUP]

    /// Waits for one of the signals.
    private func take() -> Int32 {
        var set = Self.set(Self.signals)
        var number: Int32 = 0
        while unsafe sigwait(&set, &number) != 0 {}
        return number
    }

    /// Waits for another one, but not for long.
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

    /// Tells the user, once.
    private func say(_ message: String) {
        if hasSpoken.exchange(true, ordering: .relaxed) { return }
        messages.write("strata: \(message)")
    }

    /// Says that the command was interrupted, and gives what it ends with: the code that shells
    /// give to who was ended by the signal.
    func exit(_ message: String = "interrupted") -> ExitCode {
        say(message)
        return ExitCode(128 + signal.load(ordering: .relaxed))
    }
}
