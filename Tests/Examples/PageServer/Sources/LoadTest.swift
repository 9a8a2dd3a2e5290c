import NIOCore
import NIOPosix

/// Clients on loopback that request random rows, check the answers, and measure the time.
struct LoadTest {
    let port: Int
    let rowCount: Int64
    let clients: Int
    let requests: Int

    struct Outcome {
        var elapsed: Duration
        /// The time of each request, in ascending order.
        var latencies: [Duration]
        var wrong: Int

        func percentile(_ part: Double) -> Duration {
            latencies[min(latencies.count - 1, Int(Double(latencies.count) * part))]
        }
    }

    func run(on group: any EventLoopGroup) async throws -> Outcome {
        let start = ContinuousClock.now
        return try await withThrowingTaskGroup(of: (latencies: [Duration], wrong: Int).self) {
            tasks in
            for client in 0..<clients {
                tasks.addTask { try await ask(UInt64(client), on: group) }
            }
            var outcome = Outcome(elapsed: .zero, latencies: [], wrong: 0)
            while let one = try await tasks.next() {
                outcome.latencies += one.latencies
                outcome.wrong += one.wrong
            }
            outcome.elapsed = ContinuousClock.now - start
            outcome.latencies.sort()
            return outcome
        }
    }

    private func ask(_ client: UInt64, on group: any EventLoopGroup) async throws
        -> (latencies: [Duration], wrong: Int)
    {
        let port = port
        let channel = try await ClientBootstrap(group: group)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try PageServer.Connection(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var answers = inbound.makeAsyncIterator()
            var lines = LineReader()
            var latencies: [Duration] = []
            var wrong = 0
            var random = client &* 0x9E37_79B9_7F4A_7C15 | 1
            for _ in 0..<requests {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let key = Int64(random >> 33) % rowCount
                let begin = ContinuousClock.now
                try await outbound.write(ByteBuffer(string: "row \(key)\n"))
                var answer = lines.next()
                while answer == nil, let bytes = try await answers.next() {
                    lines.append(bytes)
                    answer = lines.next()
                }
                latencies.append(ContinuousClock.now - begin)
                if answer != RowStore.name(of: key) { wrong += 1 }
            }
            return (latencies, wrong)
        }
    }
}
