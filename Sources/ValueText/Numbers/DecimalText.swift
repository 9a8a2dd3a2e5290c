/// A decimal number as written: digits × 10^exponent.
package struct DecimalText {
    /// The first nineteen digits after leading zeros.
    private(set) var digits: UInt64 = 0
    /// The power of ten of the last of ``digits``.
    private(set) var exponent = 0
    /// Whether there is a minus sign.
    private(set) var isNegative = false
    /// Whether ``digits`` has all digits, apart from trailing zeros.
    private(set) var isComplete = true
    /// Whether a power of ten is written.
    private(set) var hasPower = false

    /// Reads the text in `range`, which has no surrounding white space; nil if it is not a number.
    @inline(__always)
    package init?(_ text: Span<UInt8>, _ range: Range<Int>) {
        var index = range.lowerBound
        let end = range.upperBound
        if index < end {
            let first = text[index]
            isNegative = first == UInt8(ascii: "-")
            if isNegative || first == UInt8(ascii: "+") { index &+= 1 }
        }
        let start = index
        while index < end {
            let digit = TextScan.digit(text[index])
            if digit > 9 { break }
            digits = digits &* 10 &+ UInt64(digit)
            index &+= 1
        }
        var count = index &- start
        if index < end && text[index] == UInt8(ascii: ".") {
            index &+= 1
            let fraction = index
            while index < end {
                let digit = TextScan.digit(text[index])
                if digit > 9 { break }
                digits = digits &* 10 &+ UInt64(digit)
                index &+= 1
            }
            exponent = fraction &- index
            count &+= index &- fraction
        }
        if count == 0 { return nil }
        // Nineteen digits always fit.
        if count > 19 { readLong(text, start..<index) }
        if index < end {
            guard let power = Self.power(text, index..<end) else { return nil }
            exponent += power
            hasPower = true
        }
    }

    /// Reads many digits again: leading zeros do not count, and those past the nineteenth only
    /// change the exponent.
    private mutating func readLong(_ text: Span<UInt8>, _ range: Range<Int>) {
        digits = 0
        exponent = 0
        var count = 0
        var isFraction = false
        for index in range {
            let digit = TextScan.digit(text[index])
            if digit > 9 {
                isFraction = true
                continue
            }
            if count < 19 {
                digits = digits * 10 + UInt64(digit)
                if digits > 0 { count += 1 }
                if isFraction { exponent -= 1 }
            } else {
                if digit > 0 { isComplete = false }
                if !isFraction { exponent += 1 }
            }
        }
    }

    /// Reads `e` and a power of ten, clamped to what exceeds every format.
    static func power(_ text: Span<UInt8>, _ range: Range<Int>) -> Int? {
        var index = range.lowerBound
        guard text[index] | 0x20 == UInt8(ascii: "e") else { return nil }
        index += 1
        guard index < range.upperBound else { return nil }
        let isNegative = text[index] == UInt8(ascii: "-")
        if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
        guard index < range.upperBound else { return nil }
        var value = 0
        while index < range.upperBound {
            let digit = TextScan.digit(text[index])
            if digit > 9 { return nil }
            value = min(value * 10 + Int(digit), 1_000_000_000)
            index += 1
        }
        return isNegative ? -value : value
    }
}
