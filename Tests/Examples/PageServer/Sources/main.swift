// A small server over Strata on SwiftNIO, and a load test of it on loopback.
//
//     swift run -c release --package-path Tests/Examples/PageServer \
//         --scratch-path .build/page-server page-server [ROWS] [CLIENTS] [REQUESTS]
//
// One event loop does everything: the sockets, and the IO of the store, whose descriptor it
// watches. The tasks of the connections run on Swift's pool, none of whose threads is ever blocked.

import Foundation
import NIOCore
import NIOPosix
import Strata

let numbers = CommandLine.arguments.dropFirst().map { Int($0) ?? 0 }
let rowCount = Int64(numbers.first ?? 1_000_000)
let clients = numbers.count > 1 ? numbers[1] : 64
let requests = numbers.count > 2 ? numbers[2] : 500
precondition(rowCount > 0 && clients > 0 && requests > 0, "the numbers are positive")

let directory = FileManager.default.temporaryDirectory
    .appending(path: "strata-page-server-\(ProcessInfo.processInfo.processIdentifier)").path
defer { try? FileManager.default.removeItem(atPath: directory) }

// Blocking work is done before the server starts. The pool is smaller than the relation, so that a
// good part of the requests reads from the disk.
var options = EngineOptions()
options.poolBytes = 16 << 20
let engine = try Engine.open(directory, options: options)
do {
    let session = try engine.makeSession()
    defer { session.close() }
    try RowStore.fill(engine, rowCount, session: session)
}
let relation = try engine.relation(named: "rows")
let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let session = try engine.makeAsyncSession(.polling)
let watcher = try await SessionWatcher.watch(session, on: loops.any())
let rows = RowStore(relation: relation, session: session)
let server = try await PageServer.bind(rows, on: loops)
let serving = Task { try await server.run() }
let blockedBefore = engine.system.statistics.blockingCallsInTasks

let clientLoops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
let test = LoadTest(
    port: server.port, rowCount: rowCount, clients: clients, requests: requests)
let outcome = try await test.run(on: clientLoops)

let seconds = outcome.elapsed / .seconds(1)
let rate = Int(Double(outcome.latencies.count) / seconds)
print("\(relation.blockCount) blocks, \(engine.ioMethodName), \(clients) connections")
print("\(outcome.latencies.count) requests in \(seconds) s: \(rate) a second")
print("latency: p50 \(outcome.percentile(0.5)), p99 \(outcome.percentile(0.99))")
print("reads: \(engine.buffers.statistics.readOperations), wrong answers: \(outcome.wrong)")
let blocked = engine.system.statistics.blockingCallsInTasks - blockedBefore
print("calls that blocked a task's thread: \(blocked)")

serving.cancel()
_ = try? await serving.value
await session.close()
try await watcher.close()
try await clientLoops.shutdownGracefully()
try await loops.shutdownGracefully()
try engine.close()
if outcome.wrong > 0 || blocked > 0 { exit(1) }
