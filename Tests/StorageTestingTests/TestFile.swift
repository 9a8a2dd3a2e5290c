import AsyncIO
import StorageTesting
import Testing
import Threads

/// A plain file as the target of IO, without any layer of the stack.
final class TestFile: IOTarget {
    static let blockSize = 8192
    let descriptor: CInt

    var name: String { "test file" }
    var canReopen: Bool { true }
    func describe(_ data: IOTargetData) -> String { "block \(data.word0)" }

    /// Makes a file of that many blocks, each filled with its number plus one.
    init(in directory: String, blocks: Int) {
        descriptor = unsafe open("\(directory)/file", O_RDWR | O_CREAT | O_EXCL, 0o600)
        precondition(descriptor >= 0)
        for block in 0..<blocks {
            let bytes = [UInt8](repeating: Self.byte(block), count: Self.blockSize)
            let written = unsafe pwrite(
                descriptor, bytes, bytes.count, off_t(block * Self.blockSize))
            precondition(written == bytes.count)
        }
    }

    deinit { close(descriptor) }

    static func byte(_ block: Int) -> UInt8 { UInt8(truncatingIfNeeded: block + 1) }
}

/// One IO on a ``TestFile``: its memory and its result.
@safe
final class TestIO {
    let memory: UnsafeMutableRawBufferPointer
    let outcome = IOReturn()
    private(set) var reference = WaitReference()

    init(blocks: Int) {
        unsafe memory = .allocate(byteCount: blocks * TestFile.blockSize, alignment: 4096)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { unsafe memory.deallocate() }

    /// The first byte of each block.
    var contents: [UInt8] {
        unsafe stride(from: 0, to: memory.count, by: TestFile.blockSize).map { unsafe memory[$0] }
    }

    func fill(_ byte: UInt8) { unsafe memory.initializeMemory(as: UInt8.self, repeating: byte) }

    func start(
        _ operation: IOOperation, _ file: TestFile, target: IOTargetID, block: Int = 0,
        session: Session
    ) throws {
        let handle = try session.acquireHandle(reporting: outcome)
        reference = handle.waitReference
        try handle.setTarget(target, data: IOTargetData(UInt64(block)))
        let offset = Int64(block * TestFile.blockSize)
        // In two pieces that do not touch if there is room, so that cuts affect several vectors.
        let half = unsafe memory.count / 2
        if operation == .read || operation == .write {
            unsafe try handle.appendVector(.init(rebasing: memory[0..<half]))
            unsafe try handle.appendVector(.init(rebasing: memory[half...]))
        }
        switch operation {
        case .write: handle.startWrite(to: IODescriptor(file.descriptor), at: offset)
        case .sync: handle.startSync(of: IODescriptor(file.descriptor))
        default: handle.startRead(from: IODescriptor(file.descriptor), at: offset)
        }
    }
}

/// A system with a simulated method, a session and a file of 64 blocks.
final class Bench {
    let directory = TemporaryDirectory()
    let system: IOSystem
    let method: SimulatedMethod
    let session: Session
    let file: TestFile
    let target: IOTargetID
    /// All IOs, so that their memory lives as long as the session.
    private var started: [TestIO] = []

    init(seed: UInt64 = IOMethodMatrix.seed, _ faults: SimulatedFaults = .init()) throws {
        var configuration = IOConfiguration()
        configuration.method = SimulatedMethod.choice(seed: seed, faults: faults)
        configuration.concurrency = .fixed(64)
        system = try IOSystem(configuration: configuration)
        method = try #require(SimulatedMethod.of(system))
        session = try system.makeSession()
        file = TestFile(in: directory.path, blocks: 64)
        target = try system.register(target: file)
    }

    func start(
        _ operation: IOOperation = .read, block: Int = 0, blocks: Int = 1, fill: UInt8? = nil
    ) throws -> TestIO {
        let io = TestIO(blocks: blocks)
        if let fill { io.fill(fill) }
        started.append(io)
        try io.start(operation, file, target: target, block: block, session: session)
        return io
    }

    func finish(_ io: TestIO) throws -> IOResult {
        try session.wait(for: io.reference)
        return io.outcome.result
    }

    deinit {
        session.close()
        system.shutdown()
    }
}

extension SimulatedFaults {
    /// The same faults with another completion.
    func completed(by completion: SimulatedCompletion) -> SimulatedFaults {
        var faults = self
        faults.completion = completion
        return faults
    }
}

let completions: [SimulatedCompletion] = [.thread, .waiters, .both]
