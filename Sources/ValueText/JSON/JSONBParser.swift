import RowSchema

/// Reads JSON into the bytes of a `jsonb`. Mirrors PostgreSQL's `jsonb_in` and `convertToJsonb`:
/// objects have their keys in order of length, then of bytes, and of equal keys the last one
/// counts.
package struct JSONBParser {
    private enum Kind {
        /// Bytes of ``strings``.
        case string(Range<Int>)
        /// The datum of a number in ``strings``.
        case number(Range<Int>)
        case boolean(Bool)
        case null
        /// Nodes, in order.
        case array([Int])
        /// Keys in ``strings``, and nodes.
        case object([(key: Range<Int>, value: Int)])
    }

    private var nodes: [Kind] = []
    /// The texts of keys and strings, and the data of numbers.
    private var strings: [UInt8] = []

    /// Appends the bytes of the value in `text`.
    ///
    /// - Throws: ``ValueError`` if the text is not JSON, or has a character that text cannot hold.
    package static func parse(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) {
        var parser = JSONBParser()
        try parser.read(text)
        try parser.write(to: &datum)
    }

    // MARK: Reading

    private mutating func read(_ text: Span<UInt8>) throws(ValueError) {
        var syntax = JSONSyntax(.jsonb)
        var open: [Int] = []
        var key: Range<Int>?
        while let token = try syntax.next(text) {
            let kind: Kind
            switch token {
            case .string(let range, let hasEscapes, let isKey):
                let string = try add(text, range, hasEscapes)
                if isKey {
                    key = string
                    continue
                }
                kind = .string(string)
            case .number(let range): kind = .number(try addNumber(text, range))
            case .boolean(let value): kind = .boolean(value)
            case .null: kind = .null
            case .beginArray: kind = .array([])
            case .beginObject: kind = .object([])
            case .endArray, .endObject:
                if let node = open.popLast(), case .object(let members) = nodes[node] {
                    nodes[node] = .object(unique(members))
                }
                continue
            }
            let node = nodes.count
            nodes.append(kind)
            if let parent = open.last { attach(node, to: parent, key) }
            key = nil
            switch kind {
            case .array, .object: open.append(node)
            default: break
            }
        }
    }

    private mutating func attach(_ node: Int, to parent: Int, _ key: Range<Int>?) {
        let kind = nodes[parent]
        // The list is changed in place, not copied.
        nodes[parent] = .null
        switch kind {
        case .array(var elements):
            elements.append(node)
            nodes[parent] = .array(elements)
        case .object(var members):
            if let key { members.append((key, node)) }
            nodes[parent] = .object(members)
        default: nodes[parent] = kind
        }
    }

    /// The members in order of their keys, of equal ones only the last.
    private func unique(
        _ members: [(key: Range<Int>, value: Int)]
    ) -> [(key: Range<Int>, value: Int)] {
        let sorted = members.sorted {
            switch compare($0.key, $1.key) {
            case 0: $0.value < $1.value
            case let order: order < 0
            }
        }
        var result: [(key: Range<Int>, value: Int)] = []
        for member in sorted {
            if let last = result.last, compare(last.key, member.key) == 0 { result.removeLast() }
            result.append(member)
        }
        return result
    }

    private func compare(_ left: Range<Int>, _ right: Range<Int>) -> Int {
        if left.count != right.count { return left.count - right.count }
        for offset in 0..<left.count {
            let difference =
                Int(strings[left.lowerBound + offset])
                - Int(strings[right.lowerBound + offset])
            if difference != 0 { return difference }
        }
        return 0
    }

    private mutating func addNumber(
        _ text: Span<UInt8>, _ range: Range<Int>
    ) throws(ValueError) -> Range<Int> {
        var number = ByteOutput(capacity: 32)
        do throws(ValueError) {
            try NumericText.parse(text.extracting(range), into: &number)
        } catch {
            throw ValueError(.jsonb, .outOfRange)
        }
        let start = strings.count
        strings += number.bytes
        return start..<strings.count
    }

    private mutating func add(
        _ text: Span<UInt8>, _ range: Range<Int>, _ hasEscapes: Bool
    ) throws(ValueError) -> Range<Int> {
        let start = strings.count
        if hasEscapes {
            try addEscaped(text, range)
        } else {
            for index in range { strings.append(text[index]) }
        }
        return start..<strings.count
    }

    /// Appends a string in which a backslash stands before some characters.
    private mutating func addEscaped(
        _ text: Span<UInt8>, _ range: Range<Int>
    ) throws(ValueError) {
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = text[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                strings.append(byte)
                continue
            }
            let escaped = text[index]
            index += 1
            switch escaped {
            case UInt8(ascii: "b"): strings.append(0x08)
            case UInt8(ascii: "f"): strings.append(0x0C)
            case UInt8(ascii: "n"): strings.append(0x0A)
            case UInt8(ascii: "r"): strings.append(0x0D)
            case UInt8(ascii: "t"): strings.append(0x09)
            case UInt8(ascii: "u"): try addUnicode(text, &index, range.upperBound)
            default: strings.append(escaped)
            }
        }
    }

    /// Appends the character of four hexadecimal digits, or of two times four.
    private mutating func addUnicode(
        _ text: Span<UInt8>, _ index: inout Int, _ end: Int
    ) throws(ValueError) {
        let first = Self.unit(text, index)
        index += 4
        var code = first
        if first & 0xFC00 == 0xD800 {
            guard index + 6 <= end, text[index] == UInt8(ascii: "\\"),
                text[index + 1] == UInt8(ascii: "u")
            else { throw ValueError(.jsonb, .invalidSyntax) }
            let second = Self.unit(text, index + 2)
            guard second & 0xFC00 == 0xDC00 else { throw ValueError(.jsonb, .invalidSyntax) }
            index += 6
            code = 0x10000 + ((first & 0x3FF) << 10 | second & 0x3FF)
        }
        // Text cannot hold NUL, nor half a pair.
        guard code != 0, let scalar = Unicode.Scalar(code) else {
            throw ValueError(.jsonb, .invalidSyntax)
        }
        strings.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private static func unit(_ text: Span<UInt8>, _ index: Int) -> UInt32 {
        var value: UInt32 = 0
        for offset in 0..<4 {
            value = value << 4 | UInt32(TextScan.hexDigit(text[index + offset]) ?? 0)
        }
        return value
    }

    // MARK: Writing

    /// A container being written.
    private struct Frame {
        /// Its values, and for an object its keys.
        let values: [Int]
        let keys: [Range<Int>]
        /// Where it begins, with the padding before it.
        let base: Int
        /// Where its next word is.
        var entry: Int
        /// How many words have been written.
        var index = 0
        /// The length of its data so far.
        var length = 0
    }

    /// Of so many words, one has an end instead of a length. PostgreSQL's `JB_OFFSET_STRIDE`.
    private static let stride = 32

    private mutating func write(to datum: inout ByteOutput) throws(ValueError) {
        guard let first = nodes.first else { throw ValueError(.jsonb, .invalidSyntax) }
        var frames: [Frame] = []
        switch first {
        case .array, .object: frames.append(begin(first, to: &datum))
        default:
            // A value that is no container is the only element of an array.
            frames.append(begin(.array([0]), isScalar: true, to: &datum))
        }
        while var frame = frames.popLast() {
            if frame.index == frame.keys.count + frame.values.count {
                let size = datum.count - frame.base
                if !frames.isEmpty { Self.end(5, size, &frames[frames.count - 1], &datum) }
                continue
            }
            let start = datum.count
            if frame.index < frame.keys.count {
                append(frame.keys[frame.index], to: &datum)
                Self.end(0, datum.count - start, &frame, &datum)
                frames.append(frame)
                continue
            }
            let node = nodes[frame.values[frame.index - frame.keys.count]]
            switch node {
            case .string(let range):
                append(range, to: &datum)
                Self.end(0, datum.count - start, &frame, &datum)
            case .number(let range):
                Self.pad(&datum)
                Self.append(word: UInt32(range.count + 4) << 2, to: &datum)
                append(range, to: &datum)
                Self.end(1, datum.count - start, &frame, &datum)
            case .boolean(let value): Self.end(value ? 3 : 2, 0, &frame, &datum)
            case .null: Self.end(4, 0, &frame, &datum)
            case .array, .object:
                frames.append(frame)
                frames.append(begin(node, to: &datum))
                continue
            }
            frames.append(frame)
        }
    }

    /// Begins a container with its header and room for its words.
    private func begin(
        _ node: Kind, isScalar: Bool = false, to datum: inout ByteOutput
    ) -> Frame {
        let base = datum.count
        Self.pad(&datum)
        var header: UInt32 = isScalar ? 1 << 28 : 0
        let values: [Int]
        var keys: [Range<Int>] = []
        switch node {
        case .object(let members):
            header |= 1 << 29
            values = members.map(\.value)
            keys = members.map(\.key)
        case .array(let elements):
            header |= 1 << 30
            values = elements
        default: values = []
        }
        Self.append(word: header | UInt32(values.count), to: &datum)
        let entry = datum.count
        for _ in 0..<keys.count + values.count { Self.append(word: 0, to: &datum) }
        return Frame(values: values, keys: keys, base: base, entry: entry)
    }

    /// Writes the word of an entry whose data has been written.
    private static func end(
        _ type: UInt32, _ size: Int, _ frame: inout Frame, _ datum: inout ByteOutput
    ) {
        frame.length += size
        let hasEnd = frame.index % stride == 0
        let number = UInt32(truncatingIfNeeded: hasEnd ? frame.length : size)
        let word = type << 28 | number | (hasEnd ? 1 << 31 : 0)
        for offset in 0..<4 {
            datum.set(
                frame.entry + offset, to: UInt8(truncatingIfNeeded: word >> UInt32(8 * offset)))
        }
        frame.entry += 4
        frame.index += 1
    }

    /// Aligns the end to four bytes. The length word before the value has four, too.
    private static func pad(_ datum: inout ByteOutput) {
        while datum.count & 3 != 0 { datum.append(0) }
    }

    private static func append(word: UInt32, to datum: inout ByteOutput) {
        datum.append(littleEndian: UInt16(truncatingIfNeeded: word))
        datum.append(littleEndian: UInt16(truncatingIfNeeded: word >> 16))
    }

    private func append(_ range: Range<Int>, to datum: inout ByteOutput) {
        for index in range { datum.append(strings[index]) }
    }
}
