import AsyncIO
import BufferManager
import FileAccess
import MagneticDisk
import PageFormat
import StorageManager
import StorageTesting
import Testing
import Threads

/// All layers from a directory up to a buffer manager, small enough that tests reach its limits.
final class Stack: Sendable {
    struct Options {
        var buffers = 64
        var combine = 8
        var sessions = 16
        var concurrency = IOConcurrency.automatic
        var segmentBlocks = 1024
        var zeroesDamagedPages = false
        var ignoresChecksumFailures = false
        var log: RecordedLog?
        var journal: RecordedJournal?
    }

    static let manager = StorageManagerID(rawValue: 1)

    let directory = TemporaryDirectory()
    let log = RecordingLog()
    let system: IOSystem
    let registry: StorageManagerRegistry
    let faults = WriteFaults()
    let buffers: BufferManager

    init(_ method: TestedMethod, _ options: Options = Options()) throws {
        var io = method.configuration(sessions: options.sessions)
        io.logger = log.logger()
        io.concurrency = options.concurrency
        system = try IOSystem(configuration: io)
        let files = try FileAccess(directory: directory.path)
        registry = try StorageManagerRegistry(system: system)
        var disk = MagneticDiskConfiguration()
        disk.segmentBlocks = options.segmentBlocks
        let magnetic = try MagneticDisk(files: files, system: system, configuration: disk)
        try registry.register(FaultyManager(magnetic, faults), id: Self.manager)
        var configuration = BufferConfiguration()
        configuration.bufferCount = options.buffers
        configuration.localBufferCount = 16
        configuration.combineLimit = options.combine
        configuration.zeroesDamagedPages = options.zeroesDamagedPages
        configuration.ignoresChecksumFailures = options.ignoresChecksumFailures
        configuration.writeAheadLog = options.log
        configuration.logger = log.logger()
        faults.log.withLock { $0 = options.log }
        configuration.pageJournal = options.journal
        faults.journal.withLock { $0 = options.journal }
        buffers = try BufferManager(configuration: configuration, system: system)
    }

    /// Makes a relation whose pages are initialised and carry their block number and `version`.
    func makeRelation(
        _ number: UInt32 = 16384, blocks: Int = 0, version: UInt32 = 0, localTo: Int? = nil
    ) throws -> OpenRelation {
        let relation = try open(number, localTo: localTo)
        try relation.storage.create(.main, ifMissing: false)
        for block in 0..<blocks {
            try Self.writePage(relation, block, version, extends: true)
        }
        return relation
    }

    func open(_ number: UInt32 = 16384, localTo: Int? = nil) throws -> OpenRelation {
        try registry.open(
            RelationLocator(database: 1, number: number, localTo: localTo),
            managedBy: Self.manager)
    }

    func session() throws -> Session { try system.makeSession() }

    /// Starts a read and waits for it. Returns the stamps of the pages it covered.
    @discardableResult
    func read(_ operation: ReadOperation, _ block: UInt32, _ count: Int) throws -> [Stamp?] {
        var covered = count
        if try buffers.startRead(operation, block: BlockNumber(block), count: &covered) {
            try buffers.waitRead(operation)
        }
        var stamps: [Stamp?] = []
        while let page = operation.takePage() { stamps.append(page.stamp) }
        #expect(stamps.count == covered)
        return stamps
    }

    /// The stamp in the file, whatever the pool holds.
    func stampOnDisk(_ relation: OpenRelation, _ block: UInt32) throws -> Stamp? {
        var stamp: Stamp?
        try Self.withScratch { address in
            let pages = [address]
            try relation.storage.read(.main, block: BlockNumber(block), into: pages.span)
            let view = unsafe PageView(unsafePage: UnsafeRawPointer(address.pointer))
            #expect(view.verify(block: block, checksums: true).isUsable)
            stamp = Self.stamp(of: view)
        }
        return stamp
    }
}

/// Pages with contents that identify their position.
extension Stack {
    struct Stamp: Equatable {
        var block: UInt32
        var version: UInt32
    }

