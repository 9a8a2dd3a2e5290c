/// A tree of nodes as the catalogs keep expressions (`pg_node_tree`). Mirrors `pg_strtok` and
/// `nodeRead`, as far as expressions of constants need it.
package indirect enum NodeTree: Sendable {
    /// Nothing: `<>`.
    case none
    /// A word, number or string.
    case word([UInt8])
    case list([NodeTree])
    /// A node with its fields. A field may have several values, such as the bytes of a constant.
    case node(String, [String: [NodeTree]])

    /// How deeply nodes may nest.
    private static let nesting = 64

    /// Reads a tree; nil if the text is none. Takes time proportional to the text.
    package init?(_ text: [UInt8]) {
        var cursor = Cursor(text: text)
        guard let tree = Self.read(&cursor, depth: 0) else { return nil }
        self = tree
    }

    /// A position in the text.
    private struct Cursor {
        let text: [UInt8]
        var position = 0

        /// Whether a byte separates words.
        private static func isSpace(_ byte: UInt8) -> Bool {
            byte == 32 || byte == 9 || byte == 10
        }

        private static func isMark(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "{")
                || byte == UInt8(ascii: "}")
        }

        /// The next byte that is no space.
        mutating func peek() -> UInt8? {
            while position < text.count, Self.isSpace(text[position]) { position += 1 }
            return position < text.count ? text[position] : nil
        }

        /// Takes a mark, or a word with its backslashes removed. Nil at the end.
        mutating func take() -> (word: [UInt8], isMark: Bool)? {
            guard let first = peek() else { return nil }
            if Self.isMark(first) {
                position += 1
                return ([first], true)
            }
            var word: [UInt8] = []
            while position < text.count, !Self.isSpace(text[position]),
                !Self.isMark(text[position])
            {
                if text[position] == UInt8(ascii: "\\"), position + 1 < text.count { position += 1 }
                word.append(text[position])
                position += 1
            }
            return (word, false)
        }
    }

    private static func read(_ cursor: inout Cursor, depth: Int) -> NodeTree? {
        guard depth < nesting, let (word, isMark) = cursor.take() else { return nil }
        if !isMark { return word == Array("<>".utf8) ? NodeTree.none : .word(word) }
        switch word[0] {
        case UInt8(ascii: "("):
            var elements: [NodeTree] = []
            while let next = cursor.peek() {
                if next == UInt8(ascii: ")") {
                    _ = cursor.take()
                    return .list(elements)
                }
                guard let element = read(&cursor, depth: depth + 1) else { return nil }
                elements.append(element)
            }
            return nil
        case UInt8(ascii: "{"): return readNode(&cursor, depth)
        default: return nil
        }
    }

    private static func readNode(_ cursor: inout Cursor, _ depth: Int) -> NodeTree? {
        guard let (name, isMark) = cursor.take(), !isMark else { return nil }
        var fields: [String: [NodeTree]] = [:]
        while let next = cursor.peek() {
            if next == UInt8(ascii: "}") {
                _ = cursor.take()
                return .node(String(decoding: name, as: UTF8.self), fields)
            }
            guard let (field, isMark) = cursor.take(), !isMark, field.first == UInt8(ascii: ":")
            else { return nil }
            var values: [NodeTree] = []
            // A value may begin with a colon, but only the first one.
            while let next = cursor.peek(), next != UInt8(ascii: "}"),
                values.isEmpty || next != UInt8(ascii: ":")
            {
                guard let value = read(&cursor, depth: depth + 1) else { return nil }
                values.append(value)
            }
            fields[String(decoding: field.dropFirst(), as: UTF8.self)] = values
        }
        return nil
    }
}

extension NodeTree {
    /// The name of a node; nil if it is something else.
    package var name: String? { if case .node(let name, _) = self { name } else { nil } }

    /// The first value of a field.
    package func field(_ name: String) -> NodeTree? {
        guard case .node(_, let fields) = self else { return nil }
        return fields[name]?.first
    }

    /// The elements of a field that is a list.
    package func elements(_ name: String) -> [NodeTree] {
        guard case .list(let elements) = field(name) else { return [] }
        return elements
    }

    /// A field as text.
    package func text(_ name: String) -> String? {
        guard case .word(let word) = field(name) else { return nil }
        return String(decoding: word, as: UTF8.self)
    }

    /// A field as a number.
    package func number(_ name: String) -> Int? { text(name).flatMap { Int($0) } }

    /// The bytes of a constant: their count, then each between brackets. Nil if there are none.
    package func datum(_ name: String) -> [UInt8]? {
        guard case .node(_, let fields) = self, let values = fields[name], values.count >= 3 else {
            return nil
        }
        let words = values.map { value -> String in
            if case .word(let word) = value { String(decoding: word, as: UTF8.self) } else { "" }
        }
        guard let count = Int(words[0]), count >= 0, words[1] == "[", words.last == "]" else {
            return nil
        }
        var bytes: [UInt8] = []
        for word in words[2..<words.count - 1] {
            guard let number = Int(word) else { return nil }
            bytes.append(UInt8(truncatingIfNeeded: number))
        }
        // A value of a few bytes is printed as a whole word of eight.
        return count <= bytes.count ? Array(bytes.prefix(count)) : nil
    }
}
