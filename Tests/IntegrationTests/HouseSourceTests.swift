import Foundation
import Testing

/// What every source file keeps to, and what nothing uses any more.
@Suite struct HouseSourceTests {
    /// A source file: its lines, and the words of its code.
    struct Source {
        let url: URL
        let lines: [Substring]
        /// By line, without comments.
        let words: [[String]]

        init(_ url: URL) throws {
            self.url = url
            let text = try String(contentsOf: url, encoding: .utf8)
            lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            words = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                .map(Self.words)
        }

        var name: String { url.lastPathComponent }

        /// The words of a line of code. Looks at bytes, since tests run without optimization.
        static func words(_ line: Substring.UTF8View) -> [String] {
            var words: [String] = []
            var word: [UInt8] = []
            var previous: UInt8 = 0
            for byte in line {
                if byte == UInt8(ascii: "/") && previous == byte { break }
                previous = byte
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    word.append(byte)
                default:
                    if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
                    word.removeAll(keepingCapacity: true)
                }
            }
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
            return words
        }

        /// The names that it declares, and their lines.
        func declarations() -> [(name: String, line: Int)] {
            words.enumerated().compactMap { index, words in
                guard let kind = words.firstIndex(where: HouseSourceTests.kinds.contains),
                    kind + 1 < words.count,
                    lines[index].contains("@")
                        || words[..<kind].allSatisfy(HouseSourceTests.modifiers.contains)
                else { return nil }
                let line = lines[index]
                let head = line.utf8.prefix { !HouseSourceTests.ends.contains($0) }
                let named = Self.words(head)
                guard kind + 1 < named.count, !named.contains("override") else { return nil }
                // A pattern, not a declaration.
                let isPattern =
                    line.utf8[head.endIndex...].first == UInt8(ascii: ":")
                    || head.contains(UInt8(ascii: "."))
                if named[kind] == "case" && isPattern { return nil }
                return (named[kind + 1], index + 1)
            }
        }
    }

    /// What may stand before the kind of a declaration; so that text is none.
    static let modifiers: Set = [
        "public", "package", "internal", "private", "fileprivate", "set", "static", "final",
        "mutating", "borrowing", "consuming", "nonisolated", "unsafe", "lazy", "weak", "unowned",
        "indirect", "required", "convenience", "override",
    ]

    /// What ends the head of a declaration.
    static let ends = Set("(:=<{\"".utf8)

    static let kinds: Set<String> = [
        "func", "var", "let", "struct", "enum", "class", "actor", "protocol", "typealias", "case",
    ]

    static func sources(in folders: [String]) throws -> [Source] {
        let sources = try folders.flatMap { try HouseTests.sources(in: $0) }.map(Source.init)
        try #require(!sources.isEmpty, "there are no sources in \(folders)")
        return sources
    }

    static let all = Result { try sources(in: ["Sources", "Tests"]) }

    @Test func linesAreAtMost100Columns() throws {
        for source in try Self.all.get() {
            for (index, line) in source.lines.enumerated() where line.utf8.count > 100 {
                #expect(line.count <= 100, "\(source.name):\(index + 1)")
            }
        }
    }

    @Test func filesAreAtMost400Lines() throws {
        for source in try Self.all.get() {
            #expect(source.lines.count <= 400, "\(source.name)")
        }
    }

    /// Relies on the formatter: a body ends with a brace as far to the right as its head.
    @Test func functionsAreAtMost70Lines() throws {
        var found = 0
        for source in try Self.all.get() {
            var heads: [(indent: Int, line: Int)] = []
            for (index, line) in source.lines.enumerated() {
                let indent = line.prefix { $0 == " " }.count
                if line.dropFirst(indent).first == "}", let head = heads.last,
                    head.indent == indent
                {
                    let length = index - head.line + 1
                    #expect(length <= 70, "\(source.name):\(head.line + 1) has \(length) lines")
                    heads.removeLast()
                    found += 1
                }
                guard !line.dropFirst(indent).hasPrefix("//") else { continue }
                let words = Source.words(line.utf8.prefix { !Self.ends.contains($0) })
                if words.contains("func") || words.contains("init") || words.contains("deinit"),
                    !line.hasSuffix("}")
                {
                    heads.removeAll { $0.indent >= indent }
                    heads.append((indent, index))
                }
            }
        }
        #expect(found > 1000, "functions are recognised")
    }

    /// What a protocol of the language or of a package asks for, so that nothing here names it.
    static let askedFor: Set<String> = [
        "enqueue", "isSameExclusiveExecutionContext", "metadataProvider", "main",
    ]

    /// Numbers and flags of a format, listed whole though not each is needed.
    static let listsOfFormats: Set = ["HeapTupleHeader.swift"]

    @Test func everyDeclarationIsUsed() throws {
        var uses: [String: Int] = [:]
        for source in try Self.all.get() {
            for word in source.words.joined() { uses[word, default: 0] += 1 }
        }
        var declared: [String: [String]] = [:]
        for source in try Self.all.get()
        where source.url.path.hasPrefix(HouseTests.root.appending(path: "Sources").path)
            && !Self.listsOfFormats.contains(source.name)
        {
            for (name, line) in source.declarations() {
                declared[name, default: []].append("\(source.name):\(line)")
            }
        }
        #expect(declared.count > 1000, "declarations are recognised")
        for (name, places) in declared where !Self.askedFor.contains(name) {
            #expect(uses[name]! > places.count, "\(name), \(places), is not used")
        }
    }
}
