package import RowSchema

/// What stands around the elements of an array in its text. Mirrors PostgreSQL's `array_out`.
package enum ArrayText {
    /// Whether an element's text must be quoted, since it could be mistaken for something else.
    package static func needsQuotes(_ text: RawSpan, delimiter: UInt8) -> Bool {
        let text = unsafe text._unsafeView(as: UInt8.self)
        if text.count == 0 || TextScan.matches(text, 0..<text.count, "null") { return true }
        for index in 0..<text.count {
            let byte = text[index]
            if byte == delimiter || isSpecial(byte) || TextScan.isSpace(byte) { return true }
        }
        return false
    }

    /// Whether an unquoted element cannot have the byte, whatever the delimiter.
    static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "{"), UInt8(ascii: "}"): true
        default: false
        }
    }

    /// Writes the bounds of the dimensions, unless all begin with 1.
    package static func writeBounds(_ shape: ArrayShape, to output: inout ByteOutput) {
        let dimensions = 0..<shape.dimensionCount
        if dimensions.allSatisfy({ shape.lowerBounds[$0] == 1 }) { return }
        for dimension in dimensions {
            let lower = shape.lowerBounds[dimension]
            output.append(UInt8(ascii: "["))
            IntegerText.write(Int64(lower), to: &output)
            output.append(UInt8(ascii: ":"))
            IntegerText.write(Int64(lower + shape.dimensions[dimension] - 1), to: &output)
            output.append(UInt8(ascii: "]"))
        }
        output.append(UInt8(ascii: "="))
    }

    /// Quotes the element at the end of `output` from `start` on, if that is needed.
    package static func quoteIfNeeded(_ output: inout ByteOutput, from start: Int) {
        let isNeeded = needsQuotes(
            unsafe output.span.extracting(start..<output.count).bytes,
            delimiter: UInt8(ascii: ","))
        if isNeeded { output.quoteElement(from: start) }
    }
}

extension ByteOutput {
    /// Puts quotes around the bytes from `start` on, and a backslash before each quote and
    /// backslash among them, from back to front.
    fileprivate mutating func quoteElement(from start: Int) {
        func isEscaped(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
        }
        let end = count
        var added = 2
        for index in start..<end where isEscaped(span[index]) { added += 1 }
        var target = extend(by: added) - 1
        set(target, to: UInt8(ascii: "\""))
        for index in stride(from: end - 1, through: start, by: -1) {
            let byte = span[index]
            target -= 1
            set(target, to: byte)
            if isEscaped(byte) {
                target -= 1
                set(target, to: UInt8(ascii: "\\"))
            }
        }
        set(start, to: UInt8(ascii: "\""))
    }
}
