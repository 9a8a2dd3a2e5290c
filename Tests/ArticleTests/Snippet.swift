import Foundation
import Testing

/// A program made of the Swift code that an article shows.
///
/// Every block fenced as `swift` is a program, or goes on with the one before it. An HTML comment
/// in front of a block, which no reader sees, adds what the block leaves out:
///
/// ```
/// <!-- snippet WORDS
/// code in front of the block's
/// -->
/// ```
///
/// | words | meaning |
/// |---|---|
/// | none | begins a program |
/// | `continues` | the block goes on with the program of the block before it |
/// | `ends` | the comment's code follows the block before it |
/// | `with PATH` | begins a program that has another source file of the repository as well |
/// | `from PATH` | the block stands, but for comments, in a file that the tests run |
/// | `not run: REASON` | begins a program that is only compiled |
/// | `not compiled: REASON` | the block is not looked at |
struct Snippet: Sendable, CustomTestStringConvertible {
    /// The article's path in the repository, and the line of the first block.
    let article: String
    var line: Int
    var code = ""
    /// Why it is not run; nil if it is.
    var whyNotRun: String?
    /// Another source file of the program, by its path in the repository.
    var companion: String?
    /// The file that the block stands in, and that the tests run instead.
    var origin: String?

    var testDescription: String { "\(article):\(line)" }

    /// The repository's directory.
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The code without comments and white space, so that indentation makes no difference.
    static func essence(_ code: String) -> String {
        code.split(separator: "\n").filter { !$0.hasPrefix("#sourceLocation") }.map { line in
            let end = line.firstRange(of: "//")?.lowerBound ?? line.endIndex
            return line[..<end].filter { !$0.isWhitespace }
        }.joined()
    }

    /// The programs of the README and of all articles, and what stands in files of the tests.
    static let all: [Snippet] = {
        do { return try articles().flatMap { try Snippets.read($0) } } catch {
            fatalError("the articles cannot be read: \(error)")
        }
    }()

    /// The paths of the README and of all articles.
    static func articles() throws -> [String] {
        let sources = root.appending(path: "Sources").path(percentEncoded: false)
        let articles = try FileManager.default.subpathsOfDirectory(atPath: sources)
            .filter { $0.hasSuffix(".md") && $0.contains(".docc/") }
        return ["README.md"] + articles.sorted().map { "Sources/" + $0 }
    }
}

/// Reads the programs out of one article.
struct Snippets {
    /// What is wrong with an article.
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    private let article: String
    private let lines: [Substring]
    private var position = 0
    private var found: [Snippet] = []
    /// What the comment in front of the next block says.
    private var words = ""
    private var hidden: (code: String, line: Int) = ("", 0)

    private init(_ article: String, _ text: String) {
        self.article = article
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    static func read(_ article: String) throws -> [Snippet] {
        let text = try String(contentsOf: Snippet.root.appending(path: article), encoding: .utf8)
        return try read(article, text)
    }

    static func read(_ article: String, _ text: String) throws -> [Snippet] {
        var reader = Snippets(article, text)
        while reader.position < reader.lines.count {
            let line = reader.lines[reader.position]
            reader.position += 1
            if line.hasPrefix("<!-- snippet") {
                try reader.readComment(line.dropFirst("<!-- snippet".count))
            } else if line.hasPrefix("```swift") {
                try reader.readBlock()
            } else if line.hasPrefix("```") {
                _ = try reader.take(until: "```")
            }
        }
        if !reader.words.isEmpty { throw reader.malformed("no block follows the last comment") }
        return reader.found
    }

    private func malformed(_ text: String) -> Malformed {
        Malformed(description: "\(article):\(position): \(text)")
    }

    private mutating func take(until end: String) throws -> String {
        let start = position
        while position < lines.count, lines[position] != end { position += 1 }
        guard position < lines.count else { throw malformed("\"\(end)\" is missing") }
        position += 1
        return lines[start..<position - 1].map { $0 + "\n" }.joined()
    }

    private mutating func readComment(_ rest: Substring) throws {
        let line = position + 1
        let isOneLine = rest.hasSuffix("-->")
        let words = (isOneLine ? rest.dropLast(3) : rest).trimmingCharacters(in: .whitespaces)
        let code = isOneLine ? "" : try take(until: "-->")
        guard words == "ends" else {
            (self.words, hidden) = (words.isEmpty ? "begins" : words, (code, line))
            return
        }
        if found.isEmpty { throw malformed("no block stands in front of an end") }
        append(code, line)
    }

    private mutating func readBlock() throws {
        let line = position + 1
        let code = try take(until: "```")
        defer { (words, hidden) = ("", ("", 0)) }
        if words.hasPrefix("not compiled: ") { return }
        if words == "continues" {
            if found.isEmpty { throw malformed("no block stands in front of one that continues") }
        } else {
            found.append(Snippet(article: article, line: line - 1))
            try heed(words, &found[found.count - 1])
        }
        append(hidden.code, hidden.line)
        append(code, line)
    }

    private func heed(_ words: String, _ snippet: inout Snippet) throws {
        func rest(_ start: String) -> String? {
            words.hasPrefix(start) ? String(words.dropFirst(start.count)) : nil
        }
        if let reason = rest("not run: ") {
            snippet.whyNotRun = reason
        } else if let path = rest("with ") {
            snippet.companion = path
        } else if let path = rest("from ") {
            snippet.origin = path
        } else if !words.isEmpty, words != "begins" {
            throw malformed("\"\(words)\" means nothing")
        }
    }

    /// Adds code, whose errors are reported where it stands in the article.
    private mutating func append(_ code: String, _ line: Int) {
        if code.isEmpty { return }
        let file = Snippet.root.appending(path: article).path(percentEncoded: false)
        found[found.count - 1].code += "#sourceLocation(file: \"\(file)\", line: \(line))\n\(code)"
    }
}
