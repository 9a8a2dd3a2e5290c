import RelationLoader
import StorageTesting
import Strata
import Testing
import Threads

/// Scans on several threads write what one thread writes.
@Suite("Scans on several threads")
struct ParallelScanTests {
    let directory = TemporaryDirectory()

    private func withEngine(
        _ method: TestedMethod, _ body: (Engine) throws -> Void
    ) throws {
        var options = EngineOptions()
        options.ioMethod = method.choice
        options.poolBytes = 2048 * 8192
        options.maximumSessions = 8
        options.createdSegmentBlocks = 100
        let engine = try Engine.open("\(directory.path)/store", options: options)
        try body(engine)
        try engine.close()
    }

    private func load(_ engine: Engine, _ manager: String = "magnetic") throws {
        let padding = String(repeating: ".", count: 200)
        let rows = (0..<12_000).map {
            "\($0),row number \($0)\(padding),\($0 % 7 == 0 ? "" : "x")\n"
        }
        var options = LoadOptions()
        options.managerName = manager
        try RelationLoader.load(
            MemorySource("n,t,u\n" + rows.joined()), into: "t", of: engine, options: options)
        #expect(try engine.relation(named: "t").blockCount > 300)
    }

    private struct Outcome: Equatable {
        var bytes: [UInt8]
        var rows: UInt64?
        var losses: [String]
        var failure: String?
    }

    private func scan(
        _ engine: Engine, _ threads: Int, _ change: (inout ScanOptions) -> Void = { _ in }
    ) throws -> Outcome {
        var options = ScanOptions()
        options.threadCount = threads
        let losses = Lock<[String]>([], rank: .client)
        options.onLoss = { error in losses.withLock { $0.append("\(error)") } }
        change(&options)
        let path = "\(directory.path)/out"
        var outcome = Outcome(bytes: [], losses: [])
        do {
            let summary = try RelationLoader.scan(
                engine.relation(named: "t"), to: DescriptorOutput(creating: path), options: options)
            outcome.rows = summary.rowCount
            #expect(summary.pageCount + summary.lossCount >= 300)
        } catch { outcome.failure = "\(error)" }
        outcome.bytes = try readFile(path)
        outcome.losses = losses.withLock { $0 }
        return outcome
    }

    @Test(arguments: IOMethodMatrix.all, ["magnetic", "compressed", "memory"])
    func writeTheSame(_ method: TestedMethod, _ manager: String) throws {
        try withEngine(method) { engine in
            try load(engine, manager)
            for format in [ScanOptions.Format.csv, .jsonLines, .none] {
                let alone = try scan(engine, 1) { $0.format = format }
                #expect(alone.rows == 12_000 && alone.failure == nil)
                for threads in [2, 3] {
                    let together = try scan(engine, threads) { $0.format = format }
                    #expect(together == alone, "\(format), \(threads) threads")
                }
            }
        }
    }

    @Test(arguments: IOMethodMatrix.real, [DamagePolicy.stop, .skip])
    func loseTheSame(_ method: TestedMethod, _ policy: DamagePolicy) throws {
        try withEngine(method) { try load($0) }
        for (file, offset) in [("16384.1", 20 * 8192 + 3000), ("16384.2", 5000), ("16384.2", 9000)]
        {
            let path = "\(directory.path)/store/base/1/\(file)"
            var bytes = try readFile(path)
            bytes[offset] ^= 1
            try writeFile(path, bytes)
        }
        try withEngine(method) { engine in
            let alone = try scan(engine, 1) { $0.onDamage = policy }
            #expect(alone.losses.count == (policy == .skip ? 4 : 0))
            #expect((alone.failure == nil) == (policy == .skip))
            for _ in 0..<3 {
                let together = try scan(engine, 3) { $0.onDamage = policy }
                #expect(together == alone)
            }
        }
    }

    /// The threads wait for the reader, and end with it.
    @Test(arguments: IOMethodMatrix.real)
    func waitForASlowReader(_ method: TestedMethod) throws {
        try withEngine(method) { engine in
            try load(engine)
            signal(SIGPIPE, SIG_IGN)
            let expected = try scan(engine, 1).bytes
            for isRead in [true, false] {
                var ends: [CInt] = [0, 0]
                #expect(pipe(&ends) == 0)
                let (input, output) = (ends[0], ends[1])
                let reader = OSThread.start {
                    var bytes: [UInt8] = []
                    var piece = [UInt8](repeating: 0, count: isRead ? 1 << 16 : 100)
                    while true {
                        let count = read(input, &piece, piece.count)
                        if count <= 0 { break }
                        bytes += piece.prefix(count)
                        if !isRead { break }
                    }
                    close(input)
                    if isRead { #expect(bytes == expected) }
                }
                var options = ScanOptions()
                options.threadCount = 3
                do {
                    try RelationLoader.scan(
                        engine.relation(named: "t"),
                        to: DescriptorOutput(descriptor: output, name: "a pipe"), options: options)
                    #expect(isRead)
                } catch { #expect(!isRead && "\(error)".contains("pipe"), "\(error)") }
                close(output)
                reader?.join()
            }
        }
    }

    @Test(arguments: IOMethodMatrix.real)
    func endWhenCancelled(_ method: TestedMethod) throws {
        try withEngine(method) { engine in
            try load(engine)
            let cancelled = try scan(engine, 3) { $0.cancellation.cancel() }
            #expect(cancelled.failure == "cancelled")
            // All sessions were given back.
            let sessions = try (0..<8).map { _ in try engine.makeSession() }
            for session in sessions { session.close() }
        }
    }

    @Test("Without room for more sessions, fewer threads do all of it", arguments: [7, 8])
    func fewSessions(_ taken: Int) throws {
        try withEngine(TestedMethod(.synchronous)) { engine in
            try load(engine)
            let expected = try scan(engine, 1)
            let sessions = try (0..<taken - 1).map { _ in try engine.makeSession() }
            #expect(try scan(engine, 3) == expected)
            for session in sessions { session.close() }
        }
    }
}
