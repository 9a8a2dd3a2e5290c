import AsyncIO
import Foundation
import StorageTesting
import Testing

/// A process that writes a store in a cluster is lost at any moment, repeatedly, and another one
/// takes the store over.
///
/// `STRATA_RADOS_KILLS` sets how often. The seed determines what the processes do and when they are
/// lost, but not which of their steps that hits.
@Suite(
    "A cluster store's writer is killed or paused", .serialized,
    .enabled(if: ClusterWriter.isThere, ClusterWriter.reason))
struct ClusterKillTests {
    static let kills =
        ProcessInfo.processInfo.environment["STRATA_RADOS_KILLS"].flatMap { Int($0) } ?? 12

    /// A writer that was paused, and what it had done until then.
    private struct Paused {
        let writer: ClusterWriter
        let done: Int
    }

    @Test("the next one has what was acknowledged", arguments: IOMethodMatrix.real)
    func losses(method: TestedMethod) throws {
        let store = ClusterWriter.newStore()
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 4)
        var model = StoreModel()
        var paused: [Paused] = []
        var fenced = 0
        let rounds = max(1, Self.kills / IOMethodMatrix.real.count)
        for round in 0...rounds {
            let context: Comment = "seed \(IOMethodMatrix.seed), round \(round)"
            let seed = IOMethodMatrix.seed % 1000 * 100 + UInt64(round)
            let writer = try ClusterWriter(store, method, seed: seed)
            // Sometimes it is lost while it takes over; otherwise after part of its work.
            let isHasty = round < rounds && random.below(6) == 0
            if !isHasty {
                try writer.wait(for: 0)
                #expect(writer.found != nil, "it did not open: \(writer.failure ?? ""), \(context)")
                // Those that had not opened the store find it taken. Others come back now or later.
                fenced += try checkAreShutOut(&paused, context) { $0.writer.found == nil }
                if random.below(2) == 0 { for one in paused { one.writer.resume() } }
                try writer.wait(for: 1 + random.below([10, 100, 400][random.below(3)]))
            }
            usleep(UInt32(random.below(isHasty ? 900_000 : 20_000)))
            #expect(writer.isRunning, "it ended by itself: \(writer.failure ?? ""), \(context)")
            let isPaused = random.below(2) == 0
            if isPaused { writer.pause() } else { try writer.kill() }
            let done = writer.done
            if let found = writer.found {
                let (relations, findings) = KillTests.parse(found)
                let faults = model.settle(relations) + findings
                #expect(faults.isEmpty, context)
                for line in done {
                    let isKnown = model.note(line)
                    #expect(isKnown, "\(line), \(context)")
                }
                fenced += try checkAreShutOut(&paused, context) { $0.writer.found != nil }
            }
            if isPaused { paused.append(Paused(writer: writer, done: done.count)) }
        }
        print(
            "\(method): \(rounds) writers lost, \(fenced) fenced,"
                + " \(model.acknowledged) changes acknowledged")
    }

    /// Resumes some of the paused writers. Returns how many of them were fenced.
    private func checkAreShutOut(
        _ paused: inout [Paused], _ context: Comment, _ isMeant: (Paused) -> Bool
    ) throws -> Int {
        let chosen = paused.filter(isMeant)
        paused.removeAll(where: isMeant)
        return try chosen.count { try checkIsShutOut($0, context) }
    }

    /// A paused writer, resumed after its successor has taken over, changes nothing any more.
    ///
    /// - Returns: whether it was fenced, rather than kept out while it was still opening the store.
    private func checkIsShutOut(_ one: Paused, _ context: Comment) throws -> Bool {
        one.writer.resume()
        try one.writer.end()
        let failure = one.writer.failure ?? "none"
        let isFenced = failure.hasPrefix("fenced: ")
        #expect(isFenced || failure.hasPrefix("inUse: "), "it ended by \(failure), \(context)")
        // What it had begun may have been done before. Pages change in memory only.
        let later = one.writer.done.dropFirst(one.done).drop { $0 == "ok" }
        var begun: Substring = ""
        for line in later {
            let isDurable = ["load ", "append ", "extend ", "drop "].contains {
                begun.hasPrefix($0)
            }
            #expect(line != "ok" || !isDurable, "\(begun) was acknowledged, \(context)")
            begun = line
        }
        return isFenced
    }
}
