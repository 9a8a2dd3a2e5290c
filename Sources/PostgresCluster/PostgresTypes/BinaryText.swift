/// `bytea` in hexadecimal. Mirrors `byteaout`.
enum BinaryText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        try output.checkSize(of: 2 + 2 * value.byteCount)
        output.append("\\x")
        writeDigits(value, to: &output)
    }

    /// Writes two digits for each byte.
    static func writeDigits(_ value: RawSpan, to output: inout TextOutput) {
        output.bytes.append(addingCapacity: 2 * value.byteCount) { digits in
            value.forEachByte { byte in
                digits.append(TextOutput.digit(byte >> 4))
                digits.append(TextOutput.digit(byte & 15))
            }
        }
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
/// 15.
enum CharText {
    static func write(
        _ value: RawSpan, version: Int, to output: inout TextOutput
    ) throws(ValueFault) {
        let byte = try value.byte(0)
        if byte >= 0x80 && version >= 15 {
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
    /// Writes 16 bytes, given as two words, the first byte in the lowest one of each.
    @inline(__always)
    static func write(_ first: UInt64, _ second: UInt64, to cursor: inout TextCursor) {
        let hyphen = UInt8(ascii: "-")
        cursor.append(TextCursor.hexadecimal(UInt32(truncatingIfNeeded: first)), count: 8)
        cursor.append(hyphen)
        let low = TextCursor.hexadecimal(UInt32(truncatingIfNeeded: first &>> 32))
        cursor.append(low, count: 4)
        cursor.append(hyphen)
        cursor.append(low &>> 32, count: 4)
        cursor.append(hyphen)
        let high = TextCursor.hexadecimal(UInt32(truncatingIfNeeded: second))
        cursor.append(high, count: 4)
        cursor.append(hyphen)
        cursor.append(high &>> 32, count: 4)
        cursor.append(TextCursor.hexadecimal(UInt32(truncatingIfNeeded: second &>> 32)), count: 8)
    }
}
