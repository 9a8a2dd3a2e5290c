import AsyncIO
import BufferManager
import FileAccess
import MagneticDisk
import PageFormat
import ReadStream
import StorageManager
import StorageTesting
import Testing
import Threads

/// A pool over a relation whose every page contains its own number.
final class TestStore: Sendable {
    struct Options {
        var blocks: UInt32 = 100
        var segmentBlocks = 131_072
        var buffers = 512
        var combineLimit = 16
        var sessions = 8
        var handles = 32
        var device: DeviceModel?
        /// The storage manager's declarations; nil for those of plain files.
        var traits: Traits?
    }

    static let contentOffset = 4096

    let directory = TemporaryDirectory()
    let system: IOSystem
    let registry: StorageManagerRegistry
    let manager: BufferManager
    let relation: OpenRelation
    let blocks: UInt32
    /// The calls on the storage manager, if it has traits.
    let log = ReadLog()

    init(_ method: TestedMethod, _ options: Options = Options()) throws {
        blocks = options.blocks
        var configuration = method.configuration(sessions: options.sessions)
        configuration.concurrency = .fixed(options.handles)
        configuration.deviceModel = options.device
        system = try IOSystem(configuration: configuration)
        registry = try StorageManagerRegistry(system: system)
        let files = try FileAccess(directory: directory.path)
        var disk = MagneticDiskConfiguration()
        disk.segmentBlocks = options.segmentBlocks
        let magnetic = try MagneticDisk(files: files, system: system, configuration: disk)
        var base: any StorageManager = magnetic
        if let traits = options.traits {
            base = try TraitDisk(magnetic, traits, log, system)
        }
        try registry.register(base, id: StorageManagerID(rawValue: 1))
        var buffers = BufferConfiguration()
        buffers.bufferCount = options.buffers
        buffers.combineLimit = options.combineLimit
        manager = try BufferManager(configuration: buffers, system: system)
        relation = try registry.open(
            RelationLocator(database: 1, number: 16384),
            managedBy: StorageManagerID(rawValue: 1))
        try Self.fill(relation, options.blocks)
    }

    /// Writes pages behind the pool's back.
    static func fill(_ relation: OpenRelation, _ blocks: UInt32) throws {
        try relation.storage.create(.main, ifMissing: false)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: blockSize, alignment: 4096)
        defer { unsafe memory.deallocate() }
        for block in 0..<blocks {
            unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: blockSize)
            var editor = unsafe PageEditor(unsafePage: memory)
            editor.initialize()
            unsafe memory.storeBytes(
                of: content(block), toByteOffset: contentOffset, as: UInt64.self)
            editor.setChecksum(block: block)
            try relation.storage.extend(
                .main, at: BlockNumber(block), with: unsafe PageAddress(memory), sync: .skip)
        }
    }

    static func content(_ block: UInt32) -> UInt64 { UInt64(block) &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    /// Changes bytes of a page on disk, so that its checksum is wrong.
    func damage(_ block: UInt32) {
        let file = unsafe open("\(directory.path)/base/1/16384", O_RDWR)
        precondition(file >= 0)
        let bytes: [UInt8] = [1, 2, 3, 4, 5]
        let offset = off_t(Int(block) * blockSize + Self.contentOffset)
        precondition(unsafe pwrite(file, bytes, bytes.count, offset) == bytes.count)
        close(file)
    }

    func withSession<Result>(_ body: (Session) throws -> Result) throws -> Result {
        let session = try system.makeSession()
        defer { session.close() }
        return try body(session)
    }

    /// Reads blocks into the pool.
    func warm(_ blocks: some Sequence<UInt32>, _ session: Session) throws {
        for block in blocks {
            _ = try manager.page(BlockNumber(block), of: relation, session: session)
        }
    }

    /// Checks that nothing stayed pinned.
    func expectIdle(_ session: Session, sourceLocation: SourceLocation = #_sourceLocation) throws {
        // Abandoned reads are in flight, or done and not yet reclaimed.
        for handle in system.snapshot() where handle.sessionIndex == session.index {
            try session.wait(
                for: WaitReference(words: (UInt32(handle.id), handle.generation)))
        }
        let count = try manager.evictAll(session: session)
        #expect(count.skipped == 0, sourceLocation: sourceLocation)
        manager.checkInvariants()
    }
}

/// Checks that a page is the one asked for, and returns its block.
func check(_ page: borrowing PinnedPage, sourceLocation: SourceLocation = #_sourceLocation)
    -> UInt32
{
    let block = page.block.rawValue
    let content = page.withSharedLock {
        unsafe $0.unsafeLoad(fromByteOffset: TestStore.contentOffset, as: UInt64.self)
    }
    #expect(content == TestStore.content(block), sourceLocation: sourceLocation)
    return block
}

/// Takes all pages, or at most a given number, and returns their blocks.
func take<Source>(
    _ stream: inout ReadStream<Source>, atMost limit: Int = Int.max,
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> [UInt32] {
    var blocks: [UInt32] = []
    while blocks.count < limit, let page = try stream.next() {
        blocks.append(check(page, sourceLocation: sourceLocation))
    }
    return blocks
}

/// Takes all pages and returns their blocks, or the code of the error for those that failed.
func takeWithErrors<Source>(_ stream: inout ReadStream<Source>, count: Int) -> [String] {
    var results: [String] = []
    for _ in 0..<count {
        do throws(StorageError) {
            guard let page = try stream.next() else { return results }
            results.append("\(check(page))")
        } catch {
            results.append(error.code.rawValue)
        }
    }
    return results
}

extension TestedMethod {
    /// A simulated method that completes IO only when it is waited for.
    static var lazy: TestedMethod {
        var faults = SimulatedFaults()
        faults.completion = .waiters
        return TestedMethod(seed: IOMethodMatrix.seed, faults: faults)
    }

    /// A simulated method with holds and planned faults only.
    static var tame: TestedMethod {
        TestedMethod(seed: IOMethodMatrix.seed, faults: SimulatedFaults())
    }
}
