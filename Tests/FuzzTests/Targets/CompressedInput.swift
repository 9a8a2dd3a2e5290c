import AsyncIO
import FileAccess
import Logging
import StorageTesting

@testable import CompressedDisk
@testable import StorageManager

/// The two files of a compressed relation with arbitrary contents: opened, read, checked, changed,
/// compacted and opened again; as they are, and with valid checksums.
///
/// | bytes | |
/// |---|---|
/// | 1 | whether the map file is missing |
/// | 2 | how many bytes the map file has |
/// | that many | the map file |
/// | the rest | pieces of the data file: the unit it begins at (1), its length (2), the piece |
enum CompressedInput {
    private static let locator = RelationLocator(database: 1, number: 16384)
    private static let mostRead: UInt32 = 64

    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let hasMap = reader.byte() & 1 == 0
        let map = reader.bytes(reader.word())
        var data: [UInt8] = []
        var starts: [Int] = []
        while data.count < 1 << 20 {
            let start = Int(reader.byte()) * unitSize
            let piece = reader.bytes(reader.word())
            if piece.isEmpty { break }
            let end = (start + piece.count + unitSize - 1) / unitSize * unitSize
            if data.count < end { data += Array(repeating: 0, count: end - data.count) }
            data.replaceSubrange(start..<start + piece.count, with: piece)
            starts.append(start)
        }
        if let fault = live(hasMap ? map : nil, data) { return fault }
        mend(&data, starts)
        return live(hasMap ? mended(map) : nil, data)
    }

    // MARK: Checksums

    private static func checksum(_ bytes: ArraySlice<UInt8>, after: UInt32 = 0) -> UInt32 {
        CRC32C.checksum(bytes.span, seed: after)
    }

    /// Makes the checksums of all records valid that the file's own numbers lead to.
    private static func mended(_ map: [UInt8]) -> [UInt8] {
        var map = map
        var start = 0
        while start + MapRecord.headerSize <= map.count {
            let size = MapRecord.size(
                entries: Int(map.little(start + 52, as: UInt32.self) & 0xFFFF))
            let end = min(start + size, map.count)
            map.set(checksum(map[(start + MapRecord.headerSize)..<end]), start + 56)
            map.set(checksum(map[start..<start + 60]), start + 60)
            start += size
        }
        return map
    }

    private static func mend(_ data: inout [UInt8], _ starts: [Int]) {
        guard data.count >= unitSize else { return }
        data.set(checksum(data[64..<unitSize], after: checksum(data[0..<60])), 60)
        for start in starts where start > 0 {
            let stored = Int(data.little(start + 20, as: UInt32.self) & 0x3FFFF)
            let units = (ChunkHeader.size + stored + unitSize - 1) / unitSize
            let end = min(start + units * unitSize, data.count)
            data.set(checksum(data[(start + ChunkHeader.size)..<end]), start + 28)
            data.set(checksum(data[start..<start + 60]), start + 60)
        }
    }

    // MARK: A relation's life

    private static func live(_ map: [UInt8]?, _ data: [UInt8]) -> String? {
        let disk = SimulatedDisk()
        let log = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        var files = FileAccessConfiguration()
        files.fileSystem = disk
        files.logger = log
        var core = IOConfiguration()
        core.executor = disk
        core.maximumSessions = 1
        core.logger = log
        core.method = .synchronous
        do {
            let access = try FileAccess(directory: "/", configuration: files)
            try access.createDirectories("base/1")
            for (name, bytes) in [("map", map), ("chunks", data)] {
                guard let bytes else { continue }
                let file = try access.open("base/1/16384.\(name)", [.create])
                _ = try file.write(bytes.span.bytes, at: 0)
            }
            let system = try IOSystem(configuration: core)
            let first = try open(access, system)
            let isOpen: Bool
            do throws(StorageError) {
                try first.use()
                isOpen = true
            } catch {
                _ = "\(error)"
                isOpen = first.isOpen
            }
            first.close()
            // What could be opened once can be opened again.
            let second = try open(access, system)
            defer {
                second.close()
                system.shutdown()
            }
            do throws(StorageError) { _ = try second.storage.blockCount(.main) } catch {
                return isOpen ? "what was opened cannot be opened again: \(error)" : nil
            }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private struct Opened {
        let manager: CompressedDisk
        let registry: StorageManagerRegistry
        let session: Session
        let storage: any RelationStorage

        var isOpen: Bool { manager.fork(locator, .main).isOpen }

        func close() {
            registry.shutdown(session: session)
            session.close()
        }

        func use() throws(StorageError) {
            let count = min(try storage.blockCount(.main), mostRead)
            let page = PageMemory(1)
            for block in 0..<count {
                do throws(StorageError) {
                    try storage.read(
                        .main, block: BlockNumber(block), into: page.addresses.span)
                } catch {
                    _ = "\(error)"
                }
            }
            try manager.check(locator, fork: .main) { _ = "\($0)" }
            page.fill(0, 1)
            let addresses = page.addresses
            for block in [0, count / 2] where block < count {
                // A damaged neighbour in the chunk prevents writing a page.
                do throws(StorageError) {
                    try storage.write(
                        .main, block: BlockNumber(block), from: addresses.span, sync: .register)
                } catch {
                    _ = "\(error)"
                }
            }
            try storage.zeroExtend(
                .main, from: BlockNumber(try storage.blockCount(.main)), count: 3, sync: .register)
            try manager.syncPending(session)
            _ = try manager.space(of: locator, fork: .main)
            do throws(StorageError) { try manager.compact(locator) } catch { _ = "\(error)" }
            try storage.truncate(.main, to: count / 2, session: session)
            try manager.syncPending(session)
        }
    }

    private static func open(_ access: FileAccess, _ system: IOSystem) throws(StorageError)
        -> Opened
    {
        var configuration = CompressedDiskConfiguration()
        configuration.compactsByItself = false
        let manager = try CompressedDisk(
            files: access, system: system, configuration: configuration)
        let registry = try StorageManagerRegistry(system: system)
        let id = StorageManagerID(rawValue: 1)
        try registry.register(manager, id: id)
        return Opened(
            manager: manager, registry: registry, session: try system.makeSession(),
            storage: try registry.open(locator, managedBy: id).storage)
    }
}
