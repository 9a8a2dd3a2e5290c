/// The facts about a binary floating-point format that writing its numbers needs.
protocol BinaryFormat: BinaryFloatingPoint & Sendable {
    /// Bits of the significand that are stored.
    static var storedSignificandBits: Int { get }
    /// The exponent field of infinity.
    static var infiniteExponent: Int { get }
    /// How many decimal digits every number of the format keeps; PostgreSQL writes numbers with
    /// more digits before the point with an exponent.
    static var decimalDigits: Int { get }
    /// The number's bits, its sign left out.
    var magnitudeBits: UInt64 { get }
}

extension Double: BinaryFormat {
    static var storedSignificandBits: Int { 52 }
    static var infiniteExponent: Int { 0x7FF }
    static var decimalDigits: Int { 15 }
    var magnitudeBits: UInt64 { magnitude.bitPattern }
}

extension Float: BinaryFormat {
    static var storedSignificandBits: Int { 23 }
    static var infiniteExponent: Int { 0xFF }
    static var decimalDigits: Int { 6 }
    var magnitudeBits: UInt64 { UInt64(magnitude.bitPattern) }
}
