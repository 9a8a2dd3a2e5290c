package import RowSchema

/// Reads an array's text, `{1,2,NULL}`, with nested braces for further dimensions and perhaps their
/// bounds before it, `[0:1]={1,2}`. Mirrors PostgreSQL's `array_in`.
///
/// Braces are counted, not followed by recursion. Memory is that of the array's bytes.
package struct ArrayParser: ~Copyable {
    private let type: ColumnType
    private let element: ColumnType
    /// The elements as they are stored.
    private var data = ByteOutput(capacity: 256)
    /// An element whose escapes were resolved.
    private var unescaped = ByteOutput(capacity: 64)
    /// A bit for each element, set if it is not NULL.
    private var bits: [UInt8] = []
    private var hasNulls = false
    private var elementCount = 0
    private var dimensionCount = 0
    /// The number of elements in each dimension; -1 until its first part has ended.
    private var dimensions = InlineArray<6, Int>(repeating: -1)
    /// The number of elements so far in each part that has not ended.
    private var counts = InlineArray<6, Int>(repeating: 0)
    /// The bounds that stand before the elements.
    private var givenCount = 0
    private var givenDimensions = InlineArray<6, Int>(repeating: 0)
    private var lowerBounds = InlineArray<6, Int>(repeating: 1)

    private init(_ type: ColumnType, _ element: ColumnType) {
        self.type = type
        self.element = element
    }

    /// Appends the bytes of an array, without a length, to `datum`.
    ///
    /// - Parameters:
    ///   - text: the array's text.
    ///   - type: its type.
    ///   - datum: gets the bytes.
    ///   - append: appends the bytes of an element, without a length.
    /// - Throws: ``ValueError`` if the text is no array; what `append` throws.
    package static func parse(
        _ text: Span<UInt8>, as type: ColumnType, into datum: inout ByteOutput,
        _ append: (Span<UInt8>, inout ByteOutput) throws(ValueError) -> Void
    ) throws(ValueError) {
        var parser = ArrayParser(type, type.element ?? type)
        var index = 0
        try parser.readBounds(text, &index)
        try parser.readElements(text, &index, append)
        Self.skipSpace(text, &index)
        guard index == text.count else { throw parser.invalid }
        try parser.finish(into: &datum)
    }

    private var invalid: ValueError { ValueError(type, .invalidSyntax) }

    // MARK: Bounds

    private mutating func readBounds(
        _ text: Span<UInt8>, _ index: inout Int
    ) throws(ValueError) {
        Self.skipSpace(text, &index)
        while index < text.count, text[index] == UInt8(ascii: "[") {
            guard givenCount < ArrayShape.maximumDimensionCount else { throw invalid }
            index += 1
            var upper = try bound(text, &index)
            if index < text.count, text[index] == UInt8(ascii: ":") {
                index += 1
                lowerBounds[givenCount] = upper
                upper = try bound(text, &index)
            }
            guard index < text.count, text[index] == UInt8(ascii: "]"),
                upper >= lowerBounds[givenCount]
            else { throw invalid }
            index += 1
            givenDimensions[givenCount] = upper - lowerBounds[givenCount] + 1
            givenCount += 1
            Self.skipSpace(text, &index)
        }
        if givenCount == 0 { return }
        guard index < text.count, text[index] == UInt8(ascii: "=") else { throw invalid }
        index += 1
        Self.skipSpace(text, &index)
    }

    private func bound(_ text: Span<UInt8>, _ index: inout Int) throws(ValueError) -> Int {
        let start = index
        while index < text.count,
            TextScan.digit(text[index]) <= 9 || text[index] == UInt8(ascii: "-")
                || text[index] == UInt8(ascii: "+")
        {
            index += 1
        }
        do throws(ValueError) {
            let number = try IntegerText.parse(
                text.extracting(start..<index), as: .integer, Int32.self)
            return Int(number)
        } catch {
            throw ValueError(type, error.reason)
        }
    }

    // MARK: Elements

    private mutating func readElements(
        _ text: Span<UInt8>, _ index: inout Int,
        _ append: (Span<UInt8>, inout ByteOutput) throws(ValueError) -> Void
    ) throws(ValueError) {
        guard index < text.count, text[index] == UInt8(ascii: "{") else { throw invalid }
        var depth = 0
        // Whether an element or a part has ended, so that a delimiter or a brace must follow.
        var hasEnded = false
        repeat {
            Self.skipSpace(text, &index)
            guard index < text.count else { throw invalid }
            switch text[index] {
            case UInt8(ascii: "{"):
                if hasEnded { throw invalid }
                try open(&depth)
                index += 1
            case UInt8(ascii: "}"):
                guard hasEnded || counts[depth - 1] == 0 else { throw invalid }
                try close(&depth)
                hasEnded = true
                index += 1
            case UInt8(ascii: ","):
                guard hasEnded else { throw invalid }
                hasEnded = false
                index += 1
            default:
                if hasEnded || depth != dimensionCount { throw invalid }
                try readElement(text, &index, append)
                counts[depth - 1] += 1
                hasEnded = true
            }
        } while depth > 0
    }

    private mutating func open(_ depth: inout Int) throws(ValueError) {
        guard depth < ArrayShape.maximumDimensionCount else { throw invalid }
        counts[depth] = 0
        depth += 1
        if depth <= dimensionCount { return }
        // Elements, or a part that has ended, show how deep the braces are.
        guard elementCount == 0, depth == 1 || dimensions[depth - 2] < 0 else { throw invalid }
        dimensionCount = depth
    }

    private mutating func close(_ depth: inout Int) throws(ValueError) {
        depth -= 1
        if dimensions[depth] < 0 { dimensions[depth] = counts[depth] }
        guard dimensions[depth] == counts[depth] else { throw invalid }
        if depth > 0 { counts[depth - 1] += 1 }
    }

    private mutating func readElement(
        _ text: Span<UInt8>, _ index: inout Int,
        _ append: (Span<UInt8>, inout ByteOutput) throws(ValueError) -> Void
    ) throws(ValueError) {
        guard elementCount < ArrayShape.maximumElementCount else {
            throw ValueError(type, .outOfRange)
        }
        let isQuoted = text[index] == UInt8(ascii: "\"")
        if isQuoted { index += 1 }
        let start = index
        // The end without white space behind it.
        var end = index
        var hasEscapes = false
        while true {
            guard index < text.count else { throw invalid }
            let byte = text[index]
            if byte == UInt8(ascii: "\\") {
                if !hasEscapes {
                    hasEscapes = true
                    unescaped.removeAll()
                    unescaped.append(text.extracting(start..<index))
                }
                guard index + 1 < text.count else { throw invalid }
                unescaped.append(text[index + 1])
                index += 2
                end = unescaped.count
                continue
            }
            if isQuoted ? byte == UInt8(ascii: "\"") : Self.endsElement(byte) { break }
            if hasEscapes { unescaped.append(byte) }
            index += 1
            if isQuoted || !TextScan.isSpace(byte) { end = hasEscapes ? unescaped.count : index }
        }
        if isQuoted { index += 1 }
        if hasEscapes {
            // The bytes stay where they are while the element is added.
            let bytes = unsafe unescaped.start
            try add(unsafe Span(_unsafeStart: bytes, count: end), append)
        } else if !isQuoted && TextScan.matches(text, start..<end, "null") {
            note(isNull: true)
        } else {
            try add(text.extracting(start..<end), append)
        }
    }

    private static func endsElement(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || ArrayText.isSpecial(byte)
    }

    private static func skipSpace(_ text: Span<UInt8>, _ index: inout Int) {
        while index < text.count, TextScan.isSpace(text[index]) { index += 1 }
    }

    // MARK: Bytes

    private mutating func add(
        _ text: Span<UInt8>,
        _ append: (Span<UInt8>, inout ByteOutput) throws(ValueError) -> Void
    ) throws(ValueError) {
        note(isNull: false)
        pad(to: element.alignment)
        let start = data.count
        if element.storedLength == nil { data.append(littleEndian: 0 as UInt32) }
        try append(text, &data)
        if element.storedLength == nil {
            let length = data.count - start
            // PostgreSQL's largest value.
            guard length < 1 << 30 else { throw ValueError(type, .outOfRange) }
            data.set(littleEndian: UInt32(length) << 2, at: start)
        }
        pad(to: element.alignment)
    }

    private mutating func pad(to alignment: Int) {
        while data.count & (alignment - 1) != 0 { data.append(0) }
    }

    private mutating func note(isNull: Bool) {
        if elementCount % 8 == 0 { bits.append(0) }
        if isNull {
            hasNulls = true
        } else {
            bits[elementCount / 8] |= 1 << UInt8(elementCount % 8)
        }
        elementCount += 1
    }

    private mutating func finish(into datum: inout ByteOutput) throws(ValueError) {
        if givenCount > 0 {
            guard givenCount == dimensionCount else { throw invalid }
            for index in 0..<givenCount where givenDimensions[index] != dimensions[index] {
                throw invalid
            }
        }
        for index in 0..<dimensionCount
        where lowerBounds[index] + dimensions[index] > Int(Int32.max) {
            throw ValueError(type, .outOfRange)
        }
        // Without elements there are no dimensions either, and no braces for some.
        if elementCount == 0 && dimensionCount > 1 { throw invalid }
        let count = elementCount == 0 ? 0 : dimensionCount
        let start = datum.count
        datum.append(littleEndian: UInt32(count))
        datum.append(littleEndian: 0 as UInt32)
        datum.append(littleEndian: element.objectIdentifier)
        for index in 0..<count { datum.append(littleEndian: UInt32(dimensions[index])) }
        for index in 0..<count {
            datum.append(littleEndian: UInt32(bitPattern: Int32(lowerBounds[index])))
        }
        if hasNulls { for byte in bits { datum.append(byte) } }
        // The length word in front counts too.
        while (datum.count - start + 4) & 7 != 0 { datum.append(0) }
        if hasNulls {
            datum.set(littleEndian: UInt32(datum.count - start + 4), at: start + 4)
        }
        datum.append(data.span)
    }
}

extension ByteOutput {
    /// Appends a 32-bit number, least significant byte first.
    fileprivate mutating func append(littleEndian value: UInt32) {
        append(littleEndian: UInt16(truncatingIfNeeded: value))
        append(littleEndian: UInt16(truncatingIfNeeded: value >> 16))
    }

    /// Overwrites four bytes with a number, least significant byte first.
    fileprivate mutating func set(littleEndian value: UInt32, at index: Int) {
        for byte in 0..<4 {
            set(index + byte, to: UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)))
        }
    }
}
