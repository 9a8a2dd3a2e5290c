import PageFormat
import Testing

@Suite("Sealed pages") struct SealedPageTests {
    private let place = PagePlace(database: 1, relation: 16384, fork: 0, block: 7)

    private func sealed() -> TestPage {
        var page = TestPage()
        for offset in SealedPage.headerSize..<PageLayout.size {
            page.bytes[offset] = UInt8(truncatingIfNeeded: offset &* 31)
        }
        page.edit { $0.lsn = LSN(0x1_0000_0002) }
        page.edit { $0.complete(.sealed, at: place, checksums: false) }
        return page
    }

    private func verdict(_ page: TestPage, _ place: PagePlace) -> PageVerification {
        page.read { PageKind.sealed.verify($0, at: place, checksums: false) }
    }

    /// CRC-32C of the place's five words and the page without its CRC, from another program.
    @Test("The seal has the documented form")
    func form() {
        let page = sealed()
        #expect(Array(page.bytes[12..<16]) == [0x53, 0x54, 0x50, 0x01])
        #expect(page.read { $0.lsn } == LSN(0x1_0000_0002))
        let words: [UInt32] = [1, 16384, 0, 0, 7]
        var bytes = words.flatMap { word in (0..<4).map { UInt8(word >> (8 * $0) & 0xFF) } }
        bytes += page.bytes[0..<8] + page.bytes[12...]
        var sum = ~UInt32(0)
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(page.bytes[8 + $1]) << (8 * $1) }
        #expect(stored == ~sum)
    }

    @Test("A changed bit anywhere is found")
    func flips() {
        let page = sealed()
        #expect(verdict(page, place) == .valid)
        for offset in page.bytes.indices {
            var changed = page
            changed.bytes[offset] ^= 1 << (offset % 8)
            #expect(!verdict(changed, place).isUsable, "byte \(offset)")
        }
    }

    @Test("A page in another place is found")
    func places() {
        let others = [
            PagePlace(database: 2, relation: 16384, fork: 0, block: 7),
            PagePlace(database: 1, relation: 16385, fork: 0, block: 7),
            PagePlace(database: 1, relation: 16384, localSession: 1, fork: 0, block: 7),
            PagePlace(database: 1, relation: 16384, fork: 3, block: 7),
            PagePlace(database: 1, relation: 16384, fork: 0, block: 8),
        ]
        for other in others {
            guard case .invalid(.wrongSeal) = verdict(sealed(), other) else {
                Issue.record("the page counts at \(other)")
                continue
            }
        }
    }

    @Test("A page of zeroes is new, and stays without a seal")
    func zeroes() {
        var page = TestPage()
        page.edit { $0.complete(.sealed, at: place, checksums: true) }
        #expect(page.bytes.allSatisfy { $0 == 0 })
        #expect(verdict(page, place) == .new)
        page.bytes[8000] = 1
        #expect(verdict(page, place) == .invalid(.missingSeal))
    }

    @Test("Contents where the seal goes are refused, other contents never")
    func refusals() {
        var page = sealed()
        #expect(page.read { PageKind.sealed.refusal(of: $0) } == .contentsInSeal)
        page.edit { SealedPage.removeSeal(&$0) }
        #expect(page.read { PageKind.sealed.refusal(of: $0) } == nil)
        #expect(page.read { PageKind.raw.refusal(of: $0) } == nil)
        #expect(page.read { PageKind.postgres.refusal(of: $0) } != nil)
        let empty = TestPage.empty()
        #expect(empty.read { PageKind.postgres.refusal(of: $0) } == nil)
        let new = TestPage()
        for kind in PageKind.allCases { #expect(new.read { kind.refusal(of: $0) } == nil) }
    }
}
