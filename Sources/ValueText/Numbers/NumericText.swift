public import RowSchema

/// Exact decimal numbers between text and PostgreSQL's `numeric` format, as stored in a tuple after
/// the length. Mirrors PostgreSQL's `numeric_in`, `make_result` and `numeric_out`.
///
/// A datum is a header and digits of base 10,000, each of two bytes, the most significant first,
/// without zeros at either end:
///
/// | header | holds |
/// |---|---|
/// | 2 bytes, bits 15–14 = `10` | short: bit 13 sign, bits 12–7 scale, bits 6–0 weight, signed |
/// | 2 + 2 bytes, bits 15–14 = `00`, `01` | long: positive or negative, bits 13–0 scale; weight |
/// | 2 bytes, `C000`, `D000`, `F000` | NaN, infinity, −infinity |
///
/// The weight is the power of 10,000 of the first digit, the scale the number of decimal places.
public enum NumericText {
    static let notANumber: UInt16 = 0xC000
    static let positiveInfinity: UInt16 = 0xD000
    static let negativeInfinity: UInt16 = 0xF000
    static let shortForm: UInt16 = 0x8000
    static let shortNegative: UInt16 = 0x2000
    static let longNegative: UInt16 = 0x4000
    static let maximumScale = 0x3FFF
    static let shortScales = 0...63
    static let shortWeights = -64...63

    /// Appends the datum of the number in `text`.
    ///
    /// - Throws: ``ValueError`` if the text is not a number or has more places than the format.
    public static func parse(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) {
        _ = try read(text, into: &datum)
    }

    /// Appends the datum of a number that is written as ``write(_:to:)`` writes it.
    ///
    /// - Throws: ``ValueError`` if the text is not a number, or has another spelling.
    @inlinable
    public static func parseExactly(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) {
        if try !read(text, into: &datum) { throw ValueError(.numeric, .otherSpelling) }
    }

    /// Appends the datum of the number in `text`. Returns whether that is how numbers are written.
    @usableFromInline
    static func read(
        _ text: Span<UInt8>, into datum: inout ByteOutput
    ) throws(ValueError) -> Bool {
        let range = TextScan.trimmed(text)
        var index = range.lowerBound
        let end = range.upperBound
        guard index < end else { throw ValueError(.numeric, .invalidSyntax) }
        let isNegative = text[index] == UInt8(ascii: "-")
        if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
        let start = index
        // The significant digits are those from the first to the last that is not zero.
        var first: Int?
        var last = 0
        var places = 0
        var point: Int?
        while index < end {
            let digit = TextScan.digit(text[index])
            if digit > 9 {
                guard text[index] == UInt8(ascii: "."), point == nil else { break }
                point = index
            } else if digit > 0 {
                if first == nil { first = index }
                last = index
            }
            index += 1
        }
        let mantissaEnd = index
        if mantissaEnd - start == (point == nil ? 0 : 1) {
            return try parseWord(text, range, into: &datum)
        }
        // A number has at least one digit before the point and, if it has one, one behind it.
        let whole = (point ?? mantissaEnd) - start
        let isPlain =
            index == text.count && start == (isNegative ? 1 : 0) && whole > 0
            && (whole == 1 || text[start] != UInt8(ascii: "0")) && point != index - 1
        var power = 0
        if index < end {
            guard let written = DecimalText.power(text, index..<end) else {
                throw ValueError(.numeric, .invalidSyntax)
            }
            power = written
        }
        if let point { places = mantissaEnd - point - 1 }
        let scale = max(0, places - power)
        guard scale <= maximumScale else { throw ValueError(.numeric, .outOfRange) }
        guard let first else {
            writeHeader(weight: 0, scale: scale, isNegative: false, to: &datum)
            return isPlain && !isNegative
        }
        // The power of ten of the first significant digit.
        let unit = point ?? mantissaEnd
        let leading = (first < unit ? unit - first - 1 : unit - first) + power
        let weight = leading >> 2
        guard weight >= Int(Int16.min), weight <= Int(Int16.max) else {
            throw ValueError(.numeric, .outOfRange)
        }
        writeHeader(weight: weight, scale: scale, isNegative: isNegative, to: &datum)
        writeDigits(text, first...last, padding: 3 - leading & 3, to: &datum)
        return isPlain
    }

    /// Appends the digits in `range` in groups of four. The first group begins with `padding`
    /// zeros.
    @inline(__always)
    private static func writeDigits(
        _ text: Span<UInt8>, _ range: ClosedRange<Int>, padding: Int,
        to datum: inout ByteOutput
    ) {
        var group: UInt16 = 0
        var filled = padding
        for index in range {
            let digit = TextScan.digit(text[index])
            if digit > 9 { continue }
            group = group &* 10 &+ UInt16(digit)
            filled &+= 1
            if filled == 4 {
                datum.append(littleEndian: group)
                group = 0
                filled = 0
            }
        }
        if filled > 0 {
            while filled < 4 {
                group = group &* 10
                filled &+= 1
            }
            datum.append(littleEndian: group)
        }
    }

    private static func writeHeader(
        weight: Int, scale: Int, isNegative: Bool, to datum: inout ByteOutput
    ) {
        if shortScales.contains(scale) && shortWeights.contains(weight) {
            let bits = UInt16(scale) << 7 | UInt16(truncatingIfNeeded: weight) & 0x7F
            datum.append(littleEndian: shortForm | (isNegative ? shortNegative : 0) | bits)
        } else {
            datum.append(littleEndian: (isNegative ? longNegative : 0) | UInt16(scale))
            datum.append(littleEndian: UInt16(truncatingIfNeeded: weight))
        }
    }

    private static func parseWord(
        _ text: Span<UInt8>, _ range: Range<Int>, into datum: inout ByteOutput
    ) throws(ValueError) -> Bool {
        let all = 0..<text.count
        if TextScan.matches(text, range, "nan") {
            datum.append(littleEndian: notANumber)
            return TextScan.equals(text, all, "NaN")
        }
        let sign = text[range.lowerBound]
        let isNegative = sign == UInt8(ascii: "-")
        let word =
            isNegative || sign == UInt8(ascii: "+")
            ? range.lowerBound + 1..<range.upperBound : range
        guard TextScan.matches(text, word, "infinity") || TextScan.matches(text, word, "inf")
        else { throw ValueError(.numeric, .invalidSyntax) }
        datum.append(littleEndian: isNegative ? negativeInfinity : positiveInfinity)
        return TextScan.equals(text, all, isNegative ? "-Infinity" : "Infinity")
    }
}