    /// Writes a good page directly into the file.
    static func writePage(
        _ relation: OpenRelation, _ block: Int, _ version: UInt32, extends: Bool = false
    ) throws {
        try withScratch { address in
            var editor = unsafe PageEditor(unsafePage: address.pointer)
            editor.initialize()
            stamp(&editor, UInt32(block), version)
            editor.setChecksum(block: UInt32(block))
            let (number, pages) = (BlockNumber(UInt32(block)), [address])
            if extends {
                try relation.storage.extend(.main, at: number, with: address, sync: .skip)
            } else {
                try relation.storage.write(.main, block: number, from: pages.span, sync: .skip)
            }
        }
    }

    /// Damages a page in the file: its body, which only the checksum detects, or its header too.
    static func damage(_ relation: OpenRelation, _ block: UInt32, header: Bool = false) throws {
        try change(relation, block) { page in
            unsafe page.storeBytes(of: 0xAB, toByteOffset: 4000, as: UInt8.self)
            if header { unsafe page.storeBytes(of: 0x1234, toByteOffset: 18, as: UInt16.self) }
        }
    }

    /// Changes a page in the file as it is.
    static func change(
        _ relation: OpenRelation, _ block: UInt32, _ body: (UnsafeMutableRawPointer) -> Void
    ) throws {
        try withScratch { address in
            let pages = [address]
            try relation.storage.read(.main, block: BlockNumber(block), into: pages.span)
            unsafe body(address.pointer)
            try relation.storage.write(
                .main, block: BlockNumber(block), from: pages.span, sync: .skip)
        }
    }

    private static func withScratch(_ body: (PageAddress) throws -> Void) throws {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 8192, alignment: 4096)
        defer { unsafe memory.deallocate() }
        try unsafe body(PageAddress(memory))
    }

    static func stamp(_ editor: inout PageEditor, _ block: UInt32, _ version: UInt32) {
        let item: [UInt32] = [block, version, block ^ version, 0x5EA1]
        // A fresh page has room for sixteen bytes.
        _ = try? editor.addItem(item.span.bytes)
    }

    /// The stamp in a page's first item, if the item is whole.
    static func stamp(of view: PageView) -> Stamp? {
        guard let item = try? view.item(1), item.byteCount == 16 else { return nil }
        let block = word(item, 0)
        let version = word(item, 4)
        guard word(item, 8) == block ^ version, word(item, 12) == 0x5EA1 else { return nil }
        return Stamp(block: block, version: version)
    }

    /// Changes the stamp in two steps, so that a torn view would be detected.
    static func restamp(_ span: inout MutableRawSpan, version: UInt32) {
        let offset = Int(word(span.bytes, 24) & 0x7FFF)
        let block = word(span.bytes, offset)
        span.storeBytes(of: version, toByteOffset: offset + 4, as: UInt32.self)
        span.storeBytes(of: block ^ version, toByteOffset: offset + 8, as: UInt32.self)
    }

    private static func word(_ bytes: RawSpan, _ offset: Int) -> UInt32 {
        unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }
}

extension PinnedPage {
    var stamp: Stack.Stamp? { withView { Stack.stamp(of: $0) } }
}

/// The stamps of fresh pages.
func stamps(_ range: Range<UInt32>, version: UInt32 = 0) -> [Stack.Stamp?] {
    range.map { Stack.Stamp(block: $0, version: version) }
}

extension Stack {
    /// Waits until a thread has found its IO unfinished and goes to sleep for it.
    func waitUntilSomebodySleeps() throws {
        try TestThreads.waitOrFail("somebody sleeps") { system.statistics.blockedWaits > 0 }
    }
}

/// Sets the version of pages.
func change(
    _ stack: Stack, _ relation: OpenRelation, _ blocks: some Sequence<UInt32>, version: UInt32,
    _ session: Session
) throws {
    for block in blocks {
        let page = try stack.buffers.page(BlockNumber(block), of: relation, session: session)
        page.withExclusiveLock { Stack.restamp(&$0, version: version) }
    }
}
