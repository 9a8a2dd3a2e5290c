import RowSchema

/// Numbers of a `numeric(p,s)`. Mirrors PostgreSQL's `apply_typmod`.
extension NumericText {
    /// Appends the datum of the number in `text`, rounded to `scale` places, halves away from zero.
    ///
    /// - Throws: ``ValueError`` if the text is not a number, or has more digits before the point
    ///   than a number of `precision` digits.
    public static func parse(
        _ text: Span<UInt8>, precision: Int, scale: Int, into datum: inout ByteOutput
    ) throws(ValueError) {
        let range = TextScan.trimmed(text)
        guard var number = try Digits(text, range) else {
            // Elements of an array follow others.
            let start = datum.count
            try parse(text, into: &datum)
            if datum.span[start + 1] == UInt8(notANumber >> 8) { return }
            // No number of digits is enough for infinity.
            throw ValueError(.numeric, .outOfRange)
        }
        number.round(to: scale)
        if !number.digits.isEmpty && number.leading > precision - scale {
            throw ValueError(.numeric, .outOfRange)
        }
        var written = ByteOutput(capacity: 64)
        number.write(places: max(scale, 0), to: &written)
        try parse(written.span, into: &datum)
    }

    /// A decimal number: 0.d₁d₂d₃… × 10^leading. Without digits it is zero.
    private struct Digits {
        var isNegative = false
        var digits: [UInt8] = []
        /// How many digits are before the point; negative for zeros behind it.
        var leading = 0

        /// Reads a number; nil if the text is no such one.
        init?(_ text: Span<UInt8>, _ range: Range<Int>) throws(ValueError) {
            var index = range.lowerBound
            guard index < range.upperBound else { throw ValueError(.numeric, .invalidSyntax) }
            isNegative = text[index] == UInt8(ascii: "-")
            if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
            var count = 0
            var hasPoint = false
            while index < range.upperBound {
                let digit = TextScan.digit(text[index])
                if digit > 9 {
                    guard text[index] == UInt8(ascii: "."), !hasPoint else { break }
                    hasPoint = true
                } else {
                    count += 1
                    if digit > 0 || !digits.isEmpty { digits.append(digit) }
                    if hasPoint {
                        if digits.isEmpty { leading -= 1 }
                    } else if !digits.isEmpty {
                        leading += 1
                    }
                }
                index += 1
            }
            if count == 0 { return nil }
            if index < range.upperBound {
                guard let power = DecimalText.power(text, index..<range.upperBound) else {
                    throw ValueError(.numeric, .invalidSyntax)
                }
                leading += power
            }
        }

        /// Drops all digits behind the first `places` behind the point.
        mutating func round(to places: Int) {
            let kept = leading + places
            if kept >= digits.count { return }
            guard kept >= 0 else {
                digits = []
                return
            }
            let roundsUp = digits[kept] >= 5
            digits.removeLast(digits.count - kept)
            if !roundsUp { return }
            while let last = digits.last {
                if last < 9 {
                    digits[digits.count - 1] = last + 1
                    return
                }
                digits.removeLast()
            }
            digits = [1]
            leading += 1
        }

        /// Appends the number with that many places behind the point.
        func write(places: Int, to output: inout ByteOutput) {
            func append(_ position: Int) {
                let digit = digits.indices.contains(position) ? digits[position] : 0
                output.append(UInt8(ascii: "0") + digit)
            }
            if digits.isEmpty {
                append(0)
            } else {
                if isNegative { output.append(UInt8(ascii: "-")) }
                if leading <= 0 { output.append(UInt8(ascii: "0")) }
                for position in 0..<max(leading, 0) { append(position) }
            }
            if places == 0 { return }
            output.append(UInt8(ascii: "."))
            let start = digits.isEmpty ? 0 : leading
            for place in 0..<places { append(start + place) }
        }
    }
}
