/// `bytea` in hexadecimal. Mirrors `byteaout`.
enum BinaryText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        try output.checkSize(of: 2 + 2 * value.byteCount)
        output.append("\\x")
        output.bytes.reserveCapacity(output.count + 2 * value.byteCount)
        for index in 0..<value.byteCount { output.append(hexadecimal: try value.byte(index)) }
    }
}

/// `bit` and `bit varying`: the number of bits, then the bits, highest first. Mirrors `bit_out`.
enum BitText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let count = Int(try value.load(0, as: Int32.self))
        guard count >= 0, (count + 7) / 8 <= value.byteCount - 4 else {
            throw .truncated(needed: count / 8 + 4, available: value.byteCount)
        }
        // Each bit becomes a byte.
        try output.checkSize(of: count)
        for index in 0..<count {
            let bit = try value.byte(4 + index >> 3) >> UInt8(7 - index & 7) & 1
            output.append(UInt8(ascii: "0") + bit)
        }
    }
}

/// The one-byte type `"char"`. Mirrors `charout`, which escapes bytes beyond ASCII since PostgreSQL
/// 16.
enum CharText {
    static func write(
        _ value: RawSpan, version: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        let byte = try value.byte(0)
        if byte >= 0x80 && version >= 16 {
            output.append("\\" as Unicode.Scalar)
            for shift in [6, 3, 0] as [UInt8] {
                output.append(UInt8(ascii: "0") + byte >> shift & 7)
            }
        } else if byte != 0 {
            output.append(byte)
        }
    }
}

/// `uuid`. Mirrors `uuid_out`.
enum UUIDText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        for index in 0..<16 {
            if index == 4 || index == 6 || index == 8 || index == 10 {
                output.append("-" as Unicode.Scalar)
            }
            output.append(hexadecimal: try value.byte(index))
        }
    }
}
