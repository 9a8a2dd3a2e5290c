internal import PostgresTypes

/// Reads numbers at any offset; zero beyond the end, so that no page makes it trap.
struct PageBytes: ~Escapable {
    private let bytes: RawSpan

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    func byte(_ offset: Int) -> UInt8 { (try? bytes.byte(offset)) ?? 0 }
    func half(_ offset: Int) -> UInt16 { (try? bytes.load(offset)) ?? 0 }
    func word(_ offset: Int) -> UInt32 { (try? bytes.load(offset)) ?? 0 }
    func long(_ offset: Int) -> UInt64 { (try? bytes.load(offset)) ?? 0 }
    func double(_ offset: Int) -> Double { Double(bitPattern: long(offset)) }

    /// A block number, stored as two halves with the high one first.
    func block(_ offset: Int) -> UInt32 { UInt32(half(offset)) << 16 | UInt32(half(offset + 2)) }

    /// A row's place: block and line pointer.
    func place(_ offset: Int) -> String { "(\(block(offset)),\(half(offset + 4)))" }

    /// A block number in four bytes; all ones mean none.
    func link(_ offset: Int) -> InspectedValue {
        let block = word(offset)
        return block == .max ? .null : .number(Int64(block))
    }

    /// A position in the log: two words, the high one first.
    func position(_ offset: Int) -> String {
        let (high, low) = (word(offset), word(offset + 4))
        return String(high, radix: 16, uppercase: true) + "/"
            + String(low, radix: 16, uppercase: true)
    }
}
