/// The facts about a binary floating-point format that conversion needs.
protocol BinaryFormat: BinaryFloatingPoint & LosslessStringConvertible & Sendable {
    /// Bits of the significand that are stored.
    static var storedSignificandBits: Int { get }
    /// The exponent field of infinity.
    static var infiniteExponent: Int { get }
    /// Powers of ten below and above which every number rounds to zero or infinity.
    static var decimalExponents: ClosedRange<Int> { get }
    /// Powers of ten for which a product can lie exactly between two numbers.
    static var tieExponents: ClosedRange<Int> { get }
    /// Powers of ten, from 10^0, that are exact.
    static var exactPowers: Int { get }
    /// How many decimal digits every number of the format keeps. PostgreSQL uses an exponent for
    /// numbers with more digits before the point.
    static var decimalDigits: Int { get }
    /// Makes a number from its fields.
    init(fields exponent: Int, _ significand: UInt64, isNegative: Bool)
    /// The number's bits without its sign.
    var magnitudeBits: UInt64 { get }
}

extension Double: BinaryFormat {
    static var storedSignificandBits: Int { 52 }
    static var infiniteExponent: Int { 0x7FF }
    static var decimalExponents: ClosedRange<Int> { -342...308 }
    static var tieExponents: ClosedRange<Int> { -4...23 }
    static var exactPowers: Int { 22 }
    static var decimalDigits: Int { 15 }
    var magnitudeBits: UInt64 { magnitude.bitPattern }

    init(fields exponent: Int, _ significand: UInt64, isNegative: Bool) {
        self.init(
            bitPattern: UInt64(exponent) &<< 52 | significand | (isNegative ? 1 << 63 : 0))
    }
}

extension Float: BinaryFormat {
    static var storedSignificandBits: Int { 23 }
    static var infiniteExponent: Int { 0xFF }
    static var decimalExponents: ClosedRange<Int> { -65...38 }
    static var tieExponents: ClosedRange<Int> { -17...10 }
    static var exactPowers: Int { 10 }
    static var decimalDigits: Int { 6 }
    var magnitudeBits: UInt64 { UInt64(magnitude.bitPattern) }

    init(fields exponent: Int, _ significand: UInt64, isNegative: Bool) {
        self.init(
            bitPattern: UInt32(exponent) &<< 23 | UInt32(significand) | (isNegative ? 1 << 31 : 0))
    }
}

/// The binary number nearest to a decimal one, by the method of Eisel and Lemire ("Number parsing
/// at a gigabyte per second", 2021): multiply by the leading bits of the power of ten, and check
/// whether the omitted bits could matter.
enum DecimalToBinary {
    /// The number nearest to `digits` × 10^`exponent`, infinity if that is too large. Nil in the
    /// rare case that 128 bits of the power do not decide.
    static func nearest<Value: BinaryFormat>(
        _ digits: UInt64, exponent: Int, isNegative: Bool, as _: Value.Type
    ) -> Value? {
        if digits == 0 || exponent < Value.decimalExponents.lowerBound {
            return Value(fields: 0, 0, isNegative: isNegative)
        }
        let infinity = Value(fields: Value.infiniteExponent, 0, isNegative: isNegative)
        if exponent > Value.decimalExponents.upperBound { return infinity }

        let bits = Value.storedSignificandBits
        let leadingZeros = digits.leadingZeroBitCount
        guard let product = multiply(digits &<< UInt64(leadingZeros), exponent, bits) else {
            return nil
        }
        let upperBit = Int(product.high &>> 63)
        let shift = UInt64(upperBit &+ 61 &- bits)
        var significand = product.high &>> shift
        let bias = Value.infiniteExponent >> 1
        var binary = (217_706 &* exponent) >> 16 &+ 63 &+ upperBit &- leadingZeros &+ bias
        if binary <= 0 {
            // Subnormal: fewer bits, rounded once.
            if 1 &- binary >= 64 { return Value(fields: 0, 0, isNegative: isNegative) }
            significand &>>= UInt64(1 &- binary)
            significand = (significand &+ significand & 1) &>> 1
            // Rounding may have made it normal; the carry into the exponent expresses that.
            let carried = significand >> UInt64(bits)
            return Value(
                fields: Int(carried), significand & (1 << UInt64(bits) - 1),
                isNegative: isNegative)
        }
        if product.low <= 1 && Value.tieExponents.contains(exponent) && significand & 3 == 1
            && significand &<< shift == product.high
        {
            significand &= ~1  // Exactly half-way: to the even one.
        }
        significand = (significand &+ significand & 1) &>> 1
        if significand >= 2 << UInt64(bits) {
            significand = 1 << UInt64(bits)
            binary &+= 1
        }
        if binary >= Value.infiniteExponent { return infinity }
        return Value(
            fields: binary, significand & (1 << UInt64(bits) - 1), isNegative: isNegative)
    }

    /// `factor`, whose highest bit is set, times the leading bits of 10^`exponent`.
    @inline(__always)
    private static func multiply(
        _ factor: UInt64, _ exponent: Int, _ bits: Int
    ) -> (high: UInt64, low: UInt64)? {
        var power = PowersOfTen.shared.leadingBits(exponent)
        if exponent < 0 && exponent >= -27 {
            // The method needs the reciprocals of exact powers rounded up.
            power.low &+= 1
            if power.low == 0 { power.high &+= 1 }
        }
        var (high, low) = factor.multipliedFullWidth(by: power.high)
        let precision = UInt64.max &>> UInt64(bits &+ 3)
        if high & precision == precision {
            let second = factor.multipliedFullWidth(by: power.low)
            low = low &+ second.high
            if second.high > low { high &+= 1 }
        }
        if low == .max && !(exponent >= -27 && exponent <= 55) { return nil }
        return (high, low)
    }
}
