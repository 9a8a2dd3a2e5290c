import AsyncIO
import Logging
import StorageTesting
import Synchronization
import Testing
import Threads

/// The kit's smaller parts.
@Suite struct KitTests {
    struct Failure: Error, Equatable { let index: Int }

    @Test func theGeneratorIsTheKnownOne() {
        // The first numbers of SplitMix64 from seed 1234567, as its author publishes them.
        var random = SplitMix64(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        var (first, second) = (SplitMix64(seed: 1, stream: 1), SplitMix64(seed: 1, stream: 2))
        #expect(first.next() != second.next())
    }

    @Test func chancesAndBounds() {
        var random = SplitMix64(seed: 5)
        #expect(Set((0..<500).map { _ in random.below(7) }) == Set(0..<7))
        #expect((0..<100).allSatisfy { _ in random.chance(1) && !random.chance(0) })
        let often = (0..<1000).count { _ in random.chance(0.3) }
        #expect((200...400).contains(often))
    }

    /// Each thread continues only when all have arrived, so all must run at the same time.
    @Test func threadsRunAtOnceAndReturnInOrder() throws {
        let meeting = Meeting()
        let results = try TestThreads.run(5) { index in
            meeting.arrive()
            try TestThreads.waitOrFail("all have come") { meeting.count == 5 }
            return index * 10
        }
        #expect(results == [0, 10, 20, 30, 40])
    }

    final class Meeting: Sendable {
        private let arrived = Atomic<Int>(0)
        var count: Int { arrived.load(ordering: .acquiring) }
        func arrive() { arrived.add(1, ordering: .acquiringAndReleasing) }
    }

    @Test func threadsThrowTheFirstError() {
        #expect(throws: Failure(index: 1)) {
            try TestThreads.run(4) { index in
                if index >= 1 { throw Failure(index: index) }
            }
        }
    }

    @Test func hangingThreadsAreReported() throws {
        let released = SharedFlag()
        let error = #expect(throws: WatchdogError.self) {
            try TestThreads.run(2, seconds: 0.2) { index in
                while index == 1, !released.isSet { usleep(1000) }
            }
        }
        released.set()
        #expect(error?.description.contains("[1] of 2") == true)
    }

    @Test func waitingForWhatNeverHappensFails() {
        let error = #expect(throws: WatchdogError.self) {
            try TestThreads.waitOrFail("the moon", seconds: 0.01) { false }
        }
        #expect(error?.description.contains("the moon") == true)
    }

    @Test func directoriesAreRemovedWithAllInThem() throws {
        var path = ""
        TemporaryDirectory.with { directory in
            path = directory
            unsafe mkdir("\(path)/inner", 0o700)
            unsafe symlink("/", "\(path)/inner/link")
            let file = unsafe open("\(path)/inner/file", O_WRONLY | O_CREAT, 0o400)
            #expect(file >= 0)
            close(file)
            unsafe chmod("\(path)/inner", 0o500)
        }
        #expect(unsafe access(path, F_OK) == -1)
        #expect(unsafe access("/tmp", F_OK) == 0)
        #expect(TemporaryDirectory().path != TemporaryDirectory().path)
    }

    @Test func logsAreRecorded() throws {
        let log = RecordingLog()
        var logger = log.logger(label: "here")
        logger[metadataKey: "session"] = "3"
        logger.warning("leaked AIO handle", metadata: ["handle": "7"])
        log.logger(level: .error).info("not this")
        try #require(log.entries.count == 1)
        let entry = log.entries[0]
        #expect(entry.message == "leaked AIO handle" && entry.level == .warning)
        #expect(entry.metadata == ["session": "3", "handle": "7"] && entry.label == "here")
        #expect(log.contains("leaked") && log.count(containing: "nothing") == 0)
        log.removeAll()
        #expect(log.messages.isEmpty)
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func everyMethodOfTheMatrixStarts(method: TestedMethod) throws {
        let system = try method.makeSystem()
        #expect(system.method.name == method.choice.name)
        #expect(system.shutdown())
    }

    @Test func theMatrixSaysWhatItRuns() {
        let names = IOMethodMatrix.all.map(\.description)
        #expect(names.starts(with: ["sync", "worker"]))
        #expect(names.contains("io_uring") == (IOMethodChoice.uringUnavailability() == nil))
        #expect(names.contains("simulated(seed: \(IOMethodMatrix.seed))"))
    }
}
