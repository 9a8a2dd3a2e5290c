import PageFormat
import Testing

@Suite("Page verification")
struct VerificationTests {
    private func verify(
        _ page: TestPage, block: UInt32 = 0, checksums: Bool = true
    ) -> PageVerification {
        page.read { $0.verify(block: block, checksums: checksums) }
    }

    @Test("a page of zeroes is new, one with any other byte is not")
    func zeroes() {
        var page = TestPage()
        #expect(verify(page) == .new)
        #expect(page.read { $0.isAllZero })
        // `upper` stays zero, so the page still claims to be new.
        for offset in Array(0..<14) + [16, 23, 24, 255, 256, 4095, 4096, 7936, 8191] {
            page.bytes[offset] = 1
            #expect(!page.read { $0.isAllZero })
            #expect(verify(page) == .invalid(.badHeader(.upper)), "byte \(offset)")
            #expect(verify(page, checksums: false) == .invalid(.badHeader(.upper)))
            page.bytes[offset] = 0
        }
    }

    @Test("a checksum is required only if checksums are on")
    func checksum() {
        var page = TestPage.empty()
        let expected = page.read { PageChecksum.compute($0, block: 3) }
        #expect(
            verify(page, block: 3)
                == .invalid(.checksumMismatch(expected: expected, found: 0)))
        #expect(verify(page, block: 3, checksums: false) == .valid)
        page.edit { $0.setChecksum(block: 3) }
        #expect(verify(page, block: 3) == .valid)
        #expect(!verify(page, block: 4).isUsable)
    }

    @Test("a new page gets no checksum")
    func newPage() {
        var page = TestPage()
        page.edit { $0.setChecksum(block: 1) }
        #expect(page.bytes.allSatisfy { $0 == 0 })
    }

    @Test(
        "an impossible header is found, with or without checksums",
        arguments: [
            (10, 0x0008, PageHeader.Field.flags), (12, 23, .lower), (12, 8193, .lower),
            (12, 0xFFFF, .lower), (14, 23, .lower), (14, 8193, .upper), (16, 8200, .special),
            (16, 8185, .upper), (18, 0x2005, .sizeAndVersion), (18, 0x1004, .sizeAndVersion),
        ])
    func header(offset: Int, value: UInt16, field: PageHeader.Field) {
        var page = TestPage.empty()
        page.store(value, at: offset)
        page.edit { $0.setChecksum(block: 7) }
        #expect(verify(page, block: 7) == .invalid(.badHeader(field)))
        #expect(verify(page, block: 7, checksums: false) == .invalid(.badHeader(field)))
    }

    @Test("the special space must be aligned")
    func special() {
        var page = TestPage.empty(specialSize: 16)
        page.store(8180, at: 16)
        page.edit { $0.setChecksum(block: 0) }
        #expect(verify(page) == .invalid(.badHeader(.special)))
    }

    @Test("damaged pages are distinguished from intact ones")
    func damaged() throws {
        var kinds: Set<String> = []
        for row in try Fixtures.rows("damaged/manifest.csv") {
            let fields = row.map { $0 ?? "" }
            let file = try Fixtures.bytes("damaged/" + fields[0])
            let block = try #require(UInt32(fields[1]))
            guard file.count >= PageLayout.size else {
                #expect(fields[2] == "none")
                continue
            }
            let found =
                switch verify(TestPage(file, block: 0), block: block) {
                case .valid: "valid"
                case .new: "new"
                case .invalid(.checksumMismatch): "checksum"
                case .invalid(.badHeader): "header"
                case .invalid: "another"
                }
            #expect(found == fields[2], "\(fields[0])")
            kinds.insert(found)
        }
        #expect(kinds == ["valid", "new", "checksum", "header"])
    }
}
