import FileAccess
import Foundation
import MagneticDisk
import RelationLoader
import StorageTesting
import Strata
import Testing

/// A data directory that a real PostgreSQL wrote, read in place through every layer.
@Suite struct PostgresDirectoryTests {
    static let directory = HouseTests.root.appending(path: "Fixtures/postgres").path

    /// A line of the manifest: one fork of one table.
    struct Entry {
        let name: String
        let number: UInt32
        let fork: Fork
        let blocks: UInt32
        let schema: Schema

        init?(_ line: Substring) throws {
            let fields = line.split(separator: ",", maxSplits: 4).map(String.init)
            guard fields.count == 5, let number = UInt32(fields[1]), let blocks = UInt32(fields[3]),
                let fork = Fork.allCases.first(where: { $0.name == fields[2] })
            else { return nil }
            (name, self.number, self.fork, self.blocks) = (fields[0], number, fork, blocks)
            let columns = fields[4].replacingOccurrences(of: " ", with: ", ")
                .replacingOccurrences(of: ":", with: " ").replacingOccurrences(of: "_", with: " ")
            schema = try Schema(parsing: columns)
        }
    }

    static func entries() throws -> [Entry] {
        try String(contentsOfFile: directory + "/manifest.csv", encoding: .utf8)
            .split(separator: "\n").dropFirst().compactMap(Entry.init)
    }

    @Test(arguments: IOMethodMatrix.allWithPartialTransfers)
    func everyForkIsWhatPostgresWrote(method: TestedMethod) throws {
        let system = try method.makeSystem()
        let files = try FileAccess(directory: Self.directory)
        let managers = try StorageManagerRegistry(system: system)
        let magnetic = StorageManagerID(rawValue: 0)
        try managers.register(try MagneticDisk(files: files, system: system), id: magnetic)
        let buffers = try BufferManager(configuration: BufferConfiguration(), system: system)
        let session = try system.makeSession()

        let entries = try Self.entries()
        #expect(entries.contains { $0.fork == .freeSpaceMap })
        #expect(entries.contains { $0.fork == .visibilityMap })
        for entry in entries {
            let relation = try managers.open(
                RelationLocator(database: 5, number: entry.number), managedBy: magnetic)
            #expect(try relation.storage.blockCount(entry.fork) == entry.blocks)
            var options = ReadStreamOptions()
            options.fork = entry.fork
            var stream = ReadStream(
                buffers, over: relation, session: session, options: options,
                source: BlockRange(0..<entry.blocks))
            var writer = RowWriter(schema: entry.schema)
            var output = ByteOutput()
            writer.writeHeader(to: &output)
            var pages: UInt32 = 0
            while let page = try stream.next() {
                pages += 1
                guard entry.fork == .main else { continue }
                try page.withView { view in
                    for number in view.linePointerNumbers {
                        guard let tuple = try view.tuple(number) else { continue }
                        try writer.write(tuple, to: &output)
                    }
                }
            }
            #expect(pages == entry.blocks, "\(entry.name) \(entry.fork.name)")
            guard entry.fork == .main else { continue }
            let expected = try Data(
                contentsOf: URL(filePath: Self.directory + "/csv/\(entry.name).csv"))
            let span = output.span
            #expect(span.count == expected.count, "\(entry.name)")
            #expect(span.indices.allSatisfy { span[$0] == expected[$0] }, "\(entry.name)")
        }
        #expect(buffers.checksumFailures == 0)
        managers.shutdown(session: session)
    }
}
