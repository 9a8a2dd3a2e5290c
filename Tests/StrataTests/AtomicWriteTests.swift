import FileAccess
import StorageTesting
import Strata
import Synchronization
import Testing
import Threads

/// Pages that the disk writes as a whole or not at all.
@Suite("Atomic writes") struct AtomicWriteTests {
    @Test func theyAreRefusedWhereNobodySaysThatTheyWork() throws {
        let store = TestStore()
        try store.open().close()
        let before = try snapshot(store.path)
        let error = expectError(.invalidConfiguration) {
            _ = try store.open { $0.tornPageProtection = .atomicWrites }
        }
        #expect(error?.remedy?.contains("usesDirectIO") == true)
        do {
            let engine = try store.open {
                $0.tornPageProtection = .atomicWrites
                $0.usesDirectIO = true
            }
            try engine.close()
        } catch let error as StorageError {
            #expect(error.code == .atomicWritesUnavailable)
            #expect(error.remedy?.contains("doubleWrite") == true)
            #expect(try snapshot(store.path)["base/1"] == before["base/1"])
        }
        for units in [4096...4096, 16384...65536] {
            let files = AtomicFiles(units)
            mkdir(store.other, 0o700)
            let error = expectError(.atomicWritesUnavailable) {
                _ = try Engine.open(store.other, options: options(store, files))
            }
            #expect(error?.message.contains("\(units.upperBound)") == true)
        }
    }

    /// One page per write, and each write flagged, whichever code makes it.
    @Test(arguments: [TestedMethod(.synchronous), TestedMethod(.worker)])
    func eachPageIsAWriteOfItsOwn(_ method: TestedMethod) throws {
        let store = TestStore(method)
        let files = AtomicFiles(4096...65536)
        mkdir(store.path, 0o700)
        let engine = try Engine.open(store.path, options: options(store, files))
        let session = try engine.makeSession()
        let relation = try engine.load("t", 100, mark: 1, session)
        for block: UInt32 in 0..<100 {
            try relation.page(BlockNumber(block), session: session).fill(2)
        }
        try engine.checkpoint(session)
        #expect(files.atomic.load(ordering: .relaxed) >= 200)
        #expect(files.others.load(ordering: .relaxed) == 0)
        #expect(try relation.marks(session) == Array(repeating: 2, count: 100))
        session.close()
        try engine.close()
        #expect(names(in: store.path).allSatisfy { !$0.hasPrefix("strata.journal") })
    }

    private func options(_ store: TestStore, _ files: AtomicFiles) -> EngineOptions {
        var options = store.options
        options.fileSystem = files
        options.ioExecutor = files
        options.usesDirectIO = true
        options.tornPageProtection = .atomicWrites
        return options
    }
}

/// The kernel's files on a disk that claims atomic page writes, and that records requests for them.
private final class AtomicFiles: ForwardingFileSystem, IOExecutor {
    let underlying = KernelFileSystem()
    let atomic = Atomic<Int>(0)
    let others = Atomic<Int>(0)
    private let units: ClosedRange<Int>

    init(_ units: ClosedRange<Int>) { self.units = units }

    func atomicWriteUnits(_ descriptor: CInt) -> ClosedRange<Int>? { units }

    func execute(_ io: StagedIO) -> Int {
        switch io.operation {
        case .read: return unsafe underlying.read(io.descriptor, io.vectors, at: io.offset)
        case .write:
            let isAtomic = io.flags.contains(.atomicWrite) && io.length == blockSize
            if isAtomic {
                atomic.add(1, ordering: .relaxed)
            } else {
                others.add(1, ordering: .relaxed)
            }
            return unsafe underlying.write(io.descriptor, io.vectors, at: io.offset)
        case .sync, .dataSync:
            return Int(underlying.sync(io.descriptor, dataOnly: io.operation == .dataSync))
        case .none: return -Int(EINVAL)
        }
    }
}
