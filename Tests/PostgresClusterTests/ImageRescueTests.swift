import FileAccess
import Foundation
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

@Suite("Salvage of images", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct ImageRescueTests {
    /// An image: pieces of files among other bytes.
    private struct Image {
        var bytes: [UInt8] = []
        var generator: SeededGenerator
        let directory = TemporaryDirectory()
        var path: String { directory.path + "/image" }

        mutating func addNoise(_ count: Int) {
            for _ in 0..<count / 8 {
                withUnsafeBytes(of: generator.next()) { bytes += $0 }
            }
        }

        /// Adds bytes at a multiple of a file system's block.
        mutating func add(_ data: Data, alignment: Int) {
            let rest = bytes.count % alignment
            if rest != 0 { addNoise(alignment - rest) }
            bytes += data
        }

        func write() throws { try Data(bytes).write(to: URL(filePath: path)) }
    }

    private func open(_ image: Image, _ method: TestedMethod) throws -> ImageRescue {
        var options = PostgresOptions()
        options.ioMethod = method.choice
        return try ImageRescue.open(image.path, options: options)
    }

    @Test(
        "every row on an untouched page comes back once, and none of other tables",
        arguments: IOMethodMatrix.allWithPartialTransfers)
    func pages(_ method: TestedMethod) throws {
        let data = Clusters.clean.data
        let seed = UInt64.random(in: 0..<1_000_000)
        var image = Image(generator: SeededGenerator(seed))
        let directory = try Clusters.open(data)
        let database = try directory.database(named: "app")
        var rows: [String: [String]] = [:]
        let rescue = try Rescues.open(data)
        let tables = ["b_bulk", "t_ints", "t_floats", "t_texts", "t_json", "t_uuidnet"]
        let alignments = [512, 1024, 4096]
        for (index, name) in tables.enumerated() {
            let table = try database.table(try TableName(name))
            let bytes = try Data(
                contentsOf: URL(filePath: "\(data)/\(try #require(table.file))"))
            image.addNoise(20_000 * (index + 1))
            image.add(bytes, alignment: alignments[index % 3])
            // The same pages once more, as in a journal or an old copy.
            if index % 2 == 0 { image.add(bytes, alignment: 4096) }
            let target = try rescue.database(named: "app").table(try TableName(name))
            rows[name] = try rescue.all(target).rows.map(\.line)
        }
        image.addNoise(5000)
        try image.write()
        try directory.close()
        let found = try open(image, method)
        for name in tables {
            let schema = try PostgresSchemas.text(of: name, in: data)
            let rescued = try found.all(schema, directory: rescue.directory)
            #expect(
                rescued.rows.map(\.line).sorted() == rows[name]?.sorted(), "seed \(seed), \(name)")
            #expect(rescued.findings.isEmpty, "\(name): \(rescued.findings)")
        }
        found.close()
        try rescue.close()
    }

    @Test("values stored out of line are found", arguments: IOMethodMatrix.all)
    func toast(_ method: TestedMethod) throws {
        let data = Clusters.clean.data
        let directory = try Clusters.open(data)
        let database = try directory.database(named: "app")
        let table = try database.table(try TableName("toast_external"))
        let toast = try #require(
            database.tables(includingSystem: true)
                .first { $0.name == "pg_toast_\(table.number)" }?.file)
        try directory.close()
        var image = Image(generator: SeededGenerator(7))
        image.addNoise(600_000)
        // The values may come before or after their rows.
        let chunks = try Data(contentsOf: URL(filePath: "\(data)/\(toast)"))
        image.add(chunks.prefix(chunks.count / 8192 / 2 * 8192), alignment: 512)
        image.add(
            try Data(contentsOf: URL(filePath: "\(data)/\(try #require(table.file))")),
            alignment: 4096)
        image.addNoise(3000)
        image.add(chunks.dropFirst(chunks.count / 8192 / 2 * 8192), alignment: 4096)
        try image.write()
        let rescue = try Rescues.open(data)
        let target = try rescue.database(named: "app").table(try TableName("toast_external"))
        let expected = try rescue.all(target).rows.map(\.line).sorted()
        let opened = try open(image, method)
        let schema = try PostgresSchemas.text(of: "toast_external", in: data)
        let found = try opened.all(schema, directory: rescue.directory)
        #expect(found.rows.map(\.line).sorted() == expected)
        #expect(found.findings.isEmpty, "\(found.findings)")
        opened.close()
        try rescue.close()
    }

    @Test("of a page that is half overwritten, the rest comes back")
    func halves() throws {
        let data = Clusters.clean.data
        let rescue = try Rescues.open(data)
        let target = try rescue.database(named: "app").table(try TableName("b_bulk"))
        let expected = try rescue.all(target)
        var bytes = try Data(
            contentsOf: URL(
                filePath: "\(data)/\(try ClusterCopy(Clusters.clean).file("b_bulk"))"))
        var image = Image(generator: SeededGenerator(3))
        image.addNoise(4096)
        // The second half of block 1.
        bytes.replaceSubrange(8192 + 4096..<8192 + 8192, with: image.bytes)
        image.add(bytes, alignment: 4096)
        try image.write()
        let opened = try open(image, TestedMethod(.worker))
        let schema = try PostgresSchemas.text(of: "b_bulk", in: data)
        let found = try opened.all(schema, directory: rescue.directory)
        let (old, new) = (expected.byPlace, found.byPlace)
        for (place, lines) in old where !place.hasPrefix("(1,") { #expect(new[place] == lines) }
        for (place, lines) in new { #expect(old[place] == lines) }
        let half = found.rows.filter { $0.block == 1 }
        #expect(half.count > 10)
        #expect(half.allSatisfy { $0.confidence == .plausible })
        #expect(found.findings.map(\.kind) == [.damagedPage])
        opened.close()
        try rescue.close()
    }

    @Test("a damaged page of a TOAST relation is no table's of other columns")
    func damagedToast() throws {
        let data = Clusters.clean.data
        let directory = try Clusters.open(data)
        let database = try directory.database(named: "app")
        let table = try database.table(try TableName("toast_external"))
        let toast = try #require(
            database.tables(includingSystem: true)
                .first { $0.name == "pg_toast_\(table.number)" }?.file)
        try directory.close()
        var image = Image(generator: SeededGenerator(11))
        var chunks = [UInt8](try Data(contentsOf: URL(filePath: "\(data)/\(toast)")))
        for page in stride(from: 0, to: chunks.count, by: 8192) { chunks[page + 8] ^= 1 }
        image.add(Data(chunks), alignment: 4096)
        try image.write()
        let opened = try open(image, TestedMethod(.synchronous))
        // The numbers of value and chunk are a bigint, its bytes a text, and the header of
        // the next tuple a date.
        for schema in ["a bigint, b text, c date", "a bigint, b text, c int", "a int, b int"] {
            #expect(try opened.all(schema).rows.isEmpty, "\(schema)")
        }
        opened.close()
    }

    @Test("what is no image is refused")
    func refused() throws {
        let missing = try #require(throws: StorageError.self) {
            try ImageRescue.open("/nonexistent/image").all("a int")
        }
        #expect(missing.code == .fileMissing)
        #expect(throws: StorageError.self) { try ImageRescue.open("/dev/null") }
        #expect(throws: StorageError.self) { try ImageRescue.open("/") }
    }
}
