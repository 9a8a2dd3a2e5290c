import Foundation
import PageInspection
import PostgresCluster
import PostgresRescue
import StorageTesting
import Testing

@Suite("Inspection", .enabled(if: Clusters.canUnpack, "tar or zstd is missing"))
struct InspectionTests {
    private func page(_ file: String, _ block: Int) throws -> [UInt8] {
        let handle = try FileHandle(
            forReadingFrom: URL(filePath: "\(Clusters.clean.data)/\(file)"))
        defer { try? handle.close() }
        try handle.seek(toOffset: UInt64(block * 8192))
        return [UInt8](try #require(try handle.read(upToCount: 8192)))
    }

    @Test("the parts of a page cover it, and each item has its line pointer")
    func parts() throws {
        let file = try ClusterCopy(Clusters.clean).file("b_bulk")
        var inspector = PageInspector(checksums: true)
        inspector.useColumns(
            try RescueSchema(
                parsing: try PostgresSchemas.text(of: "b_bulk", in: Clusters.clean.data)))
        let page = inspector.inspect(try page(file, 1), block: 1)
        #expect(page.verification == .valid)
        #expect(page.kind == "a table")
        var end = 0
        for part in page.parts {
            #expect(part.range.lowerBound <= (end + 7) / 8 * 8)
            end = max(end, part.range.upperBound)
        }
        #expect((end + 7) / 8 * 8 == 8192)
        let items = page.parts.filter { $0.kind == .item }
        #expect(items.count == page.linePointers.filter { $0.state == "normal" }.count)
        #expect(items.count > 10)
        for item in items {
            #expect(item.fields.contains { $0.name == "t_xmin" })
            #expect(!item.fields.contains { $0.name == "fault" })
        }
    }

    @Test("maps of free space and visibility are told apart by their levels")
    func maps() throws {
        var checked = 0
        let folder = "\(Clusters.clean.data)/base/16384"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            var inspector = PageInspector(checksums: true)
            if name.hasSuffix("_fsm") {
                let pages = try Data(contentsOf: URL(filePath: "\(folder)/\(name)")).count / 8192
                for block in 0..<pages {
                    let page = inspector.inspect(
                        try page("base/16384/\(name)", block), block: UInt32(block),
                        file: .freeSpaceMap)
                    let fields = page.parts.flatMap(\.fields)
                    guard page.verification == .valid else { continue }
                    let level = fields.first { $0.name == "level" }?.value
                    #expect(level == .number(Int64(max(0, 2 - block))))
                    checked += 1
                }
            } else if name.hasSuffix("_vm"),
                try !Data(contentsOf: URL(filePath: "\(folder)/\(name)")).isEmpty
            {
                let page = inspector.inspect(
                    try page("base/16384/\(name)", 0), block: 0, file: .visibilityMap)
                #expect(page.verification.isUsable)
                checked += 1
            }
            if checked > 60 { break }
        }
        #expect(checked > 20)
    }

    @Test("no bytes make it trap")
    func fuzz() throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        print("Inspection of anything: seed \(seed)")
        var generator = SeededGenerator(seed)
        let folder = "\(Clusters.clean.data)/base/16384"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        var inspector = PageInspector(checksums: false)
        inspector.useColumns(try RescueSchema(parsing: "a int, b text, c numeric[], d jsonb"))
        for _ in 0..<400 {
            let name = names[Int(generator.next() % UInt64(names.count))]
            let data = try Data(contentsOf: URL(filePath: "\(folder)/\(name)"))
            guard data.count >= 8192 else { continue }
            let block = Int(generator.next() % UInt64(data.count / 8192))
            var bytes = [UInt8](data[block * 8192..<(block + 1) * 8192])
            for _ in 0..<generator.next() % 40 {
                let index = Int(generator.next() % (generator.next() % 2 == 0 ? 8192 : 64))
                bytes[index] = UInt8(truncatingIfNeeded: generator.next() >> 8)
            }
            for file in PageInspector.File.allCases {
                let page = inspector.inspect(bytes, block: UInt32(block), file: file)
                #expect(page.parts.allSatisfy { $0.range.upperBound <= 8192 })
            }
            let short = Array(bytes.prefix(Int(generator.next() % 8192)))
            _ = inspector.inspect(short, block: 0)
            _ = PageCell(bytes, block: 0, checksums: true).character
        }
    }

    @Test("cells tell whole, zero, damaged and unreadable pages apart")
    func cells() throws {
        let file = try ClusterCopy(Clusters.clean).file("b_bulk")
        var bytes = try page(file, 0)
        let whole = PageCell(bytes, block: 0, checksums: true)
        #expect("0123456789abcdefghij".contains(whole.character))
        #expect(PageCell(bytes, block: 1, checksums: true).state == .damaged)
        #expect(PageCell(nil, block: 0, checksums: true).character == "?")
        bytes = [UInt8](repeating: 0, count: 8192)
        #expect(PageCell(bytes, block: 0, checksums: true).character == ".")
    }
}
