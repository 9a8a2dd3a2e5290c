import RowSchema

extension FloatingPointText {
    /// Reads a `double precision` that is written as ``write(_:to:)-(Double,_)`` writes it.
    ///
    /// - Throws: ``ValueError`` if the text is not a number, or has another spelling.
    public static func parseExactly(_ text: Span<UInt8>) throws(ValueError) -> Double {
        let range = 0..<text.count
        if let decimal = DecimalText(text, range), isPlain(text, decimal) {
            let number: Double = try value(of: decimal, text, range, as: .doublePrecision)
            if isShortest(decimal, of: number) { return number }
        }
        return try parseOddly(text)
    }

    /// Reads a `real` that is written as ``write(_:to:)-(Float,_)`` writes it.
    ///
    /// - Throws: ``ValueError`` if the text is not a number, or has another spelling.
    public static func parseRealExactly(_ text: Span<UInt8>) throws(ValueError) -> Float {
        let number = try parseReal(text)
        if TextScan.isWritten(text, by: { write(number, to: &$0) }) { return number }
        throw ValueError(.real, .otherSpelling)
    }

    @inline(never)
    private static func parseOddly(_ text: Span<UInt8>) throws(ValueError) -> Double {
        let number = try parseDouble(text)
        if TextScan.isWritten(text, by: { write(number, to: &$0) }) { return number }
        throw ValueError(.doublePrecision, .otherSpelling)
    }

    /// Whether a decimal number is spelled as numbers without an exponent are written. False for
    /// all with an exponent, which are rare.
    @inline(__always)
    private static func isPlain(_ text: Span<UInt8>, _ decimal: DecimalText) -> Bool {
        let count = text.count
        let start = decimal.isNegative ? 1 : 0
        if decimal.hasPower || text[0] == UInt8(ascii: "+") { return false }
        // Omitted digits are zeros at the end of a fraction, or the number has too many.
        if !decimal.isComplete { return false }
        let fraction = -decimal.exponent
        if fraction <= 0 {
            let digits = count &- start
            return text[count &- 1] != UInt8(ascii: ".") && digits <= Double.decimalDigits
                && (digits == 1 || text[start] != UInt8(ascii: "0"))
        }
        let whole = count &- 1 &- fraction &- start
        guard whole >= 1, whole <= Double.decimalDigits, text[start &+ whole] == UInt8(ascii: "."),
            text[count &- 1] != UInt8(ascii: "0")
        else { return false }
        if text[start] != UInt8(ascii: "0") { return true }
        // Smaller numbers than 0.0001 have an exponent.
        return whole == 1
            && (fraction <= 4
                || fraction < 24 && decimal.digits >= powersOfTen[fraction &- 4])
    }

    /// Whether the digits of a plain number are the fewest that read as `number`.
    ///
    /// Up to fifteen digits always are: no two such decimals are nearest to the same number, and
    /// none is half-way between two numbers, since that takes 54 bits.
    @inline(__always)
    private static func isShortest(_ decimal: DecimalText, of number: Double) -> Bool {
        if decimal.digits < 1_000_000_000_000_000 { return true }
        // A plain number ends in a zero only if it has at most fifteen digits.
        return ShortestDecimal.of(number) == (decimal.digits, decimal.exponent)
    }

    private static let powersOfTen: [UInt64] = {
        var powers: [UInt64] = [1]
        for _ in 1..<20 { powers.append(powers[powers.count - 1] * 10) }
        return powers
    }()
}
