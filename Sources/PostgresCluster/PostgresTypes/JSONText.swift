/// `jsonb`: containers of entries. Each entry is a word with a type and a length or an end. Mirrors
/// `jsonb_out`. Nested containers are kept on a list, not on the stack, so no depth overflows the
/// stack. The list is shorter than the value.
package enum JSONText {
    private static let countMask: UInt32 = 0x0FFF_FFFF
    private static let scalarFlag: UInt32 = 0x1000_0000
    private static let objectFlag: UInt32 = 0x2000_0000
    private static let arrayFlag: UInt32 = 0x4000_0000

    /// A container being written.
    private struct Container {
        let isObject: Bool
        let isScalar: Bool
        /// Members or elements.
        let count: Int
        /// The position of its first entry in the value.
        let entries: Int
        /// The start of its entries' data, and the end.
        let data: Int
        let end: Int
        /// The next member or element.
        var index = 0
        /// The positions of the next key and the next value, relative to `data`.
        var keyOffset = 0
        var valueOffset = 0
    }

    /// Writes the value in `value`, the bytes after its length word.
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        var open = [try container(value, 0, value.byteCount)]
        begin(open[0], to: &output)
        let start = output.count
        while var top = open.last {
            try output.checkSize(from: start)
            if top.index == top.count {
                if !top.isScalar {
                    output.append(top.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"))
                }
                open.removeLast()
                continue
            }
            if top.index > 0 { output.append(", ") }
            if top.isObject {
                let (entry, range) = try next(value, top, top.index, &top.keyOffset)
                guard entry == 0 else { throw .malformed("a key of a jsonb object is no string") }
                escape(try value.part(range.lowerBound, range.count), to: &output)
                output.append(": ")
            }
            let place = top.isObject ? top.count + top.index : top.index
            let (type, range) = try next(value, top, place, &top.valueOffset)
            top.index += 1
            open[open.count - 1] = top
            if let inner = try writeValue(value, type, range, from: top.data, to: &output) {
                begin(inner, to: &output)
                open.append(inner)
            }
        }
    }

    private static func begin(_ container: Container, to output: inout TextOutput) {
        if container.isScalar { return }
        output.append(container.isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
    }

    /// Reads a container's header.
    private static func container(
        _ value: RawSpan, _ offset: Int, _ end: Int
    ) throws(ValueFault) -> Container {
        let header = try value.load(offset, as: UInt32.self)
        let count = Int(header & countMask)
        let isObject = header & objectFlag != 0
        guard isObject || header & arrayFlag != 0 else {
            throw .malformed("a jsonb container is neither object nor array")
        }
        let entries = offset + 4
        let data = entries + 4 * count * (isObject ? 2 : 1)
        guard data <= end else { throw .truncated(needed: data, available: end) }
        var result = Container(
            isObject: isObject, isScalar: header & scalarFlag != 0, count: count,
            entries: entries, data: data, end: end)
        if isObject {
            // The values' data follows that of all keys.
            for index in 0..<count { _ = try next(value, result, index, &result.valueOffset) }
        }
        return result
    }

    /// The type of an entry and the position of its data. Moves `offset` past it.
    private static func next(
        _ value: RawSpan, _ container: Container, _ index: Int, _ offset: inout Int
    ) throws(ValueFault) -> (type: UInt32, range: Range<Int>) {
        let entry = try value.load(container.entries + 4 * index, as: UInt32.self)
        let number = Int(entry & countMask)
        let end = entry & 0x8000_0000 != 0 ? number : offset + number
        guard end >= offset, container.data + end <= container.end else {
            throw .truncated(needed: container.data + end, available: container.end)
        }
        defer { offset = end }
        return (entry >> 28 & 7, container.data + offset..<container.data + end)
    }

    /// Writes a scalar, or returns the container that the entry is.
    private static func writeValue(
        _ value: RawSpan, _ type: UInt32, _ range: Range<Int>, from data: Int,
        to output: inout TextOutput
    ) throws(ValueFault) -> Container? {
        let start = data + aligned(range.lowerBound - data, 4)
        switch type {
        case 0: escape(try value.part(range.lowerBound, range.count), to: &output)
        case 1:
            let layout = ValueLayout(-1, 1)
            let extent = try layout.extent(in: value, from: start)
            guard case .plain(let digits) = try Varlena.form(of: value, extent) else {
                throw .malformed("a number of a jsonb value is compressed")
            }
            try NumericText.write(try value.part(digits.lowerBound, digits.count), to: &output)
        case 2: output.append("false")
        case 3: output.append("true")
        case 4: output.append("null")
        case 5: return try container(value, start, range.upperBound)
        default: throw .malformed("an entry of a jsonb value has the unknown type \(type)")
        }
        return nil
    }

    /// Writes a JSON string. Mirrors `escape_json`.
    package static func escape(_ text: RawSpan, to output: inout TextOutput) {
        output.append("\"" as Unicode.Scalar)
        text.forEachByte { byte in
            switch byte {
            case 8: output.append("\\b")
            case 12: output.append("\\f")
            case 10: output.append("\\n")
            case 13: output.append("\\r")
            case 9: output.append("\\t")
            case UInt8(ascii: "\""): output.append("\\\"")
            case UInt8(ascii: "\\"): output.append("\\\\")
            case 0..<32:
                output.append("\\u00")
                output.append(hexadecimal: byte)
            default: output.append(byte)
            }
        }
        output.append("\"" as Unicode.Scalar)
    }
}
