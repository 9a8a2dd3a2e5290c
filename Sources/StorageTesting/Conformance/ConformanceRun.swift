internal import AsyncIO
internal import FileAccess
internal import StorageManager
internal import Threads

/// A manager in surroundings of its own, to try one duty on.
///
/// Safe to use from any thread, except ``session``, which belongs to the thread that tries the
/// duty.
final class ConformanceRun: @unchecked Sendable {
    static let id = StorageManagerID(rawValue: 77)

    let method: TestedMethod
    let system: IOSystem
    let session: Session
    let make: StorageManagerConformance.Make
    private let directory = TemporaryDirectory()
    private let current: Lock<Current>
    private let found = Lock<[String]>([], rank: .observer)

    struct Current {
        var registry: StorageManagerRegistry
        var manager: any StorageManager
    }

    init(_ make: @escaping StorageManagerConformance.Make, _ method: TestedMethod) throws {
        self.make = make
        self.method = method
        system = try method.makeSystem(sessions: 12)
        session = try system.makeSession()
        current = Lock(
            try Self.start(make, FileAccess(directory: directory.path), system), rank: .client)
    }

    /// Makes a manager, and a registry with it.
    static func start(
        _ make: StorageManagerConformance.Make, _ files: FileAccess, _ system: IOSystem
    ) throws -> Current {
        let manager = try make(
            StorageManagerConformance.Surroundings(files: files, system: system))
        let registry = try StorageManagerRegistry(system: system)
        try registry.register(manager, id: id)
        return Current(registry: registry, manager: manager)
    }

    /// Shuts the manager down.
    func end() {
        current.withLock { $0.registry.shutdown(session: session) }
        session.close()
        if !system.shutdown() { report("a session was left open") }
    }

    /// Shuts the manager down and makes another over the same files.
    func restart() throws {
        current.withLock { $0.registry.shutdown(session: session) }
        let new = try Self.start(make, FileAccess(directory: directory.path), system)
        current.withLock { $0 = new }
    }

    var manager: any StorageManager { current.withLock { $0.manager } }
    var registry: StorageManagerRegistry { current.withLock { $0.registry } }

    var reports: [String] { found.withLock { $0 } }

    /// Reports a violation.
    func report(_ text: String) { found.withLock { $0.append(text) } }

    /// Reports `text` unless the condition holds.
    func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition { report(text()) }
    }

    /// Reports a violation unless `body` throws an error that the layers above know.
    @discardableResult
    func expectError(
        _ what: String, _ codes: [StorageError.Code] = [], _ body: () throws(StorageError) -> Void
    ) -> StorageError? {
        do throws(StorageError) {
            try body()
            report("\(what) did not fail")
            return nil
        } catch {
            expect(
                codes.isEmpty || codes.contains(error.code),
                "\(what) failed with \(error.code), not with \(codes)")
            expect(
                error.location.relation != nil,
                "\(what) failed without naming the relation: \(error)")
            return error
        }
    }

    // MARK: Relations

    func open(_ number: UInt32 = 16384) throws -> any RelationStorage {
        try registry.open(
            RelationLocator(database: 1, number: number), managedBy: Self.id
        ).storage
    }

    /// Makes a relation with so many blocks, each with its own contents.
    func makeRelation(blocks: Int, _ number: UInt32 = 16384) throws -> any RelationStorage {
        let storage = try open(number)
        try storage.create(.main, ifMissing: false)
        if blocks == 0 { return storage }
        try storage.zeroExtend(.main, from: 0, count: blocks, sync: .register)
        try write(storage, 0, blocks, value: 0)
        return storage
    }

    /// Writes blocks with contents for `value` and the following values.
    func write(
        _ storage: any RelationStorage, _ block: UInt32, _ count: Int, value: UInt32,
        _ fork: Fork = .main
    ) throws {
        let pages = PageMemory(count, apart: count % 2 == 0)
        pages.fillAll(from: value)
        try storage.write(
            fork, block: BlockNumber(block), from: pages.addresses.span, sync: .register)
    }

    /// Reports a violation unless blocks hold `value` and the following values.
    func expect(
        _ storage: any RelationStorage, _ block: UInt32, _ count: Int, value: UInt32,
        _ fork: Fork = .main, when: String
    ) throws {
        let pages = PageMemory(count, apart: count % 2 == 1)
        try storage.read(fork, block: BlockNumber(block), into: pages.addresses.span)
        for position in 0..<count where !pages.holds(position, value &+ UInt32(position)) {
            report("block \(block + UInt32(position)) of \(fork) has other contents \(when)")
        }
    }

    /// Reports a violation unless blocks are all zeroes.
    func expectZero(
        _ storage: any RelationStorage, _ blocks: Range<UInt32>, when: String
    ) throws {
        let pages = PageMemory(blocks.count)
        try storage.read(
            .main, block: BlockNumber(blocks.lowerBound), into: pages.addresses.span)
        for position in 0..<blocks.count where !pages.isZero(position) {
            report("block \(blocks.lowerBound + UInt32(position)) was not zero \(when)")
        }
    }

    /// Starts one IO and waits for it.
    func run(
        _ operation: IOOperation, _ storage: any RelationStorage, _ block: UInt32,
        _ pages: PageMemory, _ session: Session
    ) throws -> IOReturn {
        let outcome = IOReturn()
        let handle = try session.acquireHandle(reporting: outcome)
        let reference = handle.waitReference
        let (addresses, number) = (pages.addresses, BlockNumber(block))
        if operation == .read {
            try storage.startRead(handle, .main, block: number, into: addresses.span)
        } else {
            try storage.startWrite(
                handle, .main, block: number, from: addresses.span, sync: .register)
        }
        try session.wait(for: reference)
        return outcome
    }

    /// Reads or writes blocks as the layers above do: one start after the other, each for what the
    /// previous one left.
    ///
    /// - Returns: how many starts it took.
    @discardableResult
    func runAll(
        _ operation: IOOperation, _ storage: any RelationStorage, _ block: UInt32,
        _ pages: PageMemory, _ session: Session
    ) throws -> Int {
        var (done, starts) = (0, 0)
        while done < pages.count {
            let next = block + UInt32(done)
            let limit = storage.maximumCombine(.main, block: BlockNumber(next))
            expect(limit >= 1, "maximumCombine(\(next)) is \(limit)")
            let count = min(pages.count - done, max(1, limit), 16)
            let outcome = IOReturn()
            let handle = try session.acquireHandle(reporting: outcome)
            let reference = handle.waitReference
            let addresses = Array(pages.addresses[done..<done + count])
            let number = BlockNumber(next)
            if operation == .read {
                try storage.startRead(handle, .main, block: number, into: addresses.span)
            } else {
                try storage.startWrite(
                    handle, .main, block: number, from: addresses.span, sync: .register)
            }
            try session.wait(for: reference)
            try system.check(outcome)
            let brought = Int(outcome.result.value)
            guard brought > 0, brought <= count else {
                report("an IO on \(count) blocks succeeded with \(brought) of them")
                return starts
            }
            expect(
                (outcome.result.status == .ok) == (brought == count),
                "\(brought) of \(count) blocks ended as \(outcome.result.status)")
            done += brought
            starts += 1
        }
        return starts
    }
}
