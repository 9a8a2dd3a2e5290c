import PageFormat
import Testing

/// Access to a page that may be changing: right values, and no reach beyond the page.
@Suite struct PageGlimpseTests {
    /// Calls `body` with a page of different bytes, and the bytes.
    private func look(_ body: (PageGlimpse, [UInt8]) throws -> Void) throws {
        let bytes = (0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 / 256) }
        try unsafe bytes.withUnsafeBytes { buffer in
            let start = try #require(buffer.baseAddress)
            try unsafe body(PageGlimpse(unsafePage: start), bytes)
        }
    }

    private func check<Value: FixedWidthInteger & BitwiseCopyable>(
        _ page: PageGlimpse, _ bytes: [UInt8], _ type: Value.Type
    ) throws {
        let size = MemoryLayout<Value>.size
        for offset in [0, 1, 7, 24, 4095, 8192 - size] {
            let expected = (0..<size).reversed().reduce(Value(0)) {
                $0 << 8 | Value(truncatingIfNeeded: bytes[offset + $1])
            }
            #expect(try page.load(offset, as: type) == expected, "\(type) at \(offset)")
        }
        for offset in [-1, 8193 - size, 8192, Int.max, Int.min] {
            #expect(throws: PageFormatError.outsidePage(offset: offset, length: size)) {
                try page.load(offset, as: type)
            }
        }
    }

    @Test func integersOfAllWidths() throws {
        try look { page, bytes in
            try check(page, bytes, UInt8.self)
            try check(page, bytes, Int8.self)
            try check(page, bytes, UInt16.self)
            try check(page, bytes, Int16.self)
            try check(page, bytes, UInt32.self)
            try check(page, bytes, Int32.self)
            try check(page, bytes, UInt64.self)
            try check(page, bytes, Int64.self)
            try check(page, bytes, UInt128.self)
            try check(page, bytes, Int128.self)
        }
    }

    @Test func copies() throws {
        try look { page, bytes in
            for (offset, length) in [(0, 8192), (3, 0), (5, 7), (5, 8), (8183, 9), (8192, 0)] {
                #expect(try page.bytes(offset, length) == Array(bytes[offset..<offset + length]))
                var target = [UInt8](repeating: 0xEE, count: length)
                var span = target.mutableSpan
                var raw = unsafe span.mutableBytes
                try page.copy(offset, to: &raw)
                #expect(target == Array(bytes[offset..<offset + length]))
            }
            let outside = [
                (0, 8193), (8192, 1), (-1, 4), (0, -1), (Int.max, Int.max), (1, Int.max),
                (Int.min, 1), (0, Int.min),
            ]
            for (offset, length) in outside {
                #expect(throws: PageFormatError.outsidePage(offset: offset, length: length)) {
                    try page.bytes(offset, length)
                }
                #expect(throws: PageFormatError.outsidePage(offset: offset, length: length)) {
                    try page.compare(offset, length, with: [UInt8]().span.bytes)
                }
            }
            page.withCopy { view in
                for offset in stride(from: 0, to: 8192, by: 97) {
                    let byte = unsafe view.bytes.unsafeLoad(
                        fromByteOffset: offset, as: UInt8.self)
                    #expect(byte == bytes[offset])
                }
            }
        }
    }

    /// The order is that of the bytes, whatever the length and the place of the difference.
    @Test func comparesLikeItsBytes() throws {
        try look { page, bytes in
            for length in [0, 1, 7, 8, 9, 16, 23] {
                let own = Array(bytes[101..<101 + length])
                var keys = [own, own + [0], Array(own.dropLast()), []]
                for position in own.indices {
                    for change in [1, 0x80, 0xFF] as [UInt8] {
                        var key = own
                        key[position] &+= change
                        keys.append(key)
                    }
                }
                for key in keys {
                    let sign = try page.compare(101, length, with: key.span.bytes).signum()
                    let expected =
                        own == key ? 0 : own.lexicographicallyPrecedes(key) ? -1 : 1
                    #expect(sign == expected, "\(own) and \(key)")
                }
            }
        }
    }
}
