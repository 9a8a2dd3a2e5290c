import AsyncIO
import Foundation
import Logging
import StorageTesting
import Synchronization
import Testing
import Threads

/// A file with known contents, and a target for IO on it.
final class TestFile: @unchecked Sendable {
    let descriptor: CInt
    let target: IOTargetID
    let path: String

    init(_ system: IOSystem, bytes: Int = 65536, target: any IOTarget = PlainTarget()) throws {
        var template = Array("/tmp/strata-aio-XXXXXX".utf8CString)
        descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        unlink(path)
        self.target = try system.register(target: target)
        let contents = (0..<bytes).map { TestFile.byte(at: $0) }
        try #require(pwrite(descriptor, contents, bytes, 0) == bytes)
    }

    deinit { close(descriptor) }

    static func byte(at offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: offset &* 31 &+ offset >> 8)
    }
}

/// A target whose descriptors work on any thread.
final class PlainTarget: IOTarget {
    var name: String { "plain" }
    var canReopen: Bool { true }
    func describe(_ data: IOTargetData) -> String { "word \(data.word0)" }
}

/// Memory for IO that outlives every wait.
final class IOMemory: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ count: Int) {
        bytes = .allocate(byteCount: count, alignment: 4096)
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { bytes.deallocate() }

    func holds(from offset: Int, count: Int) -> Bool {
        (0..<count).allSatisfy { bytes[$0] == TestFile.byte(at: offset + $0) }
    }
}

extension Session {
    /// Starts a read of the whole memory; the caller waits.
    func read(
        _ file: TestFile, into memory: IOMemory, at offset: Int, owner: ResourceOwner? = nil,
        reporting report: IOReturn? = nil, callbacks: [IOCallbackID] = [], flags: IOFlags = []
    ) throws -> WaitReference {
        let handle = try acquireHandle(owner: owner, reporting: report)
        let reference = handle.waitReference
        try handle.setTarget(file.target, data: IOTargetData(UInt64(offset)))
        handle.setFlags(flags)
        for id in callbacks { try handle.registerCallbacks(id) }
        try handle.appendVector(memory.bytes)
        handle.startRead(from: IODescriptor(file.descriptor), at: Int64(offset))
        return reference
    }
}

/// Makes a core for one test.
func makeSystem(
    _ method: IOMethodChoice, log: RecordingLog? = nil,
    _ change: (inout IOConfiguration) -> Void = { _ in }
) throws -> IOSystem {
    var configuration = IOConfiguration()
    configuration.method = method
    configuration.maximumSessions = 8
    configuration.concurrency = .fixed(8)
    if let log { configuration.logger = log.logger() }
    change(&configuration)
    return try IOSystem(configuration: configuration)
}

/// Whether `body` throws a ``StorageError`` of that code.
func expectError(
    _ code: StorageError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    let error = #expect(throws: StorageError.self, sourceLocation: sourceLocation) { try body() }
    #expect(error?.code == code, sourceLocation: sourceLocation)
}

/// Threads that run beside the test until they are joined.
struct StartedThreads {
    private final class Outcome: Sendable {
        let ended = Atomic<Bool>(false)
        let error = Lock<(any Error)?>(nil, rank: .observer)
    }

    private let outcome = Outcome()

    init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let outcome = outcome
        Thread.detachNewThread {
            do { _ = try TestThreads.run(count, body) } catch {
                outcome.error.withLock { $0 = error }
            }
            outcome.ended.store(true, ordering: .releasing)
        }
    }

    func join() throws {
        try TestThreads.waitOrFail("the threads end") { outcome.ended.load(ordering: .acquiring) }
        if let error = outcome.error.withLock({ $0 }) { throw error }
    }
}
