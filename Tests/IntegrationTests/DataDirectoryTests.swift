import Foundation
import PostgresCluster
import StorageTesting
import Testing

/// A data directory of a real PostgreSQL, through ``DataDirectory`` and the tool.
@Suite struct DataDirectoryTests {
    /// A copy of the fixture, to damage.
    private func copy() throws -> TemporaryDirectory {
        let directory = TemporaryDirectory()
        for part in ["base", "global"] {
            try FileManager.default.copyItem(
                atPath: PostgresDirectoryTests.directory + "/\(part)",
                toPath: directory.path + "/\(part)")
        }
        return directory
    }

    private func change(_ path: String, _ body: (FileHandle) throws -> Void) throws {
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try body(file)
        try file.close()
    }

    @Test(arguments: ["sync", "worker", "automatic"])
    func isReadThroughThePool(method: String) throws {
        var options = PostgresOptions()
        options.ioMethod = try #require(IOMethodChoice.named(method))
        let cluster = try DataDirectory.open(PostgresDirectoryTests.directory, options: options)
        #expect(cluster.control.version == 1300)
        #expect(cluster.control.hasPageChecksums)
        #expect(cluster.control.state == .shutDown)
        #expect(cluster.control.segmentBlocks == 131_072)
        let session = try cluster.makeSession()
        for entry in try PostgresDirectoryTests.entries() {
            let relation = try cluster.relation(
                RelationLocator(database: 5, number: entry.number))
            var stream = try cluster.scan(relation, fork: entry.fork, session: session)
            var pages: UInt32 = 0
            while let page = try stream.next() {
                #expect(page.block.rawValue == pages)
                pages += 1
            }
            #expect(pages == entry.blocks)
        }
        #expect(throws: StorageError.self) {
            try cluster.relation(RelationLocator(database: 5, number: 1))
        }
        #expect(throws: StorageError.self) { try cluster.close() }
        session.close()
        try cluster.close()
        try cluster.close()
    }

    @Test func nothingIsWritten() throws {
        let directory = try copy()
        let cluster = try DataDirectory.open(directory.path)
        let session = try cluster.makeSession()
        let entry = try #require(
            try PostgresDirectoryTests.entries().first { $0.fork == .main && $0.blocks > 0 })
        let locator = RelationLocator(database: 5, number: entry.number)
        let path = "\(directory.path)/\(locator)"
        let before = try Data(contentsOf: URL(filePath: path))
        let relation = try cluster.relation(locator)
        do {
            let page = try cluster.buffers.page(BlockNumber(0), of: relation, session: session)
            page.withExclusiveLock { bytes in
                bytes.storeBytes(of: 1, toByteOffset: 100, as: UInt8.self)
            }
            let error = #expect(throws: StorageError.self) {
                try cluster.buffers.flush(page, session: session)
            }
            #expect(error?.code == .readOnly)
        }
        let error = #expect(throws: StorageError.self) {
            _ = try cluster.buffers.extend(relation, session: session)
        }
        #expect(error?.code == .readOnly)
        #expect(
            throws: StorageError.self,
            performing: { try relation.storage.truncate(.main, to: 0, session: session) })
        session.close()
        try cluster.close()
        #expect(try Data(contentsOf: URL(filePath: path)) == before)
    }

    @Test func theToolFindsDamage() throws {
        let directory = try copy()
        // These few files have no catalogs, and are not all that a server needs.
        let incomplete = try Tool.run(["postgres", "verify", directory.path])
        #expect(incomplete.code == 1, "\(incomplete.errors)")
        #expect(incomplete.errors.contains("\"PG_VERSION\": it is missing"))
        #expect(incomplete.output.contains("without the catalogs, which cannot be read"))
        let whole = try Tool.run(["postgres", "verify", "--no-catalog", directory.path])
        #expect(whole.code == 0, "\(whole.errors)")
        #expect(whole.output.hasPrefix("no damage: checked "))
        #expect(whole.output.contains("not compared with the catalogs"))
        let entry = try #require(
            try PostgresDirectoryTests.entries().first { $0.fork == .main && $0.blocks > 2 })
        let path = "base/5/\(entry.number)"
        try change("\(directory.path)/\(path)") { file in
            try file.seek(toOffset: 8192 * 2 + 4000)
            try file.write(contentsOf: Data([0xAB, 0xCD, 0xEF]))
            try file.seekToEnd()
            try file.write(contentsOf: Data([1, 2, 3]))
        }
        let damaged = try Tool.run(["postgres", "verify", "--no-catalog", directory.path])
        #expect(damaged.code == 1)
        #expect(damaged.output.hasPrefix("damage: 2 findings in 1 file: "))
        let lines = damaged.errors.split(separator: "\n").filter { $0.contains(path) }
        #expect(lines.count == 1, "\(damaged.errors)")
        #expect(lines.first?.contains("block 2: checksum ") == true)
        let unprinted = try Command.shell(
            "\"$strata\" postgres verify --json --no-catalog '\(directory.path)' > /dev/full")
        #expect(unprinted.status == 1, "\(unprinted)")
        #expect(lines.first?.contains("it ends with 3 of a block's 8192") == true)
        let json = try Tool.run(["postgres", "verify", "--no-catalog", "--json", directory.path])
        #expect(json.code == 1)
        let objects = try json.output.split(separator: "\n").map {
            try #require(
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(objects.count { $0["type"] as? String == "finding" } == 2)
        #expect(objects.last?["type"] as? String == "summary")
        #expect(objects.last?["outcome"] as? String == "damaged")
    }

    @Test func whatIsNoClusterIsRefused() throws {
        let directory = try copy()
        let control = directory.path + "/global/pg_control"
        try change(control) { file in
            try file.seek(toOffset: 100)
            try file.write(contentsOf: Data([0xFF]))
        }
        func code() -> StorageError.Code? {
            do {
                try DataDirectory.open(directory.path).close()
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code() == .clusterDamaged)
        // The version determines how the rest is laid out.
        try change(control) { file in
            try file.seek(toOffset: 8)
            try file.write(contentsOf: Data([1, 2, 3, 4]))
        }
        #expect(code() == .clusterDamaged)
        try change(control) { try $0.truncate(atOffset: 10) }
        #expect(code() == .clusterDamaged)
        try FileManager.default.removeItem(atPath: control)
        #expect(code() == .notADataDirectory)
        let refused = try Tool.run(["postgres", "verify", directory.path])
        #expect(refused.code == 2)
        #expect(refused.errors.contains("is not a data directory of PostgreSQL"))
    }
}
