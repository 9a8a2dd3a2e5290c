import StorageManager
import Testing

@Suite("CRC-32C")
struct CRC32CTests {
    @Test("The checksum is the one of the standard (RFC 3720)")
    func standard() {
        #expect(CRC32C.checksum(Array("123456789".utf8).span) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32).span) == 0x8A91_36AA)
    }

    @Test("A checksum continues that of the bytes before it")
    func seed() {
        let bytes = Array("123456789".utf8)
        for cut in 0...bytes.count {
            let head = CRC32C.checksum(bytes.span.extracting(..<cut))
            #expect(CRC32C.checksum(bytes.span.extracting(cut...), seed: head) == 0xE306_9283)
        }
    }
}
