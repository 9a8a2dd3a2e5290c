import Foundation
import Testing

/// The article "What Strata promises" names only tests and scripts that exist.
@Suite("Promises name their tests") struct PromiseTests {
    private static let article = HouseTests.root.appending(
        path: "Sources/Strata/Strata.docc/WhatStrataPromises.md")

    /// The text between backticks.
    private func names() throws -> [Substring] {
        let text = try String(contentsOf: Self.article, encoding: .utf8)
        return text.split(separator: "\n").flatMap { line in
            line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 1 }.map(\.element)
        }
    }

    /// The sources of all tests, by folder.
    private func sources() throws -> [Substring: String] {
        var found: [Substring: String] = [:]
        for file in try HouseTests.sources(in: "Tests") {
            let parts = file.path.dropFirst(HouseTests.root.path.count + 1).split(separator: "/")
            found[parts[1], default: ""] += try String(contentsOf: file, encoding: .utf8)
        }
        return found
    }

    @Test func namedTestsExist() throws {
        let sources = try sources()
        var count = 0
        for name in try names() where name.contains("Tests") && !name.contains(" ") {
            var parts = name.split(separator: "/")
            // The module is omitted where it is clear, and may be alone.
            let module = sources[parts[0]] != nil ? parts.removeFirst() : nil
            count += 1
            let texts = module.map { [sources[$0] ?? ""] } ?? Array(sources.values)
            guard let suite = parts.first else { continue }
            let own = texts.filter { text in
                ["struct", "class", "actor", "enum"].contains { text.contains("\($0) \(suite)") }
            }
            #expect(!own.isEmpty, "there is no test \(name)")
            if parts.count > 1 {
                #expect(own.contains { $0.contains("func \(parts[1])(") }, "there is no \(name)")
            }
        }
        #expect(count > 40, "the article names its tests")
    }

    @Test func namedScriptsExist() throws {
        let scripts = try names().filter { $0.hasPrefix(".ci/") }
        #expect(!scripts.isEmpty)
        for script in scripts {
            let path = String(script.prefix { $0 != " " })
            #expect(
                FileManager.default.isExecutableFile(
                    atPath: HouseTests.root.appending(path: path).path), "there is no \(script)")
        }
    }

    /// Each promise has something that shows it, and none occurs twice.
    @Test func eachPromiseIsShownOnce() throws {
        let text = try String(contentsOf: Self.article, encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") }
        var seen: Set<Substring> = []
        for row in rows where !row.hasPrefix("| promise |") {
            let cells = row.split(separator: "|")
            #expect(cells.count == 3, "\(row)")
            let shown = cells.last ?? ""
            #expect(
                shown.contains("`") || shown.contains("simulator") || shown.contains("harness"),
                "nothing shows \(row)")
            #expect(seen.insert(cells[0]).inserted, "twice: \(row)")
        }
        #expect(seen.count > 30)
    }
}
