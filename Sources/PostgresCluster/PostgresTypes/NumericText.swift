/// `numeric`: decimal digits in groups of four, each a 16-bit number. A header of two bytes (short)
/// or four (long) precedes them, with the sign, the weight of the first group and the number of
/// digits after the point. Mirrors `numeric_out`.
enum NumericText {
    /// Sign, weight and scale, and the start of the groups.
    private struct Header {
        var isNegative: Bool
        var weight: Int
        var scale: Int
        var start: Int
    }

    /// Writes the number in `value`, the bytes after its length word.
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let word = try value.load(0, as: UInt16.self)
        let header: Header
        switch word & 0xC000 {
        case 0xC000:
            switch word & 0xF000 {
            case 0xC000: return output.append("NaN")
            case 0xD000: return output.append("Infinity")
            case 0xF000: return output.append("-Infinity")
            default: throw .malformed("a numeric value has an unknown sign")
            }
        case 0x8000:
            let weight = Int(word & 0x3F) - (word & 0x40 != 0 ? 64 : 0)
            header = Header(
                isNegative: word & 0x2000 != 0, weight: weight, scale: Int(word & 0x1F80) >> 7,
                start: 2)
        default:
            header = Header(
                isNegative: word & 0xC000 == 0x4000, weight: Int(try value.load(2, as: Int16.self)),
                scale: Int(word & 0x3FFF), start: 4)
        }
        try write(header, value, to: &output)
    }

    private static func write(
        _ header: Header, _ value: RawSpan, to output: inout TextOutput
    ) throws(ValueFault) {
        let count = (value.byteCount - header.start) / 2
        /// The group of that index; zero beyond the stored ones.
        func group(_ index: Int) throws(ValueFault) -> UInt64 {
            guard index >= 0, index < count else { return 0 }
            let group = try value.load(header.start + 2 * index, as: UInt16.self)
            guard group < 10_000 else { throw .malformed("a numeric group of \(group)") }
            return UInt64(group)
        }
        if header.isNegative { output.append("-" as Unicode.Scalar) }
        if header.weight < 0 {
            output.append("0" as Unicode.Scalar)
        } else {
            output.append(unsigned: try group(0))
            for index in stride(from: 1, through: header.weight, by: 1) {
                output.append(unsigned: try group(index), minimumDigits: 4)
            }
        }
        if header.scale == 0 { return }
        output.append("." as Unicode.Scalar)
        let end = output.count + header.scale
        var index = header.weight + 1
        while output.count < end {
            output.append(unsigned: try group(index), minimumDigits: 4)
            index += 1
        }
        if output.count > end { output.bytes.removeLast(output.count - end) }
    }
}

/// `money` in the C locale, as `cash_out` writes it.
enum MoneyText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let amount = try value.load(0, as: Int64.self)
        if amount < 0 { output.append("-" as Unicode.Scalar) }
        output.append("$" as Unicode.Scalar)
        var groups: [UInt64] = []
        var rest = amount.magnitude / 100
        repeat {
            groups.append(rest % 1000)
            rest /= 1000
        } while rest > 0
        for (index, group) in groups.reversed().enumerated() {
            if index > 0 { output.append("," as Unicode.Scalar) }
            output.append(unsigned: group, minimumDigits: index > 0 ? 3 : 1)
        }
        output.append("." as Unicode.Scalar)
        output.append(unsigned: amount.magnitude % 100, minimumDigits: 2)
    }
}
