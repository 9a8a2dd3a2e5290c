import Foundation
import StorageTesting
import Strata
import Testing

/// The README's two examples, exactly as shown there.
@Suite struct ReadmeExampleTests {
    /// The README's first example is what is between these marks.
    func pages(directory: String) throws -> Int {
        // example begins
        let engine = try Engine.open(directory)
        let session = try engine.makeSession()

        // Create: a relation is a sequence of pages, numbered from 0. It has none at first.
        let notes = try engine.createRelation(LoadTarget(relation: "notes"), session: session)

        // Extend: the new page is full of zeroes, and pinned in the pool.
        var added = try notes.extend(by: 1, session: session)
        if let page = added.next() {
            // Change: the editor holds the page's exclusive lock and marks the page dirty.
            try page.withEditor { editor in
                editor.initialize()
                _ = try editor.addItem("hello".utf8Span.span.bytes)
            }
        }
        try engine.checkpoint(session)  // The change is durable now.

        // Read: a page comes verified from the pool or the disk, and unpins itself.
        var length = 0
        do {
            let page = try notes.page(0, session: session)
            length = try page.withView { view in try view.item(1)?.byteCount ?? 0 }
        }
        session.close()
        try engine.close()
        // example ends
        return length
    }

    /// The README's second example is what is between these marks.
    func rows(directory: String) throws -> [Int64] {
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

    @Test func run() throws {
        let directory = TemporaryDirectory()
        #expect(try pages(directory: directory.path + "/pages") == 5)
        #expect(try rows(directory: directory.path + "/rows") == [1, 2])
    }

    @Test func areWhatTheReadmeShows() throws {
        let source = try String(contentsOf: URL(filePath: #filePath), encoding: .utf8)
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let tested = lines.split { $0.hasSuffix("// example begins") }.dropFirst()
            .compactMap { $0.split { $0.hasSuffix("// example ends") }.first }
        let readme = try String(
            contentsOf: HouseTests.root.appending(path: "README.md"), encoding: .utf8)
        let shown = readme.components(separatedBy: "```swift\nimport Strata\n\n").dropFirst()
            .map {
                $0.components(separatedBy: "\n```")[0].split(
                    separator: "\n", omittingEmptySubsequences: false)
            }
        #expect(shown.count == 2, "the README has two examples")
        #expect(shown.map(Self.unindented) == tested.map(Self.unindented))
    }

    private static func unindented(_ lines: some Sequence<Substring>) -> [Substring] {
        lines.map { $0.drop { $0 == " " } }
    }
}
