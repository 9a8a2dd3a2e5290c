extension Schema {
    /// Reads a schema from SQL's column list: `id bigint, name text NOT NULL, "Odd Name" date`.
    ///
    /// Bare names are folded to lower case, quoted ones are kept, with quotes within them doubled.
    /// A column may be NULL unless it says NOT NULL.
    ///
    /// - Throws: ``SchemaError`` with the column or the offset of the fault.
    public init(parsing text: String) throws(SchemaError) {
        var parser = SchemaParser(text)
        try self.init(try parser.columns())
        try checkNames()
    }
}

/// Splits a column list into tokens and the tokens into columns.
private struct SchemaParser {
    private enum Token: Equatable {
        case word(String)
        case quotedName(String)
        case comma
        case parenthesis
        /// What makes a type an array, whatever number is between.
        case brackets
        case end
    }

    private let bytes: [UInt8]
    private var position = 0
    private var tokenStart = 0

    init(_ text: String) {
        bytes = Array(text.utf8)
    }

    mutating func columns() throws(SchemaError) -> [Column] {
        var result: [Column] = []
        var token = try next()
        if token == .end { throw .noColumns }
        while true {
            let name: String
            switch token {
            case .word(let word): name = word.lowercased()
            case .quotedName(let quoted): name = quoted
            case .comma, .end: throw .emptyName(position: result.count + 1)
            case .parenthesis, .brackets: throw unexpected()
            }
            let (column, last) = try column(named: name)
            result.append(column)
            switch last {
            case .end: return result
            case .comma: token = try next()
            case .word, .quotedName, .parenthesis, .brackets: throw unexpected()
            }
        }
    }

    /// Parses the rest of a column's definition. Returns the column and the token after it.
    private mutating func column(named name: String) throws(SchemaError) -> (Column, Token) {
        var type: [String] = []
        var numbers: [Int]?
        var isArray = false
        var isNullable: Bool?
        var token = try next()
        while true {
            if token == .parenthesis, !type.isEmpty, numbers == nil, !isArray, isNullable == nil {
                numbers = try self.numbers(ofType: type.joined(separator: " "), column: name)
                token = try next()
                continue
            }
            if token == .brackets, !type.isEmpty, isNullable == nil {
                isArray = true
                token = try next()
                continue
            }
            guard case .word(let word) = token else { break }
            switch word.lowercased() {
            case "not" where isNullable == nil:
                token = try next()
                guard case .word(let null) = token, null.lowercased() == "null" else {
                    throw unexpected()
                }
                isNullable = false
            case "null" where isNullable == nil:
                isNullable = true
            case "array" where !type.isEmpty && !isArray && isNullable == nil:
                isArray = true
            default:
                if isNullable != nil || isArray { throw unexpected() }
                type.append(word)
            }
            token = try next()
        }
        let typeName = type.joined(separator: " ")
        if typeName.isEmpty { throw .missingType(column: name) }
        guard var type = ColumnType(sqlName: typeName) else {
            throw .unknownType(typeName, column: name)
        }
        // FLOAT's precision chooses the type, and is no part of it.
        if typeName.lowercased() == "float", let digits = numbers {
            guard digits.count == 1, (1...53).contains(digits[0]) else {
                throw .typeModifier(typeName, column: name)
            }
            type = digits[0] <= 24 ? .real : .doublePrecision
            numbers = nil
        }
        // SQL's CHARACTER without a length has one character; PostgreSQL's bpchar has any number.
        if type == .char && numbers == nil && typeName.lowercased() != "bpchar" { numbers = [1] }
        if isArray { type = type.array }
        var modifier: TypeModifier?
        if let numbers {
            modifier = TypeModifier(numbers, of: type)
            if modifier == nil { throw .typeModifier(typeName, column: name) }
        }
        let column = Column(
            name: name, type: type, modifier: modifier, isNullable: isNullable ?? true)
        return (column, token)
    }

    /// Reads the numbers between parentheses, of which the first has been read.
    private mutating func numbers(
        ofType type: String, column: String
    ) throws(SchemaError) -> [Int] {
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: ")")) else {
            position = bytes.count
            throw unexpected()
        }
        let text = String(decoding: bytes[position..<end], as: UTF8.self)
        position = end + 1
        var numbers: [Int] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(whereSeparator: \.isWhitespace)
            guard words.count == 1, let number = Int(words[0]) else {
                throw .typeModifier(type, column: column)
            }
            numbers.append(number)
        }
        return numbers
    }

    private mutating func next() throws(SchemaError) -> Token {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
        tokenStart = position
        guard position < bytes.count else { return .end }
        switch bytes[position] {
        case UInt8(ascii: ","):
            position += 1
            return .comma
        case UInt8(ascii: "("):
            position += 1
            return .parenthesis
        case UInt8(ascii: "["):
            try skipBrackets()
            return .brackets
        case UInt8(ascii: "\""):
            return .quotedName(try quotedName())
        default:
            while position < bytes.count, Self.isWord(bytes[position]) { position += 1 }
            if position == tokenStart {
                position += 1
                throw unexpected()
            }
            return .word(String(decoding: bytes[tokenStart..<position], as: UTF8.self))
        }
    }

    /// Skips brackets, and the number between them if there is one.
    private mutating func skipBrackets() throws(SchemaError) {
        repeat {
            position += 1
        } while position < bytes.count
            && (Self.isSpace(bytes[position])
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]))
        guard position < bytes.count, bytes[position] == UInt8(ascii: "]") else {
            throw unexpected()
        }
        position += 1
    }

    private mutating func quotedName() throws(SchemaError) -> String {
        var name: [UInt8] = []
        position += 1
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "\"") {
                position += 1
                guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                    return String(decoding: name, as: UTF8.self)
                }
            }
            name.append(bytes[position])
            position += 1
        }
        throw .unterminatedName(offset: tokenStart)
    }

    private func unexpected() -> SchemaError {
        let text = String(decoding: bytes[tokenStart..<position], as: UTF8.self)
        return .unexpected(text.isEmpty ? "end of text" : text, offset: tokenStart)
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"),
            0x80...0xFF:
            true
        default: false
        }
    }
}
