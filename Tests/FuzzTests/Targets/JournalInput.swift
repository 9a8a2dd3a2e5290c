import AsyncIO
import FileAccess
import Logging
import StorageTesting

@testable import EngineConfiguration
@testable import Journaling
@testable import StorageManager
@testable import StoreFormat
@testable import Strata

/// The journal of a store that was not closed, with arbitrary contents. Opening the store replays
/// it, or says why not; with the checksums as they are, and valid ones.
///
/// | bytes | |
/// |---|---|
/// | 1 | fill level of the first file in 4096 bytes, in 16ths of what both files can have |
/// | 2, that many | the first file |
/// | the rest | the second file |
enum JournalInput {
    private static let pageCount: UInt32 = 6
    private static let mostBytes = 24 * 4096

    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let length = Int(reader.byte() & 15) * mostBytes / 16
        let first = filled(reader.bytes(reader.word()), length)
        let second = filled(reader.remainder(), mostBytes - length)
        do {
            let store = try prepared.get()
            if let fault = try live(store, [first, second]) { return fault }
            let mended = [first, second].enumerated().map { index, bytes in
                self.mended(bytes, store.identifier, round: UInt64(1 + (index ^ length & 1)))
            }
            return try live(store, mended)
        } catch {
            return "\(error)"
        }
    }

    private static func filled(_ bytes: [UInt8], _ length: Int) -> [UInt8] {
        bytes.isEmpty
            ? [] : bytes + Array(repeating: 0, count: max(0, length - bytes.count))
    }

    // MARK: Making checksums valid

    /// Makes valid headers where headers should be: sets their identity and checksums, and keeps
    /// counts, kinds and entries.
    private static func mended(_ bytes: [UInt8], _ store: UInt64, round: UInt64) -> [UInt8] {
        guard bytes.count > JournalFormat.alignment else { return bytes }
        var bytes = bytes
        bytes.replaceSubrange(
            0..<JournalFormat.alignment,
            with: JournalFormat.encodeHeader(store: store, round: round))
        var position = JournalFormat.alignment
        var sequence: UInt64 = 0
        while position + JournalFormat.batchHeaderSize <= bytes.count {
            let count = Int(bytes.little(position + 44, as: UInt32.self))
            let head = position + JournalFormat.batchHeaderSize
            let end = head + min(count, JournalFormat.maximumEntries) * JournalFormat.entrySize
            for (offset, value) in [
                (0, JournalFormat.batchMagic), (8, store), (16, round), (24, sequence),
                (32, UInt64(position)),
            ] {
                bytes.set(value, position + offset)
            }
            if bytes.little(position + 48, as: UInt64.self) > sequence {
                bytes.set(sequence, position + 48)
            }
            if end <= bytes.count {
                let pages = position + JournalFormat.headLength(entries: count)
                for entry in 0..<min(count, JournalFormat.maximumEntries) {
                    let page = pages + entry * blockSize
                    if page + blockSize > bytes.count { break }
                    bytes.set(
                        CRC32C.checksum(bytes.span.extracting(page..<page + blockSize)),
                        head + entry * JournalFormat.entrySize + 16)
                }
                bytes.set(CRC32C.checksum(bytes.span.extracting(head..<end)), position + 56)
            }
            bytes.set(
                CRC32C.checksum(bytes.span.extracting(position..<position + 60)), position + 60)
            guard let header = JournalBatchHeader(Array(bytes[position..<head])) else { break }
            position += header.length
            sequence += 1
        }
        return bytes
    }

    // MARK: The store

    private struct Prepared: Sendable {
        let disk: SimulatedDisk
        let identifier: UInt64
    }

    /// A store with one relation, closed.
    private static let prepared = Result<Prepared, any Error> {
        let disk = SimulatedDisk()
        var options = Self.options(disk)
        options.creation = .ifMissing
        let engine = try Engine.open("/", options: options)
        let session = try engine.makeSession()
        let load = try engine.beginLoad(
            LoadTarget(relation: "r", schema: nil, mode: .create), session: session)
        for _ in 0..<pageCount {
            let page = try load.nextPage()
            page.withEditor { $0.initialize() }
        }
        _ = try load.commit(rowCount: 0)
        session.close()
        let identifier = engine.control.identifier
        try engine.close()
        return Prepared(disk: disk, identifier: identifier)
    }

    private static func options(_ disk: SimulatedDisk) -> EngineOptions {
        var options = EngineOptions()
        options.fileSystem = disk
        options.ioExecutor = disk
        options.ioMethod = .synchronous
        options.poolBytes = EngineOptions.minimumPoolBytes * 4
        options.maximumSessions = 2
        options.backgroundWriter = nil
        options.logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        return options
    }

    private static func live(_ store: Prepared, _ journal: [[UInt8]]) throws -> String? {
        let disk = store.disk.copy()
        let options = Self.options(disk)
        let access = try FileAccess(directory: "/", configuration: options.fileConfiguration)
        for (path, bytes) in zip(JournalFormat.fileNames, journal) where !bytes.isEmpty {
            let file = try access.open(path, [.create, .truncate])
            _ = try file.write(bytes.span.bytes, at: 0)
        }
        do throws(StorageError) {
            let engine = try Engine.open("/", options: options)
            for action in engine.recovery.actions { _ = "\(action)" }
            guard try engine.relation(named: "r").blockCount == pageCount else {
                return "replaying has changed how long a relation is"
            }
            try engine.close()
        } catch {
            guard error.code == .journalDamaged || error.code == .storeTooNew else {
                return "opening threw \(error)"
            }
            return nil
        }
        let again = try Engine.open("/", options: options)
        defer { try? again.close() }
        // Copies that were kept are looked at whenever the store is opened.
        let actions = again.recovery.actions.filter { action in
            guard case .replayedJournal(let journal) = action else { return true }
            return journal.kept == 0 || journal.restored > 0
        }
        return actions.isEmpty ? nil : "a journal was replayed again: \(actions)"
    }
}
