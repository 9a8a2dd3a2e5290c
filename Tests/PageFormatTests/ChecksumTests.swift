import Testing

@testable import PageFormat

@Suite("Page checksums")
struct ChecksumTests {
    @Test("agree with those PostgreSQL stored", arguments: try Fixtures.relations)
    func postgres(relation: Fixtures.Relation) throws {
        let file = try relation.bytes
        try #require(file.count == relation.blocks * PageLayout.size)
        for block in 0..<relation.blocks {
            let page = TestPage(file, block: block)
            let result = page.read { page in
                (
                    page.isNew, page.storedChecksum,
                    page.verify(block: UInt32(block), checksums: true)
                )
            }
            if result.0 {
                #expect(result.2 == .new)
                continue
            }
            for kernel in PageChecksum.Kernel.allCases {
                let sum = page.read { kernel.compute($0, block: UInt32(block)) }
                #expect(sum == result.1, "\(kernel) block \(block)")
            }
            #expect(result.2 == .valid)
        }
    }

    @Test("fixtures hold pages of every fork")
    func forks() throws {
        let forks = try Set(Fixtures.relations.filter { $0.blocks > 0 }.map(\.fork))
        #expect(forks == ["main", "fsm", "vm"])
    }

    @Test("are the same by every kernel, aligned or not")
    func kernels() {
        var generator = SeededGenerator(seed: 1)
        for round in 0..<40 {
            let page = TestPage.random(using: &generator)
            let block = UInt32(truncatingIfNeeded: generator.next())
            let expected = page.read { PageChecksum.compute($0, block: block) }
            var shifted = [UInt8](repeating: 0xA5, count: round % 16)
            let start = shifted.count
            shifted += page.bytes
            let span = unsafe shifted.span.bytes.extracting(start..<start + PageLayout.size)
            guard let view = PageView(span) else { preconditionFailure("one page") }
            for kernel in PageChecksum.Kernel.allCases {
                #expect(kernel.compute(view, block: block) == expected)
            }
        }
    }

    @Test("are the same for two pages at once")
    func pairs() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<40 {
            let pages = (TestPage.random(using: &generator), TestPage.random(using: &generator))
            let block = UInt32(truncatingIfNeeded: generator.next() >> 1)
            let sums = pages.0.read { first in
                pages.1.read { PageChecksum.compute(first, $0, block: block) }
            }
            #expect(sums.first == pages.0.read { PageChecksum.compute($0, block: block) })
            #expect(sums.second == pages.1.read { PageChecksum.compute($0, block: block &+ 1) })
        }
    }

    @Test("leave the stored checksum out and the page alone")
    func storedChecksum() {
        var generator = SeededGenerator(seed: 2)
        var page = TestPage.random(using: &generator)
        let first = page.read { PageChecksum.compute($0, block: 9) }
        for stored: UInt16 in [0, 1, 0xFFFF, first] {
            page.store(stored, at: 8)
            let before = page.bytes
            #expect(page.read { PageChecksum.compute($0, block: 9) } == first)
            #expect(page.bytes == before)
        }
    }

    @Test("notice any flipped bit outside the checksum field, and another block number")
    func sensitivity() {
        var generator = SeededGenerator(seed: 3)
        var page = TestPage.random(using: &generator)
        let sum = page.read { PageChecksum.compute($0, block: 5) }
        #expect(page.read { PageChecksum.compute($0, block: 6) } != sum)
        for _ in 0..<200 {
            let offset = Int.random(in: 10..<PageLayout.size, using: &generator)
            let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &generator)
            page.bytes[offset] ^= bit
            #expect(page.read { PageChecksum.compute($0, block: 5) } != sum)
            page.bytes[offset] ^= bit
        }
    }

    @Test("are never zero, and reach both ends of their range")
    func range() {
        let page = TestPage()
        let base = page.read { PageChecksum.compute($0, block: 0) }
        #expect(base != 0)
        // Xor with the block number reaches every 32-bit sum, among them 0 and 65534.
        var seen: Set<UInt16> = []
        for block: UInt32 in 0..<0x2_0000 {
            seen.insert(page.read { PageChecksum.compute($0, block: block) })
        }
        #expect(!seen.contains(0))
        #expect(seen.contains(1) && seen.contains(65535))
    }

    @Test("run on the fastest kernel there is")
    func kernelName() {
        let names = PageChecksum.Kernel.allCases.filter(\.isAvailable).map(\.rawValue)
        #expect(names.first == "portable")
        #expect(PageChecksum.kernelName == names.last)
    }
}
