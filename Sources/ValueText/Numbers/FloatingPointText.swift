import RowSchema

/// Floating-point numbers between text and memory. Mirrors PostgreSQL's `float8in`, `float8out` and
/// their `float4` counterparts, with `extra_float_digits` 1.
public enum FloatingPointText {
    /// Reads a `double precision`: a decimal number with or without an exponent, `NaN`, `Infinity`
    /// or `-Infinity`. Ignores surrounding white space. The result is the nearest number.
    ///
    /// - Throws: ``ValueError`` if the text is not a number, is too large, or is not zero but
    ///   rounds to it.
    public static func parseDouble(_ text: Span<UInt8>) throws(ValueError) -> Double {
        try parse(text, as: .doublePrecision, Double.self)
    }

    /// Reads a `real` like ``parseDouble(_:)``.
    public static func parseReal(_ text: Span<UInt8>) throws(ValueError) -> Float {
        try parse(text, as: .real, Float.self)
    }

    @inline(__always)
    private static func parse<Value: BinaryFormat>(
        _ text: Span<UInt8>, as type: ColumnType, _: Value.Type
    ) throws(ValueError) -> Value {
        let range = TextScan.trimmed(text)
        guard let decimal = DecimalText(text, range) else {
            if let word: Value = parseWord(text, range) { return word }
            throw ValueError(type, .invalidSyntax)
        }
        return try value(of: decimal, text, range, as: type)
    }

    /// The number nearest to `decimal`, which is the text in `range`.
    @inline(__always)
    static func value<Value: BinaryFormat>(
        of decimal: DecimalText, _ text: Span<UInt8>, _ range: Range<Int>, as type: ColumnType
    ) throws(ValueError) -> Value {
        // Both numbers are exact, so one operation rounds once.
        let limit: UInt64 = 1 << UInt64(Value.storedSignificandBits &+ 1)
        if decimal.digits <= limit && decimal.isComplete
            && decimal.exponent.magnitude <= Value.exactPowers.magnitude
        {
            let digits = Value(decimal.digits)
            let power = Value(exactPowersOfTen[Int(decimal.exponent.magnitude)])
            let value = decimal.exponent < 0 ? digits / power : digits * power
            return decimal.isNegative ? -value : value
        }
        return try parseSlowly(text, range, decimal, as: type)
    }

    @inline(never)
    private static func parseSlowly<Value: BinaryFormat>(
        _ text: Span<UInt8>, _ range: Range<Int>, _ decimal: DecimalText, as type: ColumnType
    ) throws(ValueError) -> Value {
        var nearest: Value? = DecimalToBinary.nearest(
            decimal.digits, exponent: decimal.exponent, isNegative: decimal.isNegative,
            as: Value.self)
        if !decimal.isComplete {
            // The omitted digits matter only if the next larger digits read as another number.
            let next: Value? = DecimalToBinary.nearest(
                decimal.digits &+ 1, exponent: decimal.exponent, isNegative: decimal.isNegative,
                as: Value.self)
            if next != nearest { nearest = nil }
        }
        let value = nearest ?? exactly(text, range)
        guard let value, value.isFinite, value != 0 || decimal.digits == 0 else {
            throw ValueError(type, .outOfRange)
        }
        return value
    }

    /// Reads a number with any number of digits, through a string.
    private static func exactly<Value: BinaryFormat>(
        _ text: Span<UInt8>, _ range: Range<Int>
    ) -> Value? {
        var characters: [UInt8] = []
        for index in range { characters.append(text[index]) }
        return Value(String(decoding: characters, as: UTF8.self))
    }

    private static func parseWord<Value: BinaryFormat>(
        _ text: Span<UInt8>, _ range: Range<Int>
    ) -> Value? {
        guard range.count >= 3 else { return nil }
        let first = text[range.lowerBound]
        let isNegative = first == UInt8(ascii: "-")
        let word =
            isNegative || first == UInt8(ascii: "+")
            ? range.lowerBound + 1..<range.upperBound : range
        if TextScan.matches(text, word, "nan") { return .nan }
        guard TextScan.matches(text, word, "infinity") || TextScan.matches(text, word, "inf")
        else { return nil }
        return isNegative ? -.infinity : .infinity
    }

    private static let exactPowersOfTen: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    /// Appends the shortest text that reads back as `value`.
    public static func write(_ value: Double, to output: inout ByteOutput) {
        writeNumber(value, to: &output)
    }

    /// Appends the shortest text that reads back as `value`.
    public static func write(_ value: Float, to output: inout ByteOutput) {
        writeNumber(value, to: &output)
    }

    @inline(__always)
    private static func writeNumber<Value: BinaryFormat>(
        _ value: Value, to output: inout ByteOutput
    ) {
        if value.isNaN { return output.append("NaN") }
        if value.sign == .minus { output.append(UInt8(ascii: "-")) }
        if value.isInfinite { return output.append("Infinity") }
        if value.isZero { return output.append(UInt8(ascii: "0")) }
        let (digits, exponent) = ShortestDecimal.of(value)
        writeDecimal(digits, exponent, fixedBelow: Value.decimalDigits, to: &output)
    }

    /// Appends digits × 10^exponent. Uses an exponent below 10^-4 and from 10^`fixedBelow` on.
    private static func writeDecimal(
        _ digits: UInt64, _ exponent: Int, fixedBelow limit: Int, to output: inout ByteOutput
    ) {
        let start = output.count
        IntegerText.write(digits, to: &output)
        let length = output.count - start
        let leading = length + exponent - 1
        if leading < -4 || leading >= limit {
            if length > 1 { output.insert(UInt8(ascii: "."), at: start + 1) }
            output.append(UInt8(ascii: "e"))
            output.append(leading < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
            IntegerText.write(UInt64(leading.magnitude), minimumDigits: 2, to: &output)
        } else if exponent >= 0 {
            for _ in 0..<exponent { output.append(UInt8(ascii: "0")) }
        } else if leading >= 0 {
            output.insert(UInt8(ascii: "."), at: start + leading + 1)
        } else {
            for _ in leading..<0 { output.insert(UInt8(ascii: "0"), at: start) }
            output.insert(UInt8(ascii: "."), at: start + 1)
        }
    }
}
