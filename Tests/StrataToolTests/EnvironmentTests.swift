import FileAccess
import StorageTesting
import Strata
import Testing
import Threads

@testable import StrataTool

/// The kernel's file system, in which writing can fail.
private final class FailingFileSystem: ForwardingFileSystem {
    let underlying = KernelFileSystem()
    let isFull = Lock(false, rank: .observer)

    private var refusal: CInt? { isFull.withLock { $0 } ? -ENOSPC : nil }

    @unsafe
    func write(_ descriptor: CInt, _ vectors: UnsafeBufferPointer<iovec>, at offset: Int64) -> Int {
        if let refusal { return Int(refusal) }
        return unsafe underlying.write(descriptor, vectors, at: offset)
    }

    func allocate(_ descriptor: CInt, at offset: Int64, count: Int64) -> CInt {
        refusal ?? underlying.allocate(descriptor, at: offset, count: count)
    }
}

/// The tool's commands in the process of the test.
@Suite("Commands within a process") struct EnvironmentTests {
    private let directory = TemporaryDirectory()
    private let fileSystem = FailingFileSystem()

    private func run(_ arguments: String...) throws -> (code: CInt, output: String, errors: String)
    {
        let paths = ["out", "err"].map { "\(directory.path)/\($0)" }
        let descriptors = paths.map { unsafe open($0, O_RDWR | O_CREAT | O_TRUNC, 0o600) }
        defer { for descriptor in descriptors { close(descriptor) } }
        let environment = ToolEnvironment(
            standardOutput: ToolOutput(descriptors[0], name: "standard output"),
            standardError: ToolOutput(descriptors[1], name: "standard error"),
            fileSystem: fileSystem, heedsSignals: false)
        let code = StrataTool.run(arguments, in: environment)
        let texts = descriptors.map { descriptor in
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
            }
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
        return (code, texts[0], texts[1])
    }

    @Test func aDiskThatFills() throws {
        let store = "\(directory.path)/store"
        let rows = "\(directory.path)/rows.csv"
        #expect(unsafe mkdir(store, 0o700) == 0)
        let text = Array("a,b\n1,x\n2,y\n".utf8)
        let file = unsafe open(rows, O_WRONLY | O_CREAT, 0o600)
        unsafe text.withUnsafeBytes { _ = unsafe write(file, $0.baseAddress, $0.count) }
        close(file)
        let loaded = try run("load", rows, "--store", store, "--relation", "t")
        #expect(loaded.code == 0 && loaded.output.contains("loaded 2 rows into t"), "\(loaded)")
        fileSystem.isFull.withLock { $0 = true }
        let failed = try run("load", rows, "--store", store, "--relation", "u")
        #expect(failed.code == 1 && failed.errors.contains("No space left"), "\(failed)")
        let scanned = try run("scan", "--store", store, "--relation", "t")
        #expect(scanned.code == 0 && scanned.output == "a,b\n1,x\n2,y\n", "\(scanned)")
        fileSystem.isFull.withLock { $0 = false }
        let relations = try run("relations", "--store", store)
        #expect(relations.code == 0 && !relations.output.contains("\nu "), "\(relations)")
    }

    @Test func outputThatIsLost() throws {
        let full = unsafe open("/dev/full", O_WRONLY)
        #expect(full >= 0)
        defer { close(full) }
        let environment = ToolEnvironment(
            standardOutput: ToolOutput(full, name: "standard output"),
            standardError: ToolOutput(full, name: "standard error"), heedsSignals: false)
        #expect(StrataTool.run(["--help"], in: environment) == 1)
        let wrong = ToolEnvironment(
            standardError: ToolOutput(full, name: "standard error"), heedsSignals: false)
        #expect(StrataTool.run(["--wrong"], in: wrong) == 64)
    }
}
