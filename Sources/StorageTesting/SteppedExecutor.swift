internal import AsyncIO
internal import Threads

/// An executor without a thread: its owner steps it, and it runs its tasks' jobs one by one, in an
/// order drawn from a seed.
///
/// With an asynchronous session that is polled on the same thread, and a ``SimulatedMethod`` whose
/// waiters complete IO, a run of many tasks depends on the seed alone, and the seed repeats it:
///
/// ```swift
/// let executor = SteppedExecutor(seed: seed)
/// let task = Task(executorPreference: executor) { … }
/// try executor.run(until: { isDone }, between: { try session.process() })
/// ```
///
/// Any thread may give it tasks; one thread steps it.
public final class SteppedExecutor: TaskExecutor, SerialExecutor, Sendable {
    /// The seed that repeats a run.
    public let seed: UInt64

    private let state: Lock<State>

    private struct State {
        var jobs: [UnownedJob] = []
        var random: SplitMix64
    }

    /// The next step of a run.
    private enum Step {
        case job(UnownedJob)
        case other
    }

    /// Makes an executor without jobs.
    public init(seed: UInt64) {
        self.seed = seed
        state = Lock(State(random: SplitMix64(seed: seed)), rank: .testKit)
    }

    /// Takes a job. Safe to call from any thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.withLock { $0.jobs.append(job) }
    }

    /// Runs jobs, and other work now and then, until the condition holds.
    ///
    /// - Parameters:
    ///   - isOver: asked before each step.
    ///   - other: the work beside the tasks, such as a session's turns.
    public func run(
        until isOver: () throws -> Bool, between other: () throws -> Void
    ) rethrows {
        while try !isOver() {
            let step: Step = state.withLock { state in
                if state.jobs.isEmpty || state.random.chance(0.3) { return .other }
                return .job(state.jobs.remove(at: state.random.below(state.jobs.count)))
            }
            switch step {
            case .job(let job):
                unsafe job.runSynchronously(
                    isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            case .other:
                try other()
            }
        }
    }
}
