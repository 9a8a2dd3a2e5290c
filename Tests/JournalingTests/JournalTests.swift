import AsyncIO
import BufferManager
import FileAccess
import StorageManager
import StorageTesting
import StoreFormat
import Testing
import Threads

@testable import Journaling

/// The journal's files alone: what is read back, failures, and bytes that no journal wrote.
@Suite("Journal") struct JournalTests {
    private static let store: UInt64 = 0x1122_3344_5566_7788
    private let directory = TemporaryDirectory()
    private let locator = RelationLocator(database: 1, number: 16384)

    private func makeFiles() throws -> FileAccess { try FileAccess(directory: directory.path) }

    private func makeJournal(_ files: FileAccess, _ system: IOSystem, limit: Int = 1 << 20) throws
        -> DoubleWriteJournal
    {
        try DoubleWriteJournal(files: files, system: system, store: Self.store, limit: limit) { _ in
        }
    }

    /// Keeps pages filled with a byte each.
    private func record(
        _ journal: DoubleWriteJournal, _ blocks: Range<UInt32>, byte: UInt8, _ session: Session,
        durably: Bool = true
    ) throws -> JournalBatch {
        let memory = PageSlots(slots: 1, pages: blocks.count)
        let pages = blocks.enumerated().map { index, block in
            let bytes = memory.address(0, index)
            unsafe bytes.bytes.initializeMemory(as: UInt8.self, repeating: byte &+ UInt8(block))
            return JournalledPage(
                locator: locator, fork: .main, block: BlockNumber(block), bytes: bytes)
        }
        return try withExtendedLifetime(memory) {
            let batch = try journal.record(pages.span, session: session)
            if !durably { return batch }
            do { try journal.makeDurable(batch, session: session) } catch {
                journal.finish(batch)
                throw error
            }
            return batch
        }
    }

