import Foundation
import StorageTesting
import Testing

@Suite struct SnippetTests {
    #if os(Linux)
        static let canCompile = Compiler.executable != nil
    #else
        static let canCompile = false
    #endif

    @Test(
        .enabled(if: canCompile, "needs Linux, and a swiftc in the search path"),
        arguments: Snippet.all.filter { $0.origin == nil })
    func compilesAndRuns(snippet: Snippet) throws {
        let outcome = try Compiler.shared.get().execute(snippet, in: TemporaryDirectory())
        #expect(outcome.code == 0, "\(snippet.testDescription)\n\(outcome.output)")
    }

    @Test(arguments: Snippet.all.filter { $0.origin != nil })
    func standsInTheTests(snippet: Snippet) throws {
        let file = Snippet.root.appending(path: try #require(snippet.origin))
        let tested = Snippet.essence(try String(contentsOf: file, encoding: .utf8))
        let isThere = tested.contains(Snippet.essence(snippet.code))
        #expect(isThere, "\(file.path()) does not have this code")
    }

    @Test func theArticlesAreFound() throws {
        #expect(try Snippet.articles().contains("Sources/Strata/Strata.docc/Strata.md"))
        #expect(Snippet.all.contains { $0.article == "README.md" })
    }

    @Test func blocksOfOneProgramAreJoined() throws {
        let text = """
            <!-- snippet
            hidden
            -->
            ```swift
            first
            ```
            ```sh
            <!-- snippet
            ```
            <!-- snippet continues -->
            ```swift
            second
            ```
            <!-- snippet ends
            third
            -->
            <!-- snippet not run: no server -->
            ```swift
            fourth
            ```
            <!-- snippet not compiled: another language -->
            ```swift
            fifth
            ```
            """
        let found = try Snippets.read("A.md", text)
        let code = found.map { snippet in
            snippet.code.split(separator: "\n").filter { !$0.hasPrefix("#") }
        }
        #expect(code == [["hidden", "first", "second", "third"], ["fourth"]])
        #expect(found.map(\.whyNotRun) == [nil, "no server"])
        #expect(found[1].code.contains("line: 19)\nfourth"))
    }

    @Test(arguments: [
        "<!-- snippet continues -->\n```swift\n```", "<!-- snippet ends -->",
        "<!-- snippet mumbles -->\n```swift\n```", "```swift", "<!-- snippet",
    ])
    func malformedArticlesAreRefused(text: String) {
        #expect(throws: Snippets.Malformed.self) { try Snippets.read("A.md", text) }
    }
}
