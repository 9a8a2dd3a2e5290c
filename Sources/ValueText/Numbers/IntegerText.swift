public import RowSchema

/// Integers between text and memory. Mirrors PostgreSQL's `pg_strtoint64` and `pg_lltoa`.
public enum IntegerText {
    /// Reads a decimal integer with an optional sign. Ignores surrounding white space.
    ///
    /// - Throws: ``ValueError`` of `type` if the text is not an integer or `Value` cannot hold it.
    @inlinable @inline(__always)
    public static func parse<Value: FixedWidthInteger & SignedInteger>(
        _ text: Span<UInt8>, as type: ColumnType, _: Value.Type
    ) throws(ValueError) -> Value {
        let start = text.count > 0 && text[0] == UInt8(ascii: "-") ? 1 : 0
        if let value = short(text, from: start) {
            guard let result = Value(exactly: value) else { throw ValueError(type, .outOfRange) }
            return result
        }
        return try parseSlowly(text, as: type, Value.self)
    }

    /// The integer of the digits from `start` on, negative unless that is 0; nil if there are none,
    /// more than eighteen, or other characters.
    @inlinable @inline(__always)
    static func short(_ text: Span<UInt8>, from start: Int) -> Int64? {
        let count = text.count
        // Eighteen digits cannot overflow 64 bits.
        guard start < count, count &- start <= 18 else { return nil }
        var value: Int64 = 0
        var position = start
        while position < count {
            let digit = TextScan.digit(text[position])
            if digit > 9 { return nil }
            value = value &* 10 &+ Int64(digit)
            position &+= 1
        }
        return start == 0 ? value : 0 &- value
    }

    @inlinable @inline(never)
    static func parseSlowly<Value: FixedWidthInteger & SignedInteger>(
        _ text: Span<UInt8>, as type: ColumnType, _: Value.Type
    ) throws(ValueError) -> Value {
        let range = TextScan.trimmed(text)
        var index = range.lowerBound
        var isNegative = false
        if index < range.upperBound {
            isNegative = text[index] == UInt8(ascii: "-")
            if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
        }
        guard index < range.upperBound else { throw ValueError(type, .invalidSyntax) }
        var value: Value = 0
        var overflows = false
        while index < range.upperBound {
            let digit = TextScan.digit(text[index])
            guard digit <= 9 else { throw ValueError(type, .invalidSyntax) }
            let (product, productOverflow) = value.multipliedReportingOverflow(by: 10)
            // Counts downwards, since the smallest value has no positive counterpart.
            let (difference, differenceOverflow) =
                product.subtractingReportingOverflow(Value(digit))
            overflows = overflows || productOverflow || differenceOverflow
            value = difference
            index += 1
        }
        if !isNegative {
            overflows = overflows || value == .min
            value = 0 &- value
        }
        if overflows { throw ValueError(type, .outOfRange) }
        return value
    }

    /// Reads an integer that is written as ``write(_:to:)`` writes it.
    ///
    /// - Throws: ``ValueError`` if the text is not an integer, or has another spelling.
    @inlinable @inline(__always)
    public static func parseExactly<Value: FixedWidthInteger & SignedInteger>(
        _ text: Span<UInt8>, as type: ColumnType, _: Value.Type
    ) throws(ValueError) -> Value {
        let count = text.count
        let start = count > 0 && text[0] == UInt8(ascii: "-") ? 1 : 0
        // The first of several digits is not zero, and the only one only without a sign.
        if start < count, count == 1 || text[start] != UInt8(ascii: "0"),
            let value = short(text, from: start), let result = Value(exactly: value)
        {
            return result
        }
        return try parseOddly(text, as: type, Value.self)
    }

    @inlinable @inline(never)
    static func parseOddly<Value: FixedWidthInteger & SignedInteger>(
        _ text: Span<UInt8>, as type: ColumnType, _: Value.Type
    ) throws(ValueError) -> Value {
        let value = try parse(text, as: type, Value.self)
        if isCanonical(text) { return value }
        throw ValueError(type, .otherSpelling)
    }

    /// Whether a text that was read as an integer is what ``write(_:to:)`` writes of it. Only
    /// zeros, signs and white space at its ends can differ.
    @usableFromInline
    static func isCanonical(_ text: Span<UInt8>) -> Bool {
        let count = text.count
        guard count > 0, TextScan.digit(text[count &- 1]) <= 9 else { return false }
        let first = text[0]
        if first == UInt8(ascii: "0") { return count == 1 }
        if TextScan.digit(first) <= 9 { return true }
        return first == UInt8(ascii: "-") && TextScan.digit(text[1]) &- 1 < 9
    }

    /// Appends the decimal digits of `value`, after a minus sign if it is negative.
    public static func write(_ value: Int64, to output: inout ByteOutput) {
        if value < 0 { output.append(UInt8(ascii: "-")) }
        write(value.magnitude, to: &output)
    }

    /// Appends the decimal digits of `value`, at least `minimumDigits` of them.
    @inline(__always)
    static func write(_ value: UInt64, minimumDigits: Int = 1, to output: inout ByteOutput) {
        var length = minimumDigits
        var bound = value
        var digits = 0
        repeat {
            bound /= 10
            digits &+= 1
        } while bound != 0
        if digits > length { length = digits }
        let end = output.extend(by: length)
        var rest = value
        var index = end
        while index > end &- length {
            index &-= 1
            output.set(index, to: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        }
    }
}
