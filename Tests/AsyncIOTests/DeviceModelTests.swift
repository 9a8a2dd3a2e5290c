import AsyncIO
import StorageTesting
import Testing

/// IO under a device model has the same results as without it, no sooner than that device could
/// give them.
@Suite struct DeviceModelTests {
    @Test(arguments: IOMethodMatrix.real)
    func everyIOTakesTheLatencyAndASlot(method: TestedMethod) throws {
        var configuration = method.configuration(sessions: 2)
        configuration.concurrency = .fixed(16)
        configuration.deviceModel = DeviceModel(latencyNanoseconds: 3_000_000, parallelism: 4)
        let system = try IOSystem(configuration: configuration)
        let file = try TestFile(system)
        let session = try system.makeSession()
        var memories: [IOMemory] = []
        var references: [WaitReference] = []
        let clock = ContinuousClock()
        let start = clock.now
        for number in 0..<12 {
            memories.append(IOMemory(512))
            references.append(try session.read(file, into: memories[number], at: number * 512))
        }
        for reference in references { try session.wait(for: reference) }
        // Twelve IOs in four slots are three one after the other, if not twelve.
        #expect(clock.now - start >= .milliseconds(9))
        for (number, memory) in memories.enumerated() {
            #expect(memory.holds(from: number * 512, count: 512))
        }
        session.close()
    }

    @Test(arguments: IOMethodMatrix.real)
    func allIOTogetherMovesNoMoreThanTheDeviceCan(method: TestedMethod) throws {
        var configuration = method.configuration(sessions: 2)
        configuration.concurrency = .fixed(16)
        configuration.deviceModel = DeviceModel(
            latencyNanoseconds: 1000, parallelism: 64, bytesPerSecond: 1_000_000)
        let system = try IOSystem(configuration: configuration)
        let file = try TestFile(system)
        let session = try system.makeSession()
        let memories = (0..<12).map { _ in IOMemory(512) }
        var references: [WaitReference] = []
        let clock = ContinuousClock()
        let start = clock.now
        for number in 0..<12 {
            references.append(try session.read(file, into: memories[number], at: number * 512))
        }
        for reference in references { try session.wait(for: reference) }
        #expect(clock.now - start >= .microseconds(6144))
        for (number, memory) in memories.enumerated() {
            #expect(memory.holds(from: number * 512, count: 512))
        }
        session.close()
    }

    @Test(arguments: [(0 as UInt64, 0), (1000, -1), (61_000_000_000, 4), (1, 65537)])
    func impossibleDevicesAreRefused(latency: UInt64, parallelism: Int) {
        var configuration = IOConfiguration()
        configuration.deviceModel = DeviceModel(
            latencyNanoseconds: latency, parallelism: parallelism)
        expectError(.invalidConfiguration) { _ = try IOSystem(configuration: configuration) }
    }
}
