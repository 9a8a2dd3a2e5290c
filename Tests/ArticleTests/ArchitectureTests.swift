import Foundation
import Testing
import Threads

/// The article `Architecture` says what the code says.
@Suite struct ArchitectureTests {
    static let path = "Sources/Strata/Strata.docc/Architecture.md"
    static let article = Result {
        try String(contentsOf: Snippet.root.appending(path: path), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// The lines under a heading, up to the next one.
    static func section(_ heading: String) throws -> [Substring] {
        let lines = try article.get()
        let start = try #require(lines.firstIndex { $0.hasSuffix("# " + heading) }, "\(heading)")
        return Array(lines[(start + 1)...].prefix { !$0.hasPrefix("#") })
    }

    @Test func theTableOfLocksIsThatOfTheCode() throws {
        let rows = try Self.section("The locks").filter { $0.hasPrefix("| `") }
        let names = rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
        #expect(names == LockRank.allCases.map { "\($0)" })
    }

    /// A hop: a file below `Sources`, and a function that is declared in it.
    struct Hop: Hashable, CustomTestStringConvertible {
        let file: String
        let function: String
        var testDescription: String { "\(file): \(function)" }
    }

    /// The hops that the article names, as in `` `BufferManager/Buffer.swift: endInput` ``.
    static let hops: [Hop] = {
        let lines = (try? article.get()) ?? []
        return lines.flatMap { line in
            line.matches(of: /`([A-Za-z\/+]+\.swift): (\w+)`/).map {
                Hop(file: String($0.1), function: String($0.2))
            }
        }
    }()

    @Test func thereAreHops() { #expect(Self.hops.count > 20) }

    @Test(arguments: Set(hops))
    func hopExists(hop: Hop) throws {
        let file = Snippet.root.appending(path: "Sources/\(hop.file)")
        let text = try String(contentsOf: file, encoding: .utf8)
        let isDeclared =
            text.contains("func \(hop.function)(")
            || text.contains("func \(hop.function)<") || text.contains("var \(hop.function):")
        #expect(isDeclared, "\(hop.file) declares no \(hop.function)")
    }
}
