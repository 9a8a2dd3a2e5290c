internal import ValueText

/// Binary floating-point numbers as the shortest text that reads back as the same number. Mirrors
/// `float8out` and `float4out` with `extra_float_digits` 1.
enum FloatText {
    static func write(_ value: Double, to output: inout TextOutput) {
        guard writesDigits(of: value, to: &output) else { return }
        let (digits, exponent) = ShortestDecimal.digits(of: value)
        writeDecimal(digits, exponent, fixedBelow: 15, to: &output)
    }

    static func write(_ value: Float, to output: inout TextOutput) {
        guard writesDigits(of: value, to: &output) else { return }
        let (digits, exponent) = ShortestDecimal.digits(of: value)
        writeDecimal(digits, exponent, fixedBelow: 6, to: &output)
    }

    /// Appends the sign, or the whole text of a value that has no digits; returns whether digits
    /// follow.
    private static func writesDigits<Value: BinaryFloatingPoint>(
        of value: Value, to output: inout TextOutput
    ) -> Bool {
        if value.isNaN {
            output.append("NaN")
            return false
        }
        if value.sign == .minus { output.append("-" as Unicode.Scalar) }
        if value.isInfinite { output.append("Infinity") }
        if value.isZero { output.append("0" as Unicode.Scalar) }
        return value.isFinite && !value.isZero
    }

    /// Appends digits × 10^exponent. Uses an exponent below 10^-4 and from 10^`fixedBelow` on.
    private static func writeDecimal(
        _ digits: UInt64, _ exponent: Int, fixedBelow limit: Int, to output: inout TextOutput
    ) {
        let start = output.count
        output.append(unsigned: digits)
        let length = output.count - start
        let leading = length + exponent - 1
        let point = UInt8(ascii: ".")
        if leading < -4 || leading >= limit {
            if length > 1 { output.bytes.insert(point, at: start + 1) }
            output.append("e" as Unicode.Scalar)
            output.append(leading < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            output.append(unsigned: UInt64(leading.magnitude), minimumDigits: 2)
        } else if exponent >= 0 {
            for _ in 0..<exponent { output.append("0" as Unicode.Scalar) }
        } else if leading >= 0 {
            output.bytes.insert(point, at: start + leading + 1)
        } else {
            for _ in leading..<0 { output.bytes.insert(UInt8(ascii: "0"), at: start) }
            output.bytes.insert(point, at: start + 1)
        }
    }
}
