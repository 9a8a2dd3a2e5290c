public import AsyncIO

/// Splits a column list as SQL writes it into names and types.
enum SchemaText {
    /// A column's name, and its type without modifier, in lower case.
    struct Part: Equatable {
        let name: String
        let type: String
    }

    /// Words that end a column's type.
    private static let constraints: Set<String> = [
        "not", "null", "primary", "unique", "default", "check", "references", "collate",
        "generated", "constraint", "storage", "compression",
    ]

    private static let mostColumns = 1600

    /// The columns.
    ///
    /// - Throws: `invalidSchema`.
    static func parts(of text: String) throws(StorageError) -> [Part] {
        var parts: [Part] = []
        for words in try columns(of: text) {
            guard let first = words.first else {
                throw invalid("column \(parts.count + 1) has no name", remedy)
            }
            let type = words.dropFirst().prefix { !constraints.contains($0) }
            guard !type.isEmpty else { throw invalid("column \"\(first)\" has no type", remedy) }
            parts.append(Part(name: first, type: joined(type)))
        }
        guard parts.count <= mostColumns else {
            throw invalid("\(parts.count) columns are more than a table can have", remedy)
        }
        return parts
    }

    private static let remedy = "Write them as in CREATE TABLE: id bigint, name text."

    /// Makes an error.
    static func invalid(_ what: String, _ remedy: String) -> StorageError {
        StorageError(.invalidSchema, "the schema cannot be read: \(what)", remedy: remedy)
    }

    private static func joined(_ words: ArraySlice<String>) -> String {
        var type = ""
        for word in words {
            type += type.isEmpty || word == "[]" ? word : " \(word)"
        }
        return type
    }

    /// The words of each column, modifiers left out, names in quotes without them.
    private static func columns(of text: String) throws(StorageError) -> [[String]] {
        var columns: [[String]] = []
        var words: [String] = []
        var rest = Array(text.unicodeScalars)[...]
        func isEnd(_ scalar: Unicode.Scalar) -> Bool {
            scalar.properties.isWhitespace || "(),\"[".unicodeScalars.contains(scalar)
        }
        while let next = rest.first {
            switch next {
            case ",":
                rest.removeFirst()
                columns.append(words)
                words = []
            case "(": try skipParentheses(&rest)
            case "[":
                guard let end = rest.firstIndex(of: "]") else {
                    throw invalid("a bracket is not closed", remedy)
                }
                rest = rest[(end + 1)...]
                words.append("[]")
            case "\"":
                let name = try quoted(&rest)
                // The type "char" is another one than char.
                words.append(words.isEmpty || name != "char" ? name : "\"char\"")
            case _ where next.properties.isWhitespace: rest.removeFirst()
            case ")": throw invalid("a parenthesis is closed that was not opened", remedy)
            default:
                let word = rest.prefix { !isEnd($0) }
                rest.removeFirst(word.count)
                words.append(String(String.UnicodeScalarView(word)).lowercased())
            }
        }
        if words.isEmpty && columns.isEmpty { throw invalid("it names no column", remedy) }
        columns.append(words)
        return columns
    }

    private static func skipParentheses(
        _ rest: inout ArraySlice<Unicode.Scalar>
    ) throws(StorageError) {
        var depth = 0
        while let next = rest.popFirst() {
            if next == "(" { depth += 1 }
            if next == ")" { depth -= 1 }
            if depth == 0 { return }
        }
        throw invalid("a parenthesis is not closed", remedy)
    }

    private static func quoted(
        _ rest: inout ArraySlice<Unicode.Scalar>
    ) throws(StorageError) -> String {
        rest.removeFirst()
        var name = String.UnicodeScalarView()
        while let next = rest.popFirst() {
            if next != "\"" {
                name.append(next)
            } else if rest.first == "\"" {
                rest.removeFirst()
                name.append(next)
            } else {
                return String(name)
            }
        }
        throw invalid("a quoted name is not closed", remedy)
    }
}

extension StorageError.Code {
    /// A column list given as text cannot be read.
    public static let invalidSchema = Self(rawValue: "invalidSchema")
}
