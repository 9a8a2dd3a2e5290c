import Foundation

/// The keys and values that all stores get.
///
/// Keys are 16 decimal digits, as in LevelDB's and RocksDB's own benchmark. Values are pieces of
/// one block of random bytes, so that comparing one costs little beside reading it. Each key has
/// two values; an update writes the other one.
struct Workload: @unchecked Sendable {
    let keyCount: Int
    let valueLength: Int
    private let block: UnsafeMutableRawPointer
    private static let places = 1 << 16

    init(keyCount: Int, valueLength: Int) {
        self.keyCount = keyCount
        self.valueLength = valueLength
        let size = Self.places + valueLength + 8
        // Lives as long as the program.
        block = .allocate(byteCount: size, alignment: 64)
        var random = Random(7)
        for offset in stride(from: 0, to: size - 7, by: 8) {
            block.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
        }
    }

    static let keyLength = 16

    /// Writes a key to memory.
    @inline(__always)
    static func writeKey(_ number: Int, to target: UnsafeMutableRawPointer) {
        let (high, low) = UInt64(truncatingIfNeeded: number)
            .quotientAndRemainder(dividingBy: 100_000_000)
        target.storeBytes(of: digits(high).littleEndian, as: UInt64.self)
        target.storeBytes(of: digits(low).littleEndian, toByteOffset: 8, as: UInt64.self)
    }

    /// Eight decimal digits, the first in the lowest byte: halves, then pairs, then single digits,
    /// all parts of a word at a time, so that making keys costs little beside reading them.
    @inline(__always)
    private static func digits(_ number: UInt64) -> UInt64 {
        let halves = number / 10_000 | (number % 10_000) << 32
        let top = (halves &* 10_486) >> 20 & 0x0000_007F_0000_007F
        let pairs = (halves &- 100 &* top) << 16 &+ top
        var tens = (pairs &* 103) >> 10 & 0x000F_000F_000F_000F
        tens &+= (pairs &- 10 &* tens) << 8
        return tens &+ 0x3030_3030_3030_3030
    }

    /// A value of a key.
    @inline(__always)
    func value(_ number: Int, isUpdated: Bool = false) -> UnsafeRawBufferPointer {
        var place = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
        place = (place >> 40) &+ (isUpdated ? 1 : 0)
        let offset = Int(place & UInt64(Self.places - 1))
        return UnsafeRawBufferPointer(start: block + offset, count: valueLength)
    }

    /// Whether bytes are a value of a key.
    @inline(__always)
    func isValue(_ number: Int, _ bytes: UnsafeRawPointer, _ length: Int) -> Bool {
        length == valueLength
            && (memcmp(bytes, value(number).baseAddress!, length) == 0
                || memcmp(bytes, value(number, isUpdated: true).baseAddress!, length) == 0)
    }

    /// All keys' numbers in random order.
    func shuffled() -> [UInt32] {
        var numbers = (0..<UInt32(keyCount)).map { $0 }
        var random = Random(11)
        for index in stride(from: keyCount - 1, to: 0, by: -1) {
            numbers.swapAt(index, random.below(index + 1))
        }
        return numbers
    }
}

/// A fast sequence of random numbers (SplitMix64).
struct Random {
    private var state: UInt64

    /// Seeds are mixed: otherwise neighbouring seeds would give the same numbers, one step apart.
    init(_ seed: UInt64) {
        state = seed &* 0xD1B5_4A32_D192_ED03
        state = next()
    }

    @inline(__always)
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    @inline(__always)
    mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }
}
