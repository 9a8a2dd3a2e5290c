import PostgresTypes
import Testing
import ToastFormat

@Suite("Decompression")
struct CompressionTests {
    private func pglz(_ bytes: [UInt8], _ size: Int) throws(CompressionFault) -> [UInt8] {
        try PGLZ.decompress(bytes.span.bytes, size: size)
    }

    private func lz4(_ bytes: [UInt8], _ size: Int) throws(ValueFault) -> [UInt8] {
        try LZ4.decompress(bytes.span.bytes, size: size)
    }

    @Test("pglz: literals, a copy, an overlapping copy, a long copy")
    func pglzItems() throws {
        // Bit 2 of the control byte: the third item is a copy of 4 bytes, 2 back.
        #expect(try pglz([0b100, 0x61, 0x62, 0x01, 0x02], 6) == Array("ababab".utf8))
        // 18 bytes and 2 more, 1 back.
        #expect(
            try pglz([0b10, 0x7A, 0x0F, 0x01, 2], 21) == Array(repeating: 0x7A, count: 21))
        // A distance of 0x123.
        var input: [UInt8] = []
        let text = (0..<296).map { UInt8($0 & 0xFF) }
        for start in stride(from: 0, to: 296, by: 8) { input += [0] + text[start..<start + 8] }
        input += [1, 0x10, 0x23]
        #expect(try pglz(input, 299) == text + text[5..<8])
    }

    @Test("lz4: literals, a match, an overlapping match, long lengths")
    func lz4Sequences() throws {
        #expect(try lz4([0x30, 0x61, 0x62, 0x63], 3) == Array("abc".utf8))
        #expect(
            try lz4([0x12, 0x61, 1, 0, 0x10, 0x62], 8) == Array("aaaaaaab".utf8))
        #expect(
            try lz4([0x1F, 0x61, 1, 0, 255, 3, 0x00], 278) == Array(repeating: 0x61, count: 278))
    }

    @Test("wrong sizes, and copies from before the value, are refused")
    func refusals() {
        #expect(throws: CompressionFault.self) { try self.pglz([0b1, 0x00, 0x01], 3) }
        #expect(throws: CompressionFault.self) { try self.pglz([0, 0x61], 2) }
        #expect(throws: CompressionFault.self) { try self.pglz([0, 0x61, 0x62], 1) }
        #expect(throws: CompressionFault.self) { try self.pglz([0], 1 << 29) }
        #expect(throws: ValueFault.self) { try self.lz4([0x10, 0x61, 5, 0, 0], 5) }
        #expect(throws: ValueFault.self) { try self.lz4([0xF0, 255, 255], 1000) }
        #expect(throws: ValueFault.self) { try self.lz4([0x10, 0x61], 1 << 29) }
    }

    @Test("no input makes either of them trap or return another size")
    func random() {
        var dice = Dice(seed: 7)
        var successes = 0
        for _ in 0..<20_000 {
            let input = dice.bytes(Int(dice.next() % 16) + 1)
            let size = Int(dice.next() % 16)
            if let bytes = try? pglz(input, size) { #expect(bytes.count == size) }
            if let bytes = try? lz4(input, size) {
                #expect(bytes.count == size)
                successes += 1
            }
        }
        // Otherwise only refusals were tested.
        #expect(successes > 0)
    }
}
