import AsyncIO
import FileAccess
import StorageTesting
import Synchronization
import Testing
import Threads

/// A target for IO that names nothing, and callbacks that keep the flags they saw.
final class TestTarget: IOTarget, IOCallbacks {
    let flags = Atomic<UInt8>(0)
    var name: String { "test" }
    var canReopen: Bool { true }
    var phases: IOCallbackPhases { .stage }
    func describe(_ data: IOTargetData) -> String { "" }
    func stage(_ io: borrowing IOView, registration: IOCallbackRegistration) {
        flags.store(io.flags.rawValue, ordering: .relaxed)
    }
}

/// An IO system with a session on it and a target for its IO.
struct Core {
    let system: IOSystem
    let session: Session
    let target = TestTarget()
    let targetID: IOTargetID
    let callbackID: IOCallbackID

    init(_ method: TestedMethod) throws {
        system = try method.makeSystem()
        session = try system.makeSession()
        targetID = try system.register(target: target)
        callbackID = try system.register(callbacks: target)
    }

    func start(
        _ direction: Direction, _ memory: UnsafeMutableRawBufferPointer, _ file: VirtualFile,
        at offset: Int64 = 0
    ) throws(StorageError) -> (report: IOReturn, reference: WaitReference) {
        let report = IOReturn()
        let handle = try session.acquireHandle(reporting: report)
        try handle.setTarget(targetID, data: IOTargetData())
        try handle.registerCallbacks(callbackID)
        try unsafe handle.appendVector(memory)
        let reference = handle.waitReference
        switch direction {
        case .read: try file.startRead(handle, at: offset)
        case .write: try file.startWrite(handle, at: offset)
        }
        return (report, reference)
    }

    enum Direction {
        case read, write
    }
}

@Suite struct StartTests {
    @Test(arguments: IOMethodMatrix.all)
    func manyFilesInFlightWithFewDescriptors(method: TestedMethod) throws {
        let fixture = try Fixture(limit: 4)
        let core = try Core(method)
        let files = try (0..<60).map { try fixture.files.open("f\($0)", .create) }
        let source = PageMemory(count: files.count * 8192)
        for number in files.indices {
            unsafe source[number * 8192..<(number + 1) * 8192].initializeMemory(
                as: UInt8.self, repeating: UInt8(number + 1))
        }
        let target = PageMemory(count: files.count * 8192)
        for direction in [Core.Direction.write, .read] {
            let memory = direction == .write ? source : target
            let started = try files.indices.map { number in
                try unsafe core.start(
                    direction, memory[number * 8192..<(number + 1) * 8192], files[number],
                    at: 8192)
            }
            for one in started {
                try core.session.wait(for: one.reference)
                try core.system.check(one.report)
                #expect(one.report.result.value == 8192)
            }
        }
        #expect(target.array == source.array)
        for file in files { #expect(try file.size() == 16384) }
        // Descriptors opened beyond the limit, while all were lent, are closed by now.
        _ = try fixture.files.list()
        #expect(fixture.files.statistics.kernelDescriptors <= 4)
        for file in files { file.close(core.session) }
        #expect(fixture.faults.openCount == 0)
    }

    @Test(arguments: IOMethodMatrix.all)
    func shortReadIsAResult(method: TestedMethod) throws {
        let fixture = try Fixture()
        let core = try Core(method)
        let file = try fixture.files.open("f", .create)
        try file.writeText("0123456789")
        let memory = PageMemory(count: 8192)
        for (offset, expected) in [(0, 10), (4, 6), (10, 0), (8192, 0)] {
            let one = try unsafe core.start(.read, memory.bytes, file, at: Int64(offset))
            try core.session.wait(for: one.reference)
            #expect(one.report.result.status == .ok)
            #expect(one.report.result.value == expected)
        }
        let flags = IOFlags(rawValue: core.target.flags.load(ordering: .relaxed))
        #expect(flags.contains(.buffered))
    }

    @Test(arguments: IOMethodMatrix.all)
    func failedStartReleasesTheHandle(method: TestedMethod) throws {
        let fixture = try Fixture(limit: 1)
        let core = try Core(method)
        let files = try fixture.makeNamedFiles(2)
        fixture.outside.remove("f0")
        let memory = PageMemory(count: 8192)
        for direction in [Core.Direction.read, .write] {
            let error = failure { () throws(StorageError) in
                _ = try unsafe core.start(direction, memory.bytes, files[0])
            }
            #expect(error?.code == .fileMissing)
            // A handle still handed out would make this throw.
            try core.session.acquireHandle().release()
        }
        let one = try unsafe core.start(.read, memory.bytes, files[1])
        try core.session.wait(for: one.reference)
        #expect(one.report.result.value == 2)
    }

    @Test(arguments: IOMethodMatrix.all)
    func closingSubmitsWhatIsStaged(method: TestedMethod) throws {
        let fixture = try Fixture()
        let core = try Core(method)
        let file = try fixture.files.open("f", .create)
        let memory = PageMemory(count: 8192, filledWith: 7)
        let started = try core.session.withBatch { () throws(StorageError) in
            let first = try unsafe core.start(.write, memory.bytes, file)
            let second = try unsafe core.start(.write, memory.bytes, file, at: 8192)
            file.close(core.session)
            return [first, second]
        }
        for one in started {
            try core.session.wait(for: one.reference)
            #expect(one.report.result.value == 8192)
        }
        #expect(fixture.faults.openCount == 0)
        #expect(try fixture.files.open("f").size() == 16384)
    }

    @Test(arguments: IOMethodMatrix.all)
    func droppedFileLivesAsLongAsItsIO(method: TestedMethod) throws {
        let fixture = try Fixture(limit: 1)
        let core = try Core(method)
        let memory = PageMemory(count: 8192, filledWith: 7)
        for round in 0..<20 {
            let one = try unsafe core.start(
                .write, memory.bytes, try fixture.files.open("f", .create),
                at: Int64(round) * 8192)
            _ = try fixture.files.open("other", .create)
            try core.session.wait(for: one.reference)
            #expect(one.report.result.value == 8192)
        }
        #expect(fixture.faults.openCount == 0)
        #expect(try fixture.files.open("f").size() == 20 * 8192)
    }

    @Test func heldIOKeepsItsDescriptorThroughEvictionAndDrop() throws {
        let fixture = try Fixture(limit: 1)
        let core = try Core(IOMethodMatrix.simulated)
        let method = try #require(SimulatedMethod.of(core.system))
        let hold = method.hold()
        let memory = PageMemory(count: 8192, filledWith: 7)
        let one = try unsafe core.start(.write, memory.bytes, fixture.files.open("f", .create))
        for file in try fixture.makeNamedFiles(5) { _ = try file.readText(2) }
        #expect(fixture.faults.with { $0.openDescriptors.values.contains("f") })
        hold.release()
        try core.session.wait(for: one.reference)
        #expect(one.report.result.value == 8192)
        #expect(fixture.faults.openCount == 0)
    }
}

/// Whether the file system of the temporary directory has direct IO: tmpfs has none.
private let hasDirectIO: Bool = {
    guard let fixture = try? Fixture(usesDirectIO: true) else { return false }
    return failure { () throws(StorageError) in _ = try fixture.files.open("f", .create) }?.code
        != .directIOUnsupported
}()

@Suite struct DirectIOTests {
    static let needsDirectIO: ConditionTrait = .enabled(
        if: hasDirectIO, "the temporary directory's file system has no direct IO")

