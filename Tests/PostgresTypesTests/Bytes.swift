import PostgresTypes

/// Bytes assembled by hand, little-endian like PostgreSQL's.
struct Bytes {
    var bytes: [UInt8] = []

    init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    func adding<Value: FixedWidthInteger>(_ value: Value) -> Bytes {
        var result = self
        withUnsafeBytes(of: value.littleEndian) { result.bytes += $0 }
        return result
    }

    func adding(_ more: [UInt8]) -> Bytes { Bytes(bytes + more) }

    func adding(_ text: String) -> Bytes { Bytes(bytes + Array(text.utf8)) }

    /// The text of the value in that form.
    func text(_ form: ValueForm, version: Int = 18) throws(ValueFault) -> String {
        var output = TextOutput()
        try ValueWriter(version: version).write(bytes.span.bytes, as: form, to: &output)
        return String(decoding: output.bytes, as: UTF8.self)
    }
}

/// Numbers that are the same in each run.
struct Dice: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 32) }
    }
}
