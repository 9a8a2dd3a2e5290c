import RowSchema

/// Which types the values of a column allow so far.
///
/// A type is inferred only if writing a value back gives the same meaning. An integer with a
/// leading zero or a plus sign is a code or a telephone number, and stays text.
struct ColumnEvidence {
    /// The types that fit every value so far.
    private var possible: Set<ColumnType> = Set(candidates)
    /// Whether some value is a number, rather than a word for one.
    private var hasNumber = false
    private var hasValue = false

    /// The types that can be inferred, the narrowest first. Text remains if none fits.
    private static let candidates: [ColumnType] = [
        .boolean, .integer, .bigint, .doublePrecision, .numeric, .date, .timestamp, .uuid,
    ]

    /// The narrowest type that holds all values; text if there are none.
    var type: ColumnType {
        guard hasValue else { return .text }
        for type in Self.candidates where possible.contains(type) {
            let isNumber = type == .doublePrecision || type == .numeric
            if !isNumber || hasNumber { return type }
        }
        return .text
    }

    /// Takes a value other than NULL into account.
    mutating func observe(_ text: Span<UInt8>) {
        hasValue = true
        if possible.isEmpty { return }
        let number = NumberShape(text)
        if number.isPlain { hasNumber = true }
        for type in possible where !Self.allows(type, text, number) { possible.remove(type) }
    }

    private static func allows(
        _ type: ColumnType, _ text: Span<UInt8>, _ number: NumberShape
    ) -> Bool {
        do throws(ValueError) {
            switch type {
            case .boolean:
                return isBooleanWord(text)
            case .integer:
                guard number.isPlain && number.isInteger else { return false }
                _ = try IntegerText.parseInteger(text)
            case .bigint:
                guard number.isPlain && number.isInteger else { return false }
                _ = try IntegerText.parseBigint(text)
            case .doublePrecision:
                guard number.isPlain else { return isNumberWord(text) }
                // The type keeps at most seventeen digits.
                if number.significantDigits > 17 { return false }
                _ = try FloatingPointText.parseDouble(text)
            case .numeric:
                guard number.isPlain else { return isNumberWord(text) }
                var datum = ByteOutput(capacity: 64)
                try NumericText.parse(text, into: &datum)
            case .date:
                guard isDigit(text) else { return false }
                _ = try DateText.parse(text)
            case .timestamp:
                guard isDigit(text) else { return false }
                _ = try TimestampText.parse(text)
            case .uuid:
                // Hyphens are required: 32 digits alone may mean anything.
                guard text.count == 36 else { return false }
                var datum = ByteOutput(capacity: 16)
                try UUIDText.parse(text, into: &datum)
            case .smallint, .real, .text, .bytea:
                return false
            }
            return true
        } catch {
            return false
        }
    }

    private static func isDigit(_ text: Span<UInt8>) -> Bool {
        text.count > 0 && TextScan.digit(text[0]) <= 9
    }

    private static func isBooleanWord(_ text: Span<UInt8>) -> Bool {
        let all = 0..<text.count
        return TextScan.matches(text, all, "t") || TextScan.matches(text, all, "f")
            || TextScan.matches(text, all, "true") || TextScan.matches(text, all, "false")
    }

    private static func isNumberWord(_ text: Span<UInt8>) -> Bool {
        let all = 0..<text.count
        return TextScan.matches(text, all, "nan") || TextScan.matches(text, all, "inf")
            || TextScan.matches(text, all, "-inf") || TextScan.matches(text, all, "infinity")
            || TextScan.matches(text, all, "-infinity")
    }
}

/// The spelling of a number.
private struct NumberShape {
    /// Whether the text is a number without leading zeros, plus sign or space.
    private(set) var isPlain = false
    /// Whether it has neither point nor exponent.
    private(set) var isInteger = true
    /// Number of digits from the first one that is not zero.
    private(set) var significantDigits = 0

    init(_ text: Span<UInt8>) {
        let last = text.count - 1
        guard last >= 0, TextScan.digit(text[last]) <= 9 else { return }
        var index = text[0] == UInt8(ascii: "-") ? 1 : 0
        guard index <= last, TextScan.digit(text[index]) <= 9 else { return }
        let startsWithZero = text[index] == UInt8(ascii: "0")
        if startsWithZero && index < last && TextScan.digit(text[index + 1]) <= 9 { return }
        // Minus zero would not be written back as an integer.
        if startsWithZero && index == 1 && last == 1 { isInteger = false }
        while index <= last {
            let byte = text[index]
            if TextScan.digit(byte) <= 9 {
                if significantDigits > 0 || byte != UInt8(ascii: "0") { significantDigits += 1 }
            } else {
                isInteger = false
                if byte | 0x20 == UInt8(ascii: "e") { break }
            }
            index += 1
        }
        isPlain = DecimalText(text, 0..<text.count) != nil
    }
}
