internal import AsyncIO
internal import CPlatform
internal import Strata
internal import Synchronization
internal import Threads

/// Swift tasks for benchmarks, run from a thread of the tool.
enum BenchTasks {
    private final class Outcome<Value: Sendable>: Sendable {
        let isDone = Atomic<UInt32>(0)
        let value = Lock<Result<Value, BenchFailure>?>(nil, rank: .client)
    }

    /// Runs a task, on an executor if one is given, and blocks the calling thread until it ends.
    static func run<Value: Sendable>(
        on executor: RingExecutor? = nil,
        _ body: @escaping @Sendable () async throws -> Value
    ) throws(BenchFailure) -> Value {
        let outcome = Outcome<Value>()
        Task(executorPreference: executor) {
            let result: Result<Value, BenchFailure>
            do {
                result = .success(try await body())
            } catch let error as StorageError {
                result = .failure(.storage(error))
            } catch let error as BenchFailure {
                result = .failure(error)
            } catch {
                result = .failure(.cancelled)
            }
            outcome.value.withLock { $0 = result }
            outcome.isDone.store(1, ordering: .releasing)
            wake(outcome.isDone, count: 1)
        }
        while outcome.isDone.load(ordering: .acquiring) == 0 {
            park(outcome.isDone, expected: 0)
        }
        guard let result = outcome.value.withLock({ $0 }) else {
            preconditionFailure("a task that has ended has its result")
        }
        return try result.get()
    }

    /// The bytes allocated now in the whole process; nil if unknown.
    static var allocatedBytes: Int? {
        let count = strata_allocated_bytes()
        return count < 0 ? nil : Int(count)
    }
}