    private func damagedBatches(_ files: FileAccess) throws -> Int {
        let file = try files.open(JournalFormat.fileNames[0], .readOnly)
        var scan = JournalScan(store: Self.store) { _, _ in true }
        try scan.add(file, number: 0, round: try #require(try scan.round(of: file)))
        return scan.damagedBatches
    }

    /// The first byte of each block's valid copy.
    private func copies(_ files: FileAccess) throws -> [UInt32: UInt8] {
        var scan = JournalScan(store: Self.store) { _, _ in true }
        var open: [(VirtualFile, Int, UInt64)] = []
        for (number, path) in JournalFormat.fileNames.enumerated() where try files.exists(path) {
            let file = try files.open(path, .readOnly)
            if let round = try scan.round(of: file) { open.append((file, number, round)) }
        }
        for (file, number, round) in open.sorted(by: { $0.2 < $1.2 }) {
            try scan.add(file, number: number, round: round)
        }
        var found: [UInt32: UInt8] = [:]
        let memory = PageSlots(slots: 1, pages: 1)
        for (block, copy) in scan.copies[JournalScan.Key(locator: locator, fork: .main)] ?? [:] {
            let file = try #require(open.first { $0.1 == copy.file }).0
            // Copies of a damaged batch need not be right.
            let page = memory.address(0, 0)
            if try scan.read(file, at: copy.offset, checksum: copy.checksum, into: page) {
                found[block] = unsafe page.bytes[0]
            }
        }
        return found
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func theNewestCopyCounts(_ method: TestedMethod) throws {
        let files = try makeFiles()
        let system = try method.makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        let first = try record(journal, 0..<100, byte: 10, session)
        let second = try record(journal, 50..<51, byte: 20, session)
        journal.finish(first)
        #expect(try copies(files)[49] == 59 && copies(files)[50] == 70)
        journal.finish(second)
        // The next round has the same file: what is left of the previous one no longer counts.
        try journal.checkpoint(session)
        #expect(try copies(files).isEmpty)
        let third = try record(journal, 0..<2, byte: 30, session)
        #expect(try copies(files) == [0: 30, 1: 31])
        journal.finish(third)
        try journal.forget(locator, .main, from: 1, session: session)
        #expect(try copies(files) == [0: 30])
        // Nothing of it is kept.
        let size = try files.open(JournalFormat.fileNames[0], .readOnly).size()
        try journal.forget(locator, .main, from: 1, session: session)
        #expect(try files.open(JournalFormat.fileNames[0], .readOnly).size() == size)
        try journal.checkpoint(session)
        try journal.remove(session)
        #expect(try files.list().isEmpty)
        session.close()
    }

    private func file(_ batch: JournalBatch) -> UInt64 { batch.number & 1 }

    /// While a batch is unfinished the others go to the other file, and rounds stay in order.
    @Test func batchesGoOnDuringACheckpoint() throws {
        let files = try makeFiles()
        let system = try TestedMethod(.worker).makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        for round: UInt8 in 1...5 {
            let open = try record(journal, 0..<4, byte: round, session)
            let checkpoint = TestThreads.beside {
                let session = try system.makeSession()
                defer { session.close() }
                try journal.checkpoint(session)
            }
            // The journal turns to the other file as soon as a batch goes there.
            var later: [JournalBatch] = []
            repeat {
                later.append(try record(journal, 2..<3, byte: 100 + round, session))
            } while later.last.map(file) == file(open)
            #expect(try copies(files)[2] == 102 + round && copies(files)[0] == round)
            journal.finish(open)
            for batch in later where file(batch) == file(open) { journal.finish(batch) }
            try checkpoint.join()
            #expect(try copies(files) == [2: 102 + round])
            for batch in later where file(batch) != file(open) { journal.finish(batch) }
        }
        session.close()
    }

    @Test func whatIsFullMakesRoom() throws {
        let files = try makeFiles()
        let system = try TestedMethod(.synchronous).makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system, limit: 64 << 10)
        journal.finish(try record(journal, 0..<4, byte: 1, session))
        #expect(!journal.isFull)
        journal.finish(try record(journal, 0..<8, byte: 1, session))
        #expect(journal.isFull)
        try journal.makeRoom(session)
        #expect(!journal.isFull)
        #expect(try copies(files).isEmpty)
        session.close()
    }

    /// A page whose write in place failed may be torn, whatever was made durable since.
    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func whatWasNotWrittenInPlaceStays(_ method: TestedMethod) throws {
        let files = try makeFiles()
        let system = try method.makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        let batch = try record(journal, 0..<200, byte: 1, session)
        journal.writeDidFail(batch, locator, .main, block: BlockNumber(20), count: 150)
        journal.finish(batch)
        for _ in 0..<3 {
            try journal.checkpoint(session)
            #expect(try copies(files) == Self.bytes(20..<170, 1))
        }
        // A newer copy replaces the older one, and goes when its own page was written.
        journal.finish(try record(journal, 20..<120, byte: 7, session))
        let newer = Self.bytes(20..<120, 7).merging(Self.bytes(120..<170, 1)) { a, _ in a }
        #expect(try copies(files) == newer)
        try journal.checkpoint(session)
        #expect(try copies(files) == Self.bytes(120..<170, 1))
        // Blocks that no longer exist have no copies.
        try journal.forget(locator, .main, from: 122, session: session)
        for _ in 0..<3 {
            try journal.checkpoint(session)
            #expect(try copies(files) == Self.bytes(120..<122, 1))
        }
        session.close()
    }

    /// Keeping copies again may fail half-way, and is repeated.
    @Test func whatWasNotWrittenInPlaceStaysThoughKeepingItFails() throws {
        for call in 1...8 {
            let disk = SimulatedDisk()
            var configuration = FileAccessConfiguration()
            configuration.fileSystem = disk
            let files = try FileAccess(directory: "/", configuration: configuration)
            var core = TestedMethod(.synchronous).configuration(sessions: 2)
            core.executor = disk
            let system = try IOSystem(configuration: core)
            let session = try system.makeSession()
            defer { session.close() }
            let journal = try makeJournal(files, system, limit: 8 << 20)
            let batch = try record(journal, 0..<200, byte: 1, session)
            journal.writeDidFail(batch, locator, .main, block: BlockNumber(0), count: 200)
            journal.finish(batch)
            disk.fail(call: call, of: [.write, .allocate], with: ENOSPC)
            try? journal.checkpoint(session)
            disk.fail(call: .max, with: EIO)
            for _ in 0..<3 {
                try journal.checkpoint(session)
                #expect(try copies(files) == Self.bytes(0..<200, 1), "call \(call)")
            }
        }
    }

    /// The session that is told of a failure may be late, when another already has the newer copy.
    @Test func aLateFailureDoesNotBringBackAnOlderCopy() throws {
        let files = try makeFiles()
        let system = try TestedMethod(.synchronous).makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        let older = try record(journal, 0..<2, byte: 1, session)
        journal.finish(try record(journal, 0..<1, byte: 9, session))
        journal.writeDidFail(older, locator, .main, block: BlockNumber(0), count: 2)
        journal.finish(older)
        try journal.checkpoint(session)
        #expect(try copies(files) == [0: 9, 1: 2])
        session.close()
    }

    private static func bytes(_ blocks: Range<UInt32>, _ byte: UInt8) -> [UInt32: UInt8] {
        Dictionary(uniqueKeysWithValues: blocks.map { ($0, byte &+ UInt8($0)) })
    }

    /// Wherever a header's write was interrupted, the file has its old round or the next.
    @Test func aHeaderThatWasCutShort() throws {
        let files = try makeFiles()
        let system = try TestedMethod(.synchronous).makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        journal.finish(try record(journal, 0..<2, byte: 1, session))
        let before = JournalFormat.encodeHeader(store: Self.store, round: 1)
        let after = JournalFormat.encodeHeader(store: Self.store, round: 2)
        let path = directory.path + "/" + JournalFormat.fileNames[0]
        let batches = try readFile(path).dropFirst(before.count)
        for cut in 0...before.count where cut < 60 || cut > before.count / 2 - 10 {
            try writeFile(path, Array(after.prefix(cut)) + before.dropFirst(cut) + batches)
            let found = try copies(files)
            #expect(found == [0: 1, 1: 2] || (found.isEmpty && cut > 20), "cut after \(cut)")
            // A file that is new.
            try writeFile(path, Array(before.prefix(cut)))
            #expect(try copies(files).isEmpty)
        }
        session.close()
    }

    /// Whichever call failed before, copies reported as durable survive a power cut, and so does
    /// the name of their file.
    @Test func copiesAreDurableAfterAFailure() throws {
        var wasMet = true
        var call = 0
        while wasMet {
            call += 1
            let disk = SimulatedDisk()
            func files(_ disk: SimulatedDisk) throws -> FileAccess {
                var configuration = FileAccessConfiguration()
                configuration.fileSystem = disk
                return try FileAccess(directory: "/", configuration: configuration)
            }
            var core = TestedMethod(.synchronous).configuration(sessions: 2)
            core.executor = disk
            let system = try IOSystem(configuration: core)
            let session = try system.makeSession()
            defer { session.close() }
            let journal = try makeJournal(try files(disk), system)
            disk.fail(call: call, of: Set(SimulatedCall.allCases), with: ENOSPC)
            do { journal.finish(try record(journal, 0..<2, byte: 1, session)) } catch {
                let error = try #require(error as? StorageError)
                if error.isFinalSyncFailure { continue }
            }
            wasMet = !disk.hasPlannedFailure
            disk.fail(call: .max, with: EIO)
            journal.finish(try record(journal, 0..<2, byte: 3, session))
            for seed: UInt64 in 0..<8 {
                #expect(try copies(files(disk.crash(seed: seed))) == [0: 3, 1: 4], "call \(call)")
            }
        }
        #expect(call > 5)
    }

    /// Arbitrary bytes in the place of a journal: opening a store reports them or continues, and
    /// never traps.
    @Test func hostileBytes() throws {
        let files = try makeFiles()
        let system = try TestedMethod(.synchronous).makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        journal.finish(try record(journal, 0..<3, byte: 1, session))
        journal.finish(try record(journal, 3..<9, byte: 1, session))
        let path = directory.path + "/" + JournalFormat.fileNames[0]
        let sound = Array(try readFile(path).prefix(112 << 10))
        var random = SplitMix64(seed: IOMethodMatrix.seed, stream: 4)
        for _ in 0..<400 {
            var bytes = sound
            switch random.below(4) {
            case 0: bytes.removeLast(random.below(bytes.count))
            case 1:
                for _ in 0...random.below(4) {
                    bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
                }
            case 2:
                let start = random.below(bytes.count)
                for index in start..<min(bytes.count, start + 5000) {
                    bytes[index] = UInt8(truncatingIfNeeded: random.next())
                }
            default: bytes.replaceSubrange(4096..<4160, with: Self.hostileHeader(&random))
            }
            try writeFile(path, bytes)
            do {
                for (block, byte) in try copies(files) { #expect(byte == 1 &+ UInt8(block)) }
            } catch let error as StorageError {
                #expect(error.code == .journalDamaged || error.code == .storeTooNew, "\(error)")
                #expect(error.remedy != nil)
            }
        }
        session.close()
    }

    /// A header with valid checksums and impossible contents.
    private static func hostileHeader(_ random: inout SplitMix64) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(JournalFormat.batchMagic)
        writer.write(store)
        writer.write(UInt64(1))
        writer.write(UInt64(random.below(2)))
        writer.write(UInt64(4096))
        writer.write(UInt32(random.below(3)))
        writer.write([UInt32.max, 0, 4096, 4097, 1 << 20][random.below(5)])
        writer.write(UInt64(0))
        writer.write(UInt32(truncatingIfNeeded: random.next()))
        writer.write(CRC32C.checksum(writer.bytes.span))
        return writer.bytes
    }

    /// A batch that the disk has damaged does not count as the end if others follow it.
    @Test func damageInTheMiddleIsNoEnd() throws {
        let files = try makeFiles()
        let system = try TestedMethod(.synchronous).makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        for block: UInt32 in 0..<3 {
            journal.finish(try record(journal, block * 4..<block * 4 + 4, byte: 1, session))
        }
        let path = directory.path + "/" + JournalFormat.fileNames[0]
        let batch = 4096 + 4 * blockSize
        var bytes = try readFile(path)
        bytes[4096 + batch + 8] ^= 1
        try writeFile(path, bytes)
        #expect(try Set(copies(files).keys) == [0, 1, 2, 3, 8, 9, 10, 11])
        #expect(try damagedBatches(files) == 1)
        session.close()
    }

    /// While one batch becomes durable the next is written: a power cut may leave that one alone.
    @Test func whatWasNeverDurableIsNoDamage() throws {
        let files = try makeFiles()
        let system = try TestedMethod(.synchronous).makeSystem()
        let session = try system.makeSession()
        let journal = try makeJournal(files, system)
        var open: [JournalBatch] = []
        for block: UInt32 in 0..<4 {
            let blocks = block * 4..<block * 4 + 4
            let durably = block < 2
            open.append(try record(journal, blocks, byte: 1, session, durably: durably))
        }
        let path = directory.path + "/" + JournalFormat.fileNames[0]
        let batch = 4096 + 4 * blockSize
        let whole = try readFile(path)
        var torn = whole
        torn[4096 + 3 * batch - 1] ^= 1
        try writeFile(path, torn)
        #expect(try Set(copies(files).keys) == Set(0..<8))
        #expect(try damagedBatches(files) == 0)
        // The batches before them were durable.
        torn[4096 + 2 * batch - 1] ^= 1
        try writeFile(path, torn)
        #expect(try damagedBatches(files) == 1)
        try writeFile(path, whole)
        for batch in open {
            try journal.makeDurable(batch, session: session)
            journal.finish(batch)
        }
        session.close()
    }
}
