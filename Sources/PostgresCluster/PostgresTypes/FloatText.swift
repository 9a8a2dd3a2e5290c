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
        // The digits, from the last one on.
        var reversed = InlineArray<20, UInt8>(repeating: 0)
        var length = 0
        var rest = digits
        repeat {
            reversed[length] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
            length += 1
        } while rest > 0
        let leading = length + exponent - 1
        let usesExponent = leading < -4 || leading >= limit
        let zero = UInt8(ascii: "0")
        let point = UInt8(ascii: ".")
        output.bytes.append(addingCapacity: 48) { text in
            if !usesExponent && leading < 0 {
                text.append(zero)
                text.append(point)
                for _ in leading + 1..<0 { text.append(zero) }
            }
            // The point follows the first digit, or the one of weight zero.
            let whole = usesExponent ? 1 : leading < 0 ? 0 : leading + 1
            for index in 0..<length {
                if index == whole && index > 0 { text.append(point) }
                text.append(reversed[length - 1 - index])
            }
            if !usesExponent && exponent > 0 { for _ in 0..<exponent { text.append(zero) } }
        }
        guard usesExponent else { return }
        output.append("e" as Unicode.Scalar)
        output.append(leading < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
        output.append(unsigned: UInt64(leading.magnitude), minimumDigits: 2)
    }
}
