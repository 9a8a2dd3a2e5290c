internal import Threads

/// Reports that something did not happen in time.
public struct WatchdogError: Error, CustomStringConvertible {
    /// What was waited for, and for how long.
    public let description: String
}

/// Real threads for tests of blocking code.
///
/// Blocking code must stay off Swift's cooperative pool, whose few threads all tests share.
public enum TestThreads {
    /// How long ``run(_:seconds:_:)`` and ``waitOrFail(_:seconds:until:)`` wait by default.
    public static var defaultSeconds: Double { 120 }

    private struct Progress<Value> {
        var results: [Result<Value, any Error>?]
        var finished = 0
    }

    /// Runs `body` on `count` new threads at once, and returns their results by index.
    ///
    /// Blocks the calling thread. Threads that do not end keep running: `body` and all it holds are
    /// then never freed.
    ///
    /// - Throws: the error of the thread with the lowest index that threw one, or a
    ///   ``WatchdogError`` that names the threads that have not ended after `seconds`.
    @discardableResult
    public static func run<Value: Sendable>(
        _ count: Int, seconds: Double = defaultSeconds,
        _ body: @escaping @Sendable (_ index: Int) throws -> Value
    ) throws -> [Value] {
        let progress = Monitor(
            Progress<Value>(results: Array(repeating: nil, count: count)))
        for index in 0..<count {
            start {
                let result = Result { try body(index) }
                progress.update {
                    $0.results[index] = result
                    $0.finished += 1
                }
            }
        }
        let ended: Void? = progress.wait(seconds: seconds) { $0.finished == count ? () : nil }
        guard ended != nil else {
            let late = progress.read { progress in
                progress.results.indices.filter { progress.results[$0] == nil }
            }
            throw WatchdogError(
                description: "threads \(late) of \(count) have not ended after \(seconds) s")
        }
        return try progress.read { $0.results.compactMap { $0 } }.map { try $0.get() }
    }

    /// Runs `body` on a new thread and returns what it returns.
    ///
    /// - Throws: what `body` throws, or a ``WatchdogError`` after `seconds`.
    @discardableResult
    public static func run<Value: Sendable>(
        seconds: Double = defaultSeconds, _ body: @escaping @Sendable () throws -> Value
    ) throws -> Value {
        try run(1, seconds: seconds) { _ in try body() }[0]
    }

    /// Runs `body` on a new thread beside the caller, which joins it later.
    public static func beside<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) -> RunningThread<Value> {
        let thread = RunningThread<Value>()
        start { [result = thread.result] in
            let ended = Result { try body() }
            result.update { $0 = ended }
        }
        return thread
    }

    /// Waits until `condition` is true. Asks every millisecond.
    ///
    /// - Throws: a ``WatchdogError`` that contains `what` after `seconds`.
    public static func waitOrFail(
        _ what: String, seconds: Double = defaultSeconds, until condition: () throws -> Bool
    ) throws {
        for _ in 0..<max(1, Int(seconds * 1000)) {
            if try condition() { return }
            usleep(1000)
        }
        throw WatchdogError(description: "after \(seconds) s still waiting for: \(what)")
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a new detached thread.
    static func start(_ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Body(body)).toOpaque()
        #if canImport(Darwin)
            var thread: pthread_t?
            let error = unsafe pthread_create(&thread, nil, { unsafe TestThreads.enter($0) }, box)
            if error == 0, let thread = unsafe thread { unsafe pthread_detach(thread) }
        #else
            var thread = pthread_t()
            let error = unsafe pthread_create(&thread, nil, { unsafe TestThreads.enter($0!) }, box)
            if error == 0 { pthread_detach(thread) }
        #endif
        precondition(error == 0, "no thread could be started, error \(error)")
    }

    private static func enter(_ box: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        unsafe Unmanaged<Body>.fromOpaque(box).takeRetainedValue().run()
        return nil
    }
}

/// A thread that runs beside the test that started it with ``TestThreads/beside(_:)``.
public final class RunningThread<Value: Sendable>: Sendable {
    let result = Monitor<Result<Value, any Error>?>(nil)

    /// Whether its body has returned or thrown.
    public var isDone: Bool { result.read { $0 != nil } }

    /// Waits for its end and returns what its body returned.
    ///
    /// - Throws: what the body threw, or a ``WatchdogError`` after `seconds`.
    @discardableResult
    public func join(seconds: Double = TestThreads.defaultSeconds) throws -> Value {
        guard let ended = result.wait(seconds: seconds, { $0 }) else {
            throw WatchdogError(description: "a thread has not ended after \(seconds) s")
        }
        return try ended.get()
    }
}
