import Foundation
import Synchronization

/// Seconds since some moment.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// What threads did in some time.
struct Measured {
    var operations = 0
    var wrong = 0
    var seconds = 0.0
    var rate: Double { Double(operations) / seconds }
}

/// Runs threads that repeat something until the time is over.
///
/// - Parameters:
///   - workers: one for each thread.
///   - body: does some operations and returns how many, and how many of them were wrong.
func measure(
    _ workers: [any Worker], seconds: Double, seed: Int,
    _ body: @escaping (any Worker, inout Random) throws -> (operations: Int, wrong: Int)
) throws -> Measured {
    struct Job: @unchecked Sendable {
        let worker: any Worker
        let body: (any Worker, inout Random) throws -> (operations: Int, wrong: Int)
    }
    let results = Mutex<(Measured, (any Error)?)>((Measured(), nil))
    let isReady = DispatchSemaphore(value: 0)
    let mayBegin = DispatchSemaphore(value: 0)
    let isDone = DispatchSemaphore(value: 0)
    for (index, worker) in workers.enumerated() {
        let job = Job(worker: worker, body: body)
        let thread = Thread {
            var random = Random(UInt64(seed * 64 + index))
            isReady.signal()
            mayBegin.wait()
            let begin = now()
            var mine = Measured()
            var failure: (any Error)?
            do {
                repeat {
                    let (operations, wrong) = try job.body(job.worker, &random)
                    mine.operations += operations
                    mine.wrong += wrong
                } while now() - begin < seconds
            } catch { failure = error }
            mine.seconds = now() - begin
            results.withLock { results in
                results.0.operations += mine.operations
                results.0.wrong += mine.wrong
                results.0.seconds = max(results.0.seconds, mine.seconds)
                if let failure { results.1 = failure }
            }
            isDone.signal()
        }
        thread.stackSize = 1 << 20
        thread.start()
    }
    for _ in workers { isReady.wait() }
    for _ in workers { mayBegin.signal() }
    for _ in workers { isDone.wait() }
    let (measured, failure) = results.withLock { $0 }
    if let failure { throw failure }
    if measured.wrong > 0 { throw BenchError("\(measured.wrong) reads had a wrong value") }
    return measured
}

/// The bytes that the files of a directory take on disk.
func spaceTaken(_ path: String) -> Double {
    var total = 0.0
    for file in files(in: path) {
        var status = stat()
        if stat(file, &status) == 0 { total += Double(status.st_blocks) * 512 }
    }
    return total
}

func files(in path: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return names.map { path + "/" + $0 }
}

/// Makes the kernel forget what it has cached of a directory's files.
func evict(_ path: String) {
    for file in files(in: path) {
        let descriptor = open(file, O_RDONLY)
        if descriptor < 0 { continue }
        fsync(descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        close(descriptor)
    }
}
