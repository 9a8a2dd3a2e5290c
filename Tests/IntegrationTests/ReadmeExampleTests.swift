import Foundation
import StorageTesting
import Strata
import Testing

/// The README's example, exactly as shown there.
@Suite struct ReadmeExampleTests {
    /// The README shows what is between these marks.
    func example(directory: String) throws -> [Int64] {
        // example begins
        let engine = try Engine.open(directory)
        let session = try engine.makeSession()

        // All or nothing: until the commit, readers and a crash see the store as it was.
        let schema = try Schema(parsing: "id bigint not null, name text")
        var rows = HeapTupleBuilder(layout: schema.layout)
        let load = try engine.beginLoad(
            LoadTarget(relation: "people", schema: schema, mode: .replace), session: session)
        do {  // A page is given back at the end of its scope, so before the commit.
            let page = try load.nextPage()
            try page.withEditor { editor in
                editor.initialize()
                for (id, name) in [(1, "Ada"), (2, "Grace")] {
                    rows.begin()
                    rows.append(Int64(id))
                    rows.appendVariable(name.utf8Span.span.bytes)
                    _ = try rows.place(on: &editor, block: page.block.rawValue)
                }
            }
        }
        let people = try load.commit(rowCount: 2)

        // Pages come verified, read ahead of their use, and unpin themselves.
        var found: [Int64] = []
        var decoder = HeapTupleDecoder(layout: schema.layout)
        var stream = people.scan(session: session)
        while let page = try stream.next() {
            try page.withView { view in
                for number in view.linePointerNumbers {
                    guard let tuple = try view.tuple(number) else { continue }
                    try decoder.decode(tuple)
                    if let id = try decoder.integer(0, of: tuple, as: Int64.self) {
                        found.append(id)
                    }
                }
            }
        }
        session.close()
        try engine.close()
        // example ends
        return found
    }

    @Test func runs() throws {
        let directory = TemporaryDirectory()
        #expect(try example(directory: directory.path + "/store") == [1, 2])
    }

    @Test func isWhatTheReadmeShows() throws {
        let source = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let first = try #require(lines.firstIndex { $0.hasSuffix("// example begins") })
        let last = try #require(lines.firstIndex { $0.hasSuffix("// example ends") })
        let shown = lines[(first + 1)..<last].map { $0.drop { $0 == " " } }
        let readme = try String(
            contentsOf: HouseTests.root.appending(path: "README.md"), encoding: .utf8)
        let block = readme.components(separatedBy: "```swift\nimport Strata\n\n")
        try #require(block.count == 2, "the README has one example")
        let code = block[1].components(separatedBy: "```")[0].split(
            separator: "\n", omittingEmptySubsequences: false)
        #expect(code.dropLast().map { $0.drop { $0 == " " } } == shown)
    }
}
