/// `inet` and `cidr`: family, bits of the mask, address. Mirrors `network_out`.
enum NetworkText {
    private static let family4: UInt8 = 2
    private static let family6: UInt8 = 3

    static func write(
        _ value: RawSpan, isCIDR: Bool, to output: inout TextOutput
    ) throws(ValueFault) {
        let family = try value.byte(0)
        let bits = try value.byte(1)
        let limit: UInt8
        switch family {
        case family4:
            limit = 32
            try write4(value, 2, to: &output)
        case family6:
            limit = 128
            try write6(value, 2, to: &output)
        default: throw .malformed("an address of family \(family)")
        }
        if isCIDR || bits != limit {
            output.append("/" as Unicode.Scalar)
            output.append(unsigned: UInt64(bits))
        }
    }

    /// Writes an address of the family IPv4 and, unless they are all, the bits of its mask. Returns
    /// false, writing nothing, if it is of another family.
    @inline(__always)
    static func write4(
        _ value: RawSpan, isCIDR: Bool, to cursor: inout TextCursor
    ) throws(ValueFault) -> Bool {
        guard try value.byte(0) == family4 else { return false }
        let bits = try value.byte(1)
        write4(try value.load(2, as: UInt32.self), to: &cursor)
        if isCIDR || bits != 32 {
            cursor.append(UInt8(ascii: "/"))
            cursor.append(unsigned: UInt64(bits))
        }
        return true
    }

    /// Writes four bytes, the lowest first.
    @inline(__always)
    private static func write4(_ address: UInt32, to cursor: inout TextCursor) {
        for index in 0..<4 as Range<UInt32> {
            if index > 0 { cursor.append(UInt8(ascii: ".")) }
            cursor.append(unsigned: UInt64(address &>> (8 &* index) & 0xFF))
        }
    }

    private static func write4(
        _ value: RawSpan, _ offset: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        let address = try value.load(offset, as: UInt32.self)
        output.write(atMost: 4 * TextCursor.integerSize) { write4(address, to: &$0) }
    }

    private static func write6(
        _ value: RawSpan, _ offset: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        var words: [UInt16] = []
        for index in 0..<8 {
            words.append(UInt16(bigEndian: try value.load(offset + 2 * index, as: UInt16.self)))
        }
        let zeros = longestZeros(words)
        for index in 0..<8 {
            if zeros.contains(index) {
                if index == zeros.lowerBound { output.append(":" as Unicode.Scalar) }
                continue
            }
            if index > 0 { output.append(":" as Unicode.Scalar) }
            // An IPv4 address mapped into IPv6 is written as IPv4.
            let isMapped =
                zeros.count == 6 || zeros.count == 7 && words[7] != 1
                || zeros.count == 5 && words[5] == 0xFFFF
            if index == 6 && zeros.lowerBound == 0 && isMapped {
                return try write4(value, offset + 12, to: &output)
            }
            output.append(string: String(words[index], radix: 16))
        }
        if zeros.upperBound == 8 && !zeros.isEmpty { output.append(":" as Unicode.Scalar) }
    }

    /// The first of the longest runs of two or more zeros; empty if there is none.
    private static func longestZeros(_ words: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        while start < words.count {
            var end = start
            while end < words.count && words[end] == 0 { end += 1 }
            if end - start > best.count && end - start >= 2 { best = start..<end }
            start = max(end, start + 1)
        }
        return best
    }

    /// `macaddr` and `macaddr8`: six or eight bytes.
    static func writeHardware(
        _ value: RawSpan, count: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        for index in 0..<count {
            if index > 0 { output.append(":" as Unicode.Scalar) }
            output.append(hexadecimal: try value.byte(index))
        }
    }
}
