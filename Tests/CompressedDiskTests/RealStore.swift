import AsyncIO
import FileAccess
import Foundation
import Logging
import StorageManager
import StorageTesting

@testable import CompressedDisk

/// A compressed relation in a real directory. Tests damage its files while it is closed.
struct RealStore {
    static let locator = OpenManager.locator
    static let chunks = "base/1/16384.chunks"
    static let map = "base/1/16384.map"

    let manager: CompressedDisk
    let session: Session
    let system: IOSystem
    let storage: any RelationStorage

    /// Opens the relation, and closes it at the end.
    static func with<Result>(
        _ path: String, _ method: TestedMethod, chunkPages: Int = 4, log: RecordingLog? = nil,
        configure: (inout FileAccessConfiguration) -> Void = { _ in },
        _ body: (RealStore) throws -> Result
    ) throws -> Result {
        var files = FileAccessConfiguration()
        files.logger =
            log?.logger(level: .warning) ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        configure(&files)
        let all = try OpenManager(
            try FileAccess(directory: path, configuration: files),
            try method.makeSystem(sessions: 2), chunkPages: chunkPages)
        defer { all.close() }
        return try body(
            RealStore(
                manager: all.manager, session: all.session, system: all.system,
                storage: try all.open()))
    }

    /// A relation in which each block holds its number, except for chunks that were never written.
    static func make(
        _ path: String, _ method: TestedMethod, blocks: Int, chunkPages: Int = 4,
        zeroes: Set<Int> = []
    ) throws {
        try with(path, method, chunkPages: chunkPages) { store in
            try store.storage.create(.main, ifMissing: false)
            try store.storage.zeroExtend(.main, from: 0, count: blocks, sync: .register)
            for first in stride(from: 0, to: blocks, by: chunkPages)
            where !zeroes.contains(first / chunkPages) {
                try store.write(UInt32(first), min(chunkPages, blocks - first))
            }
            try store.manager.syncPending(store.session)
        }
    }

    /// Writes blocks that hold their numbers.
    func write(_ block: UInt32, _ count: Int = 1) throws {
        let memory = PageMemory(count)
        memory.fillAll(from: block)
        try storage.write(
            .main, block: BlockNumber(block), from: memory.addresses.span, sync: .register)
    }

    /// What was found of a block.
    enum Block: Equatable {
        case right, zeroes, other
        case error(StorageError.Code)
    }

    /// Reads a block, blocking.
    func read(_ block: UInt32) -> Block {
        let memory = PageMemory(1)
        do throws(StorageError) {
            try storage.read(.main, block: BlockNumber(block), into: memory.addresses.span)
        } catch { return .error(error.code) }
        return Self.judge(memory, 0, block)
    }

    /// Reads blocks by one started IO, as many as it covers: their contents, and the reported
    /// error.
    func startRead(_ block: UInt32, _ count: Int) throws -> (blocks: [Block], told: StorageError?) {
        let memory = PageMemory(count)
        let outcome = IOReturn()
        let handle = try session.acquireHandle(reporting: outcome)
        let reference = handle.waitReference
        let addresses = memory.addresses
        try storage.startRead(handle, .main, block: BlockNumber(block), into: addresses.span)
        try session.wait(for: reference)
        let result = outcome.result
        let blocks = (0..<Int(result.value)).map {
            Self.judge(memory, $0, block + UInt32($0))
        }
        let isFine = result.status == .ok || result.status == .partial
        if isFine { return (blocks, nil) }
        // A warning is only logged; its text is that of the error.
        let error = IOResult(
            .error, value: result.value, callbackID: result.callbackID,
            errorData: result.errorData)
        return (
            blocks,
            Self.error { try system.check(error, targetData: outcome.targetData) }
        )
    }

    private static func judge(_ memory: PageMemory, _ position: Int, _ block: UInt32) -> Block {
        if memory.holds(position, block) { return .right }
        return memory.isZero(position) ? .zeroes : .other
    }

    /// The findings of a check.
    func check() throws -> [StorageError] {
        var found: [StorageError] = []
        try manager.check(Self.locator, fork: .main) { found.append($0) }
        return found
    }

    /// The error that `body` throws, if any.
    static func error(_ body: () throws -> Void) -> StorageError? {
        do { try body() } catch { return error as? StorageError }
        return nil
    }
}

/// The files of a directory, to damage and compare.
struct Harm {
    let path: String

    func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: "\(path)/\(name)")))
    }

    func set(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
    }

    func change(_ name: String, _ body: (inout [UInt8]) -> Void) throws {
        var bytes = try bytes(name)
        body(&bytes)
        try set(name, bytes)
    }

    func setLength(_ name: String, _ length: UInt64) throws {
        let file = try FileHandle(forWritingTo: URL(filePath: "\(path)/\(name)"))
        try file.truncate(atOffset: length)
        try file.close()
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }

    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(path)/\(name)")
    }

    /// All files with their contents; of long ones, the length and the first MiB.
    func everything() throws -> [String: [UInt8]] {
        var all: [String: [UInt8]] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
            guard attributes[.type] as? FileAttributeType == .typeRegular else {
                all[name] = []
                continue
            }
            let length = attributes[.size] as? Int ?? 0
            let file = try FileHandle(forReadingFrom: URL(filePath: "\(path)/\(name)"))
            all[name] =
                Array("\(length) ".utf8) + Array(try file.read(upToCount: 1 << 20) ?? Data())
            try file.close()
        }
        return all
    }

    /// Makes a changed header of 64 bytes valid again: its last word is the checksum of the rest.
    static func seal(_ bytes: inout [UInt8], at offset: Int) {
        let sum = CRC32C.checksum(bytes.span.extracting(offset..<offset + 60))
        put(sum, &bytes, offset + 60)
    }

    static func put<Number: FixedWidthInteger>(
        _ value: Number, _ bytes: inout [UInt8], _ offset: Int
    ) {
        withUnsafeBytes(of: value.littleEndian) { raw in
            for index in raw.indices { bytes[offset + index] = raw[index] }
        }
    }

    /// Writes the data file's header as the previous version did, for a relation that was never
    /// cut.
    func makeOld() throws {
        try change(RealStore.chunks) { bytes in
            Self.put(UInt32(2), &bytes, 8)
            for offset in 512..<4096 { bytes[offset] = 0 }
            let head = CRC32C.checksum(bytes.span.extracting(0..<60))
            let sum = CRC32C.checksum(bytes.span.extracting(64..<512), seed: head)
            Self.put(sum, &bytes, 60)
        }
    }

    /// Where chunks begin in the data file, by their numbers. Each occurs once.
    func chunkOffsets() throws -> [UInt32: Int] {
        let bytes = try bytes(RealStore.chunks)
        var offsets: [UInt32: Int] = [:]
        for offset in stride(from: unitSize, to: bytes.count - 20, by: unitSize)
        where bytes[offset..<offset + 4].elementsEqual("SZC1".utf8) {
            let number = bytes[offset + 16..<offset + 20].reversed().reduce(0) {
                $0 << 8 | UInt32($1)
            }
            offsets[number] = offset
        }
        return offsets
    }
}

extension PageMemory {
    /// Runs `body` on a page's words.
    func withWords<Result>(
        _ position: Int, _ body: (UnsafeMutableBufferPointer<UInt32>) -> Result
    ) -> Result {
        body(self[position].bytes.bindMemory(to: UInt32.self))
    }
}
