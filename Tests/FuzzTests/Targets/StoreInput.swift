import AsyncIO
import FileAccess
import Logging
import PageFormat
import StorageTesting

@testable import EngineConfiguration
@testable import StorageManager
@testable import StoreFormat
@testable import Strata

/// A whole store with arbitrary contents: opened, scanned, verified, loaded into, and opened again;
/// with the checksums of its own two files as they are, and valid ones.
///
/// | bytes | |
/// |---|---|
/// | 1 | whether pages are verified on reading |
/// | 2, that many | the control file |
/// | 2, that many | the catalog |
/// | the rest | further files: which one and fill level in 4096 bytes (1), length (2), bytes |
enum StoreInput {
    private static let paths = [
        "base/1/16384", "base/1/16385", "base/1/16384.1", "base/1/16384_fsm", "base/1/16384.map",
        "base/1/16384.chunks", "base/1/16386", "base/1/t3_16384", "base/1/4294967294",
        "strata.catalog.new", "global/16384", "base/1/16385.chunks",
    ]
    /// The most pages of a relation that are read.
    private static let mostRead: UInt32 = 40

    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let isChecked = reader.byte() & 1 == 0
        let control = reader.bytes(reader.word())
        let catalog = reader.bytes(reader.word())
        var files: [(String, [UInt8])] = []
        while files.count < 12 {
            let which = Int(reader.byte())
            let content = reader.bytes(reader.word())
            if content.isEmpty { break }
            let length = max(content.count, (which >> 4) * 4096)
            files.append(
                (
                    paths[which % paths.count],
                    content + Array(repeating: 0, count: length - content.count)
                ))
        }
        if let fault = live(control, catalog, files, isChecked) { return fault }
        return live(mended(control), mended(catalog), files, isChecked)
    }

    /// Makes a sealed file's checksums and length valid.
    private static func mended(_ file: [UInt8]) -> [UInt8] {
        guard file.count >= SealedFile.overhead else { return file }
        var file = file
        let end = file.count - 4
        file.set(UInt64(file.count - SealedFile.overhead), 12)
        file.set(CRC32C.checksum(file.span.extracting(0..<20)), 20)
        file.set(CRC32C.checksum(file.span.extracting(SealedFile.headerSize..<end)), end)
        return file
    }

    private static func live(
        _ control: [UInt8], _ catalog: [UInt8], _ files: [(String, [UInt8])], _ isChecked: Bool
    ) -> String? {
        let disk = SimulatedDisk()
        var options = EngineOptions()
        options.fileSystem = disk
        options.ioExecutor = disk
        options.ioMethod = .synchronous
        options.poolBytes = EngineOptions.minimumPoolBytes * 4
        options.maximumSessions = 2
        options.combineLimit = 4
        options.verifiesChecksums = isChecked
        options.compressedDisk.compactsByItself = false
        options.logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
        if let fault = decode(control, catalog) { return fault }
        do {
            try write(
                [(StoreControl.fileName, control), (Catalog.fileName, catalog)] + files, disk,
                options)
        } catch {
            return "\(error)"
        }
        let names: [String]
        do throws(StorageError) {
            let engine = try Engine.open("/", options: options)
            do throws(StorageError) { try use(engine) } catch { _ = "\(error)" }
            names = engine.relations.map(\.name)
            do throws(StorageError) { try engine.close() } catch { _ = "\(error)" }
        } catch {
            return "\(error)".isEmpty ? "an error that says nothing" : nil
        }
        do throws(StorageError) {
            let engine = try Engine.open("/", options: options)
            let same = engine.relations.map(\.name) == names
            try engine.close()
            return same ? nil : "a store has other relations when it is opened again"
        } catch {
            return "a store that was opened cannot be opened again: \(error)"
        }
    }

    /// Encoding the decoded files must give the same bytes.
    private static func decode(_ control: [UInt8], _ catalog: [UInt8]) -> String? {
        do throws(StorageError) {
            let control = try StoreControl(control, directory: "fuzz")
            guard try StoreControl(control.encoded(), directory: "fuzz") == control else {
                return "a control file is another one when it is read again"
            }
            let read = try Catalog(catalog, control: control)
            var again = try Catalog(read.encoded(), control: control)
            // It is always written in the newest layout.
            again.version = read.version
            guard again == read else {
                return "a catalog is another one when it is read again"
            }
        } catch {
            _ = "\(error)"
        }
        return nil
    }

    private static func write(
        _ files: [(String, [UInt8])], _ disk: SimulatedDisk, _ options: EngineOptions
    ) throws(StorageError) {
        let access = try FileAccess(directory: "/", configuration: options.fileConfiguration)
        for directory in StoreDirectory.relationDirectories {
            try access.createDirectories(directory)
        }
        for (path, bytes) in files where !bytes.isEmpty {
            let file = try access.open(path, [.create, .truncate])
            _ = try file.write(bytes.span.bytes, at: 0)
        }
    }

    private static func use(_ engine: Engine) throws(StorageError) {
        for action in engine.recovery.actions { _ = "\(action)" }
        let session = try engine.makeSession()
        defer { session.close() }
        for description in engine.relations {
            do throws(StorageError) {
                let relation = try engine.relation(named: description.name)
                _ = try engine.space(ofRelation: description.name)
                var stream = relation.stream(
                    BlockRange(0..<min(relation.blockCount, mostRead)), session: session)
                while let page = try stream.next() {
                    page.withView { view in
                        for number in view.linePointerNumbers { _ = try? view.tuple(number) }
                    }
                }
            } catch {
                _ = "\(error)"
            }
        }
        if engine.relations.allSatisfy({ $0.blockCount <= 1 << 12 }) {
            _ = try engine.verify(
                session: session, observer: VerificationObserver { _ = "\($0)" })
        }
        if let name = engine.relations.first?.name {
            do throws(StorageError) {
                try engine.compact(relation: name, session: session)
                try engine.dropRelation(named: name, session: session)
            } catch {
                _ = "\(error)"
            }
        }
        let load = try engine.beginLoad(
            LoadTarget(relation: "new", schema: nil, mode: .replace), session: session)
        let page = try load.nextPage()
        page.withEditor { $0.initialize() }
        _ = try load.commit(rowCount: 0)
        try engine.checkpoint(session)
    }
}
