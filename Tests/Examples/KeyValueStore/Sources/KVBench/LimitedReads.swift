import Foundation
import KeyValueStore
import Strata
import Synchronization

/// Reads of data that is larger than memory, each store in a process of its own with a limit.
struct LimitedReads {
    let path: String
    let store: String
    let work: Workload
    let cacheBytes: Int
    let threads: Int
    let isAsync: Bool

    static let seconds = 1.5
    static let turns = 3
    /// How many searches each asynchronous session has at a time.
    static let depth = 64

    /// The arguments for the child, and how the child reads them.
    func arguments(group: String) -> [String] {
        [
            "child", store, path, "\(work.keyCount)", "\(work.valueLength)", "\(cacheBytes)",
            "\(threads)", isAsync ? "async" : "threads", group,
        ]
    }

    init(
        _ path: String, _ store: String, _ work: Workload, cacheBytes: Int, threads: Int,
        isAsync: Bool
    ) {
        self.path = path
        self.store = store
        self.work = work
        self.cacheBytes = cacheBytes
        self.threads = threads
        self.isAsync = isAsync
    }

    /// Starts the child.
    ///
    /// - Returns: reads a second, of each turn.
    func run(in group: MemoryLimit) throws -> [Double] {
        evict(path)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments(group: group.path)
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BenchError("\(store) ended with \(process.terminationStatus) under the limit")
        }
        return String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap {
            Double($0)
        }
    }

    /// The child's work.
    static func child(_ arguments: [String]) async throws {
        guard arguments.count == 8, let keys = Int(arguments[2]), let length = Int(arguments[3]),
            let cache = Int(arguments[4]), let threads = Int(arguments[5])
        else { throw BenchError("the child's arguments are wrong") }
        try MemoryLimit.enter(arguments[7])
        let work = Workload(keyCount: keys, valueLength: length)
        let opening = Opening(
            path: arguments[1], cacheBytes: cache, exceedsMemory: true, threads: threads, work: work
        )
        let contender = try Contenders.open(arguments[0], opening)
        if arguments[6] == "async", let ours = contender as? StrataContender {
            try await readAsync(ours.store, work, threads)
        } else {
            let workers = try (0..<threads).map { _ in try contender.worker() }
            for turn in 0...turns {
                let measured = try measure(workers, seconds: seconds, seed: turn) {
                    worker, random in
                    (64, try worker.read(64, below: keys, &random))
                }
                // The first turn fills the cache.
                if turn > 0 { print(measured.rate) }
            }
            for worker in workers { worker.close() }
        }
        try contender.close()
    }

    /// Many tasks on one executor for each thread.
    private static func readAsync(_ store: KeyValueStore, _ work: Workload, _ threads: Int)
        async throws
    {
        let executors = try (0..<threads).map { _ in try RingExecutor() }
        let readers = try executors.map { try store.reader(.executor($0)) }
        for turn in 0...turns {
            let begin = now()
            let total = try await withThrowingTaskGroup(of: Int.self) { group in
                for (index, reader) in readers.enumerated() {
                    for task in 0..<depth {
                        let seed = UInt64((turn * 64 + index) * 1024 + task)
                        group.addTask(executorPreference: executors[index]) {
                            try await read(reader, work, Random(seed), until: begin + seconds)
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            if turn > 0 { print(Double(total) / (now() - begin)) }
        }
        for reader in readers { await reader.close() }
        for executor in executors { try executor.shutdown() }
    }

    private static func read(
        _ reader: AsyncReader, _ work: Workload, _ seed: Random, until end: Double
    ) async throws -> Int {
        var (random, count) = (seed, 0)
        var key = [UInt8](repeating: 0, count: Workload.keyLength)
        while now() < end {
            let number = random.below(work.keyCount)
            key.withUnsafeMutableBytes { Workload.writeKey(number, to: $0.baseAddress!) }
            let value = try await reader.get(key)
            let isRight = value?.withUnsafeBytes {
                work.isValue(number, $0.baseAddress!, $0.count)
            }
            guard isRight == true else { throw BenchError("a read had a wrong value") }
            count += 1
        }
        return count
    }
}
