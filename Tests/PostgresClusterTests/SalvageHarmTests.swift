import Foundation
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

@Suite("Salvage of anything", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct SalvageHarmTests {
    /// Overwrites, shifts and repeats parts of a file.
    private static func harm(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        for _ in 0..<1 + generator.next() % 30 {
            let start = Int(generator.next() % UInt64(bytes.count))
            let count = min(bytes.count - start, 1 << Int(generator.next() % 13))
            let range = start..<start + count
            switch generator.next() % 6 {
            case 0: bytes[start] ^= 1 << UInt8(generator.next() % 8)
            case 1:
                for index in range { bytes[index] = UInt8(truncatingIfNeeded: generator.next()) }
            case 2: for index in range { bytes[index] = 0 }
            case 3: for index in range { bytes[index] = 0xFF }
            case 4:
                let from = Int(generator.next() % UInt64(bytes.count - count + 1))
                let copy = Array(bytes[from..<from + count])
                bytes.replaceSubrange(range, with: copy)
            default:
                // A page's header, where most depends on each bit.
                let header = start / 8192 * 8192 + Int(generator.next() % 64)
                if header < bytes.count {
                    bytes[header] = UInt8(truncatingIfNeeded: generator.next())
                }
            }
        }
    }

    @Test("harm to any file makes nothing trap or hang")
    func everything() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        print("Salvage of anything: seed \(seed)")
        var generator = SeededGenerator(seed)
        let copy = try ClusterCopy(Clusters.clean)
        let root = URL(filePath: copy.data)
        var files: [String] = []
        for folder in ["global", "base/16384", "pg_xact", "pg_multixact/offsets"] {
            files += try FileManager.default.contentsOfDirectory(
                atPath: root.appending(path: folder).path
            ).filter { !$0.hasSuffix(".map") }.map { "\(folder)/\($0)" }
        }
        for file in files.sorted() where generator.next() % 2 == 0 {
            var bytes = [UInt8](try copy.bytes(file))
            Self.harm(&bytes, &generator)
            try copy.write(file, bytes)
        }
        let rescue = try Rescues.open(copy.data)
        var rows = 0
        for name in ["app", "16384"] {
            guard let database = try? rescue.database(named: name) else { continue }
            let whole = try Clusters.clean.open()
            for table in try whole.database(named: "app").tables()
            where !table.name.hasPrefix("many_") {
                let name = TableName(schema: table.schema, name: table.name)
                guard let target = try? database.table(name) else { continue }
                rows += try rescue.all(target, dead: true).rows.count
            }
            try whole.close()
            break
        }
        _ = try rescue.orphans()
        let schema = try RescueSchema(parsing: "a int, b text, c numeric[], d jsonb")
        for file in files where file.hasPrefix("base") && file.last?.isNumber == true {
            guard let target = try? rescue.file(file, schema: schema) else { continue }
            rows += try rescue.all(target, dead: true).rows.count
        }
        print("\(rows) rows")
        try rescue.close()
    }

    @Test("harmed pages in an image make nothing trap or hang")
    func image() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        print("Salvage of a harmed image: seed \(seed)")
        var generator = SeededGenerator(seed)
        let copy = try ClusterCopy(Clusters.clean)
        var bytes: [UInt8] = []
        for name in ["b_bulk", "t_texts", "toast_external", "t_json"] {
            var file = [UInt8](try copy.bytes(try copy.file(name)))
            for _ in 0..<4 { Self.harm(&file, &generator) }
            bytes += file
        }
        let path = copy.directory.path + "/image"
        try Data(bytes).write(to: URL(filePath: path))
        for name in ["b_bulk", "t_texts", "toast_external", "t_json"] {
            let image = try ImageRescue.open(path)
            var options = ImageOptions()
            options.includesDead = true
            options.acceptsShortRows = true
            _ = try image.all(try PostgresSchemas.text(of: name, in: Clusters.clean.data), options)
            image.close()
        }
    }
}
