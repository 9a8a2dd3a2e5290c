/// The shortest decimal number that reads back as a given binary one, or the nearest of several, by
/// Giulietti's Schubfach method ("The Schubfach way to render doubles", 2021).
///
/// Like PostgreSQL, and unlike Swift, it never uses a decimal exactly half-way to the next binary
/// number, even if round-to-even would read it back: 9.999999999999999e+22, not 1e+23. The text
/// then never depends on how a reader breaks ties.
package enum ShortestDecimal {
    /// The digits and power of ten of a finite number other than zero, without its sign.
    package static func digits(of value: Double) -> (digits: UInt64, exponent: Int) { of(value) }

    /// The digits and power of ten of a finite number other than zero, without its sign.
    package static func digits(of value: Float) -> (digits: UInt64, exponent: Int) { of(value) }

    /// The digits and power of ten of a finite number other than zero, without its sign.
    static func of<Value: BinaryFormat>(_ value: Value) -> (digits: UInt64, exponent: Int) {
        let bits = value.magnitudeBits
        let stored = UInt64(Value.storedSignificandBits)
        let fraction = bits & (1 << stored - 1)
        let field = Int(bits >> stored)
        // The number is c × 2^q.
        let bias = Value.infiniteExponent >> 1 &+ Int(stored)
        let c = field != 0 ? fraction | 1 << stored : fraction
        let q = (field != 0 ? field : 1) &- bias
        // Below a power of two the neighbours are closer.
        let isCloserBelow = fraction == 0 && field > 1
        let center = c &<< 2
        let lowerBound = center &- (isCloserBelow ? 1 : 2)

        let k = (q &* 1_262_611 &- (isCloserBelow ? 524_031 : 0)) >> 22
        let h = UInt64(q &+ (-k &* 1_741_647) >> 19 &+ 1)
        var power = PowersOfTen.shared.leadingBits(-k)
        if !PowersOfTen.isExact(-k) {
            power.low &+= 1
            if power.low == 0 { power.high &+= 1 }
        }
        let lower = roundToOdd(power, lowerBound &<< h) &+ 1
        let middle = roundToOdd(power, center &<< h)
        let upper = roundToOdd(power, (center &+ 2) &<< h) &- 1

        let s = middle / 4
        if s >= 10 {
            // Try one digit less, rounded down or up, if exactly one of the two is within bounds.
            let tens = s / 10
            let isDownInside = lower <= 40 &* tens
            let isUpInside = 40 &* tens &+ 40 <= upper
            if isDownInside != isUpInside {
                return trimmed(tens &+ (isUpInside ? 1 : 0), k &+ 1)
            }
        }
        let isDownInside = lower <= 4 &* s
        let isUpInside = 4 &* s &+ 4 <= upper
        if isDownInside != isUpInside { return trimmed(s &+ (isUpInside ? 1 : 0), k) }
        let half = 4 &* s &+ 2
        let roundsUp = middle > half || middle == half && s & 1 == 1
        return trimmed(s &+ (roundsUp ? 1 : 0), k)
    }

    /// The upper 64 bits of the product of 64 and 128 bits, with the lowest bit set if any bit
    /// below it is.
    @inline(__always)
    private static func roundToOdd(
        _ power: (high: UInt64, low: UInt64), _ factor: UInt64
    ) -> UInt64 {
        let lowHigh = factor.multipliedFullWidth(by: power.low).high
        let product = factor.multipliedFullWidth(by: power.high)
        let (low, carry) = product.low.addingReportingOverflow(lowHigh)
        return (product.high &+ (carry ? 1 : 0)) | (low > 1 ? 1 : 0)
    }

    /// Moves trailing zeros of the digits into the exponent.
    @inline(__always)
    private static func trimmed(_ digits: UInt64, _ exponent: Int) -> (UInt64, Int) {
        var digits = digits
        var exponent = exponent
        while digits % 10 == 0 {
            digits /= 10
            exponent &+= 1
        }
        return (digits, exponent)
    }
}
