import Testing
import ToastFormat

@Suite("Compression")
struct PGLZTests {
    /// Values of many kinds: constant, periodic, text of few words, noise, and mixtures.
    static func sample(_ kind: Int, _ count: Int, _ dice: inout Dice) -> [UInt8] {
        switch kind {
        case 0: return Array(repeating: 0x61, count: count)
        case 1: return (0..<count).map { UInt8($0 % 7) }
        case 2:
            let words = ["the ", "page ", "of ", "a ", "relation ", "was ", "read ", "twice "]
            var text: [UInt8] = []
            while text.count < count { text += words[Int(dice.next() % 8)].utf8 }
            return Array(text.prefix(count))
        case 3: return dice.bytes(count)
        case 4: return dice.bytes(count / 2) + Array(repeating: 0, count: count - count / 2)
        default:
            // Copies as far back as the format reaches, and a little farther.
            let block = dice.bytes(4090 + Int(dice.next() % 12))
            var all: [UInt8] = []
            while all.count < count { all += block }
            return Array(all.prefix(count))
        }
    }

    @Test("what is compressed is decompressed to the same bytes, and saves a quarter")
    func roundTrip() throws {
        var dice = Dice(seed: 11)
        let compressor = PGLZCompressor()
        var compressed = 0
        let counts = [0, 1, 31, 32, 33, 300, 1023, 4095, 4096, 4097, 9000, 40_000, 300_000]
        for kind in 0..<6 {
            for count in counts {
                let value = Self.sample(kind, count, &dice)
                guard let bytes = compressor.compress(value.span.bytes) else { continue }
                compressed += 1
                #expect(bytes.count < value.count * 3 / 4 + 4)
                let size = PGLZ.expandedSize(of: bytes.span.bytes)
                #expect(size == value.count)
                let found = try PGLZ.expand(bytes.span.bytes, rawSize: value.count)
                #expect(found == value, "kind \(kind), \(count) bytes")
            }
        }
        #expect(compressed > 30)
    }

    @Test("what does not become smaller is left alone")
    func incompressible() {
        var dice = Dice(seed: 3)
        let compressor = PGLZCompressor()
        for count in [10, 31, 500, 5000, 100_000] {
            let value = dice.bytes(count)
            let compressed = compressor.compress(value.span.bytes)
            #expect(compressed == nil)
        }
        let short = Array(repeating: UInt8(0), count: 31)
        let compressed = compressor.compress(short.span.bytes)
        #expect(compressed == nil)
    }

    @Test("changed bytes are refused, or yield a value of the same size")
    func changed() throws {
        var dice = Dice(seed: 5)
        let compressor = PGLZCompressor()
        let value = Self.sample(2, 5000, &dice)
        let compressed = compressor.compress(value.span.bytes)
        let sound = try #require(compressed)
        for _ in 0..<5000 {
            var bytes = sound
            bytes[Int(dice.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: dice.next())
            if dice.next() % 3 == 0 { bytes.removeLast(Int(dice.next() % UInt64(bytes.count))) }
            if let found = try? PGLZ.expand(bytes.span.bytes, rawSize: 5000) {
                #expect(found.count == 5000)
            }
        }
        // A size that the bytes cannot yield is refused before memory is asked for.
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0x3F, 0, 1]
        #expect(throws: CompressionFault.self) { try PGLZ.expand(huge.span.bytes) }
        // Another method.
        let foreign: [UInt8] = [1, 0, 0, 0x40, 0, 1]
        #expect(throws: CompressionFault.self) { try PGLZ.expand(foreign.span.bytes) }
    }
}

/// Reproducible numbers.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}
