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
        let halves = (try value.load(0, as: UInt64.self), try value.load(8, as: UInt64.self))
        output.bytes.append(addingCapacity: 36) { digits in
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    digits.append(UInt8(ascii: "-"))
                }
                let half = index < 8 ? halves.0 : halves.1
                let byte = UInt8(truncatingIfNeeded: half >> UInt64(8 * (index & 7)))
                digits.append(TextOutput.digit(byte >> 4))
                digits.append(TextOutput.digit(byte & 15))
            }
        }
    }
}
