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

    /// What the bytes say.
    private enum Number {
        case digits(Header)
        /// A value that is no number.
        case named(StaticString)
    }

    /// Writes the number in `value`, the bytes after its length word.
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        switch try number(value) {
        case .named(let name): output.append(name)
        case .digits(let header):
            try output.write(atMost: size(header)) { cursor throws(ValueFault) in
                try write(header, value, to: &cursor)
            }
        }
    }

    /// Writes the number in `value`. Returns false, writing nothing, if there is no room for it.
    @inline(__always)
    static func write(
        _ value: RawSpan, ifRoomIn cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        guard case .digits(let header) = try number(value), size(header) <= cursor.room else {
            return false
        }
        try write(header, value, to: &cursor)
        return true
    }

    @inline(__always)
    private static func number(_ value: RawSpan) throws(ValueFault) -> Number {
        let word = try value.load(0, as: UInt16.self)
        switch word & 0xC000 {
        case 0xC000:
            switch word & 0xF000 {
            case 0xC000: return .named("NaN")
            case 0xD000: return .named("Infinity")
            case 0xF000: return .named("-Infinity")
            default: throw .malformed("a numeric value has an unknown sign")
            }
        case 0x8000:
            let weight = Int(word & 0x3F) &- (word & 0x40 != 0 ? 64 : 0)
            return .digits(
                Header(
                    isNegative: word & 0x2000 != 0, weight: weight,
                    scale: Int(word & 0x1F80) &>> 7, start: 2))
        default:
            return .digits(
                Header(
                    isNegative: word & 0xC000 == 0x4000,
                    weight: Int(try value.load(2, as: Int16.self)),
                    scale: Int(word & 0x3FFF), start: 4))
        }
    }

    /// The most bytes of the text: sign, groups before the point, point, groups behind it.
    @inline(__always)
    private static func size(_ header: Header) -> Int {
        8 &+ 4 &* (max(0, header.weight) &+ 1) &+ header.scale
    }

    @inline(__always)
    private static func write(
        _ header: Header, _ value: RawSpan, to cursor: inout TextCursor
    ) throws(ValueFault) {
        let count = (value.byteCount &- header.start) / 2
        /// The group of that index; zero beyond the stored ones.
        func group(_ index: Int) throws(ValueFault) -> UInt32 {
            guard index >= 0, index < count else { return 0 }
            let group = try value.load(header.start &+ 2 &* index, as: UInt16.self)
            guard group < 10_000 else { throw .malformed("a numeric group of \(group)") }
            return UInt32(group)
        }
        if header.isNegative { cursor.append(UInt8(ascii: "-")) }
        if header.weight < 0 {
            cursor.append(UInt8(ascii: "0"))
        } else {
            cursor.append(unsigned: UInt64(try group(0)))
            var index = 1
            while index <= header.weight {
                cursor.append(fourDigits: try group(index))
                index &+= 1
            }
        }
        if header.scale == 0 { return }
        cursor.append(UInt8(ascii: "."))
        let end = cursor.count &+ header.scale
        var index = header.weight &+ 1
        while cursor.count < end {
            cursor.append(fourDigits: try group(index))
            index &+= 1
        }
        cursor.rewind(to: end)
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
