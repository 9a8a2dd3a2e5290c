/// The leading 128 bits of the powers of ten that binary floating point needs.
///
/// Computed once by exact arithmetic, in some ten microseconds, since a table in the source could
/// not be checked.
struct PowersOfTen: Sendable {
    /// The range of exponents in the table: what reading or writing a `double precision` may need.
    static let exponents = -342...324

    /// The one table of the process; immutable.
    static let shared = PowersOfTen()

    /// High and low halves, alternating.
    private let halves: [UInt64]

    /// The leading 128 bits of 10^`exponent`, rounded down. The highest bit is set.
    @inline(__always)
    func leadingBits(_ exponent: Int) -> (high: UInt64, low: UInt64) {
        let index = (exponent &- Self.exponents.lowerBound) &* 2
        return (halves[index], halves[index &+ 1])
    }

    /// Whether ``leadingBits(_:)`` of the exponent is the power itself.
    @inline(__always)
    static func isExact(_ exponent: Int) -> Bool {
        // 5^55 is the last power of five with at most 128 bits.
        exponent >= 0 && exponent <= 55
    }

    private init() {
        // 10^k has the same leading bits as 5^k.
        var negative: [(UInt64, UInt64)] = []
        // 2^1023, which leaves more than 128 bits after division by 5^342.
        var limbs = [UInt64](repeating: 0, count: 15) + [1 << 63]
        for _ in 1...(-Self.exponents.lowerBound) {
            Self.divideByFive(&limbs)
            negative.append(Self.leadingBits(of: limbs))
        }
        var halves: [UInt64] = []
        for (high, low) in negative.reversed() { halves += [high, low] }
        limbs = [1]
        for _ in 0...Self.exponents.upperBound {
            let (high, low) = Self.leadingBits(of: limbs)
            halves += [high, low]
            Self.multiplyByFive(&limbs)
        }
        self.halves = halves
    }

    /// Divides a number of little-endian limbs by five, rounding down. Rounding down repeatedly
    /// gives the same result as rounding down once.
    private static func divideByFive(_ limbs: inout [UInt64]) {
        var remainder: UInt64 = 0
        for index in limbs.indices.reversed() {
            (limbs[index], remainder) = (5 as UInt64).dividingFullWidth((remainder, limbs[index]))
        }
        while limbs.last == 0 { limbs.removeLast() }
    }

    private static func multiplyByFive(_ limbs: inout [UInt64]) {
        var carry: UInt64 = 0
        for index in limbs.indices {
            let product = limbs[index].multipliedFullWidth(by: 5)
            let (sum, overflow) = product.low.addingReportingOverflow(carry)
            limbs[index] = sum
            carry = product.high + (overflow ? 1 : 0)
        }
        if carry > 0 { limbs.append(carry) }
    }

    private static func leadingBits(of limbs: [UInt64]) -> (UInt64, UInt64) {
        func limb(_ fromTop: Int) -> UInt64 {
            fromTop < limbs.count ? limbs[limbs.count - 1 - fromTop] : 0
        }
        let shift = UInt64(limb(0).leadingZeroBitCount)
        if shift == 0 { return (limb(0), limb(1)) }
        return (
            limb(0) << shift | limb(1) >> (64 - shift), limb(1) << shift | limb(2) >> (64 - shift)
        )
    }
}
