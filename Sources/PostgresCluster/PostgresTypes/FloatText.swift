internal import ValueText

/// Binary floating-point numbers as the shortest text that reads back as the same number. Mirrors
/// `float8out` and `float4out` with `extra_float_digits` 1.
enum FloatText {
    /// The most bytes of a text: a sign, 17 digits, a point, and zeros or an exponent.
    static let size = 40

    static func write(_ value: Double, to output: inout TextOutput) {
        output.write(atMost: size) { write(value, to: &$0) }
    }

    @inline(__always)
    static func write(_ value: Double, to cursor: inout TextCursor) {
        guard writesDigits(of: value, to: &cursor) else { return }
        let (digits, exponent) = ShortestDecimal.digits(of: value)
        writeDecimal(digits, exponent, fixedBelow: 15, to: &cursor)
    }

    @inline(__always)
    static func write(_ value: Float, to cursor: inout TextCursor) {
        guard writesDigits(of: value, to: &cursor) else { return }
        let (digits, exponent) = ShortestDecimal.digits(of: value)
        writeDecimal(digits, exponent, fixedBelow: 6, to: &cursor)
    }

    /// Appends the sign, or the whole text of a value that has no digits; returns whether digits
    /// follow.
    @inline(__always)
    private static func writesDigits<Value: BinaryFloatingPoint>(
        of value: Value, to cursor: inout TextCursor
    ) -> Bool {
        if value.isNaN {
            cursor.append("NaN")
            return false
        }
        if value.sign == .minus { cursor.append(UInt8(ascii: "-")) }
        if value.isInfinite { cursor.append("Infinity") }
        if value.isZero { cursor.append(UInt8(ascii: "0")) }
        return value.isFinite && !value.isZero
    }

    /// Appends digits × 10^exponent. Uses an exponent below 10^-4 and from 10^`fixedBelow` on.
    private static func writeDecimal(
        _ digits: UInt64, _ exponent: Int, fixedBelow limit: Int, to cursor: inout TextCursor
    ) {
        let start = cursor.count
        cursor.append(unsigned: digits)
        let length = cursor.count &- start
        let leading = length &+ exponent &- 1
        let point = UInt8(ascii: ".")
        if leading < -4 || leading >= limit {
            if length > 1 {
                cursor.openGap(at: start &+ 1, of: 1)
                cursor.set(start &+ 1, to: point)
            }
            cursor.append(UInt8(ascii: "e"))
            cursor.append(leading < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            cursor.append(unsigned: UInt64(leading.magnitude), minimumDigits: 2)
        } else if leading < 0 {
            let size = 1 &- leading
            cursor.openGap(at: start, of: size)
            for index in 0..<size { cursor.set(start &+ index, to: UInt8(ascii: "0")) }
            cursor.set(start &+ 1, to: point)
        } else if exponent < 0 {
            cursor.openGap(at: start &+ leading &+ 1, of: 1)
            cursor.set(start &+ leading &+ 1, to: point)
        } else {
            for _ in 0..<exponent { cursor.append(UInt8(ascii: "0")) }
        }
    }
}