    @Test(needsDirectIO, arguments: IOMethodMatrix.all)
    func alignedTransfers(method: TestedMethod) throws {
        let fixture = try Fixture(usesDirectIO: true)
        let core = try Core(method)
        let file = try fixture.files.open("f", .create)
        #expect(file.usesDirectIO)
        let source = PageMemory(count: 16384, filledWith: 9)
        let target = PageMemory(count: 16384)
        let write = try unsafe core.start(.write, source.bytes, file, at: 4096)
        try core.session.wait(for: write.reference)
        #expect(write.report.result.value == 16384)
        let read = try unsafe core.start(.read, target.bytes, file, at: 4096)
        try core.session.wait(for: read.reference)
        #expect(read.report.result.value == 16384)
        #expect(target.array == source.array)
        let flags = IOFlags(rawValue: core.target.flags.load(ordering: .relaxed))
        #expect(!flags.contains(.buffered))
        #expect(try unsafe file.write(source.bytes[..<4096].asRaw, at: 0) == 4096)
        #expect(try unsafe file.read(into: target.bytes, at: 0) == 16384)
        try file.prefetch(at: 0, count: 8192)
        try file.writeback(at: 0, count: 8192)
        try file.sync()
    }

    @Test(needsDirectIO, arguments: IOMethodMatrix.all)
    func misalignedTransfersAreNamed(method: TestedMethod) throws {
        let fixture = try Fixture(usesDirectIO: true)
        let core = try Core(method)
        let file = try fixture.files.open("f", .create)
        let memory = PageMemory(count: 16384)
        let cases: [(Range<Int>, Int64, String)] = [
            (0..<8192, 100, "offset 100"), (0..<5000, 0, "length 5000 of vector 0"),
            (512..<4608, 0, "of vector 0"),
        ]
        for (range, offset, text) in cases {
            let errors = [
                failure { () throws(StorageError) in
                    _ = try unsafe core.start(.read, memory[range], file, at: offset)
                },
                failure { () throws(StorageError) in
                    _ = try unsafe core.start(.write, memory[range], file, at: offset)
                },
                failure { () throws(StorageError) in
                    _ = try unsafe file.read(into: memory[range], at: offset)
                },
            ]
            for error in errors {
                #expect(error?.code == .misalignedIO)
                #expect(error?.message.contains(text) == true)
                #expect(error?.location.path == "f")
            }
            try core.session.acquireHandle().release()
        }
        let extend = failure { () throws(StorageError) in
            try file.zeroExtend(from: 0, count: 100)
        }
        #expect(extend?.code == .misalignedIO)
        let buffered = try fixture.files.open("g", [.create, .buffered])
        #expect(!buffered.usesDirectIO)
        try buffered.writeText("abc", at: 1)
    }

    @Test(needsDirectIO, arguments: [ZeroExtension.fallocate, .writeZeroes])
    func zeroExtension(way: ZeroExtension) throws {
        let fixture = try Fixture(zeroExtension: way, usesDirectIO: true)
        let file = try fixture.files.open("f", .create)
        try file.zeroExtend(from: 4096, count: 3 << 20)
        #expect(try file.size() == 4096 + 3 << 20)
        let target = PageMemory(count: 8192, filledWith: 1)
        #expect(try unsafe file.read(into: target.bytes, at: 3 << 20 - 4096) == 8192)
        #expect(target.array.allSatisfy { $0 == 0 })
    }

    @Test func refusedByTheFileSystem() throws {
        let fixture = try Fixture(usesDirectIO: true)
        fixture.faults.with { $0.faults[.open] = [EINVAL] }
        let error = failure { () throws(StorageError) in
            _ = try fixture.files.open("f", .create)
        }
        #expect(error?.code == .directIOUnsupported)
        #expect(error?.remedy?.contains("direct IO off") == true)
    }
}

extension Slice<UnsafeMutableRawBufferPointer> {
    var asRaw: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: self))
    }
}
