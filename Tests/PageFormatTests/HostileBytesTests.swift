import PageFormat
import Testing

/// Bytes that no PostgreSQL wrote. A trap ends the test run, so reaching the end is half of each
/// test's assertion. The other half is that damage is named.
@Suite("Hostile bytes")
struct HostileBytesTests {
    /// The findings of a walk over a page.
    struct Findings {
        var tuples = 0
        var values = 0
        var faults: Set<String> = []

        mutating func note(_ error: PageFormatError) {
            let name =
                switch error {
                case .badLinePointer(_, .unalignedOffset): "unalignedOffset"
                case .badLinePointer(_, .outsideItemSpace): "outsideItemSpace"
                case .badLinePointer(_, .tooShort): "tooShort"
                case .badTuple(_, .badDataOffset): "badDataOffset"
                case .badTuple(_, .tooManyAttributes): "tooManyAttributes"
                case .badAttribute(_, _, .pastEnd): "pastEnd"
                case .badAttribute(_, _, .badLength): "badLength"
                case .badAttribute(_, _, .compressed): "compressed"
                case .badAttribute(_, _, .external): "external"
                default: "unexpected: \(error)"
                }
            faults.insert(name)
            #expect(!error.description.isEmpty)
        }
    }

    /// Calls everything that a page offers.
    static func walk(
        _ page: PageView, decoder: inout HeapTupleDecoder, into findings: inout Findings
    ) {
        _ = page.verify(block: 0, checksums: false)
        _ = (page.header.fault, page.freeSpace, page.heapFreeSpace, page.isEmpty)
        #expect(page.linePointerCount <= 2042)
        for number in page.linePointerNumbers {
            #expect(page.linePointer(number) != nil)
            do throws(PageFormatError) {
                guard let tuple = try page.tuple(number) else { continue }
                findings.tuples += 1
                _ = tuple.header
                try decoder.decode(tuple)
                for index in decoder.layout.indices {
                    guard let value = decoder.value(index, of: tuple) else { continue }
                    findings.values += 1
                    #expect(value.byteCount < tuple.bytes.byteCount)
                    if let size = decoder.layout[index].fixedByteCount {
                        #expect(value.byteCount == size)
                    }
                }
            } catch {
                findings.note(error)
            }
        }
    }

    /// Makes every possible change to a page.
    static func change(_ page: inout TestPage, builder: inout HeapTupleBuilder) {
        page.edit { page in
            page.setLinePointer(OffsetNumber(page.view.linePointerCount / 2), to: .unused)
            _ = try? builder.place(on: &page, block: 1)
            page.flags.insert(.hasFreeLinePointers)
            _ = try? builder.place(on: &page, block: 1)
            page.setChecksum(block: 1)
            page.lsn = LSN(1)
        }
    }

    static let layouts: [[AttributeLayout]] = [
        [.int32, .variable()],
        [.variable(alignment: .eight), .int64, .variable(), .boolean, .variable(), .uuid],
        [
            .boolean, .int16, .int32, .int64, .float32, .float64, .variable(), .int32, .int64,
            .uuid, .variable(), .variable(),
        ],
        [],
    ]

    @Test("random pages never trap")
    func randomPages() {
        var generator = SeededGenerator(seed: 10)
        var findings = Findings()
        for round in 0..<150 {
            var page = TestPage.random(using: &generator)
            if round % 3 != 0 {
                // A plausible header lets the walk go deeper.
                page.store(UInt16.random(in: 24...4000, using: &generator), at: 12)
                page.store(UInt16.random(in: 24...8000, using: &generator), at: 14)
                page.store(8192, at: 16)
            }
            for layout in Self.layouts {
                var decoder = HeapTupleDecoder(layout: layout)
                page.read { Self.walk($0, decoder: &decoder, into: &findings) }
            }
            var builder = HeapTupleBuilder(layout: [.int32])
            builder.append(Int32(1))
            Self.change(&page, builder: &builder)
        }
        #expect(findings.faults.isSuperset(of: ["unalignedOffset", "outsideItemSpace"]))
    }

    @Test("random tuples at valid line pointers never trap, and each fault is named")
    func randomTuples() throws {
        var generator = SeededGenerator(seed: 11)
        var findings = Findings()
        for _ in 0..<150 {
            var page = TestPage.empty()
            while true {
                let length = Int.random(in: 0...300, using: &generator)
                var item = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
                if length > 24, Bool.random(using: &generator) {
                    // A plausible header: few attributes, with the data directly behind the header.
                    item[18] = UInt8.random(in: 0...16, using: &generator)
                    item[19] = 0
                    item[20] &= 0xFE
                    item[22] = 24
                    if Int.random(in: 0..<8, using: &generator) == 0 {
                        for index in 24..<length { item[index] = 0 }
                    }
                }
                if try page.add(item) == nil { break }
            }
            for layout in Self.layouts {
                var decoder = HeapTupleDecoder(layout: layout)
                page.read { Self.walk($0, decoder: &decoder, into: &findings) }
            }
        }
        #expect(findings.tuples > 1000 && findings.values > 1000)
        #expect(
            findings.faults == [
                "tooShort", "badDataOffset", "tooManyAttributes", "pastEnd", "badLength",
                "compressed", "external",
            ])
    }

    @Test("PostgreSQL's pages with changed bytes never trap", arguments: [1, 4, 64])
    func mutatedPages(changes: Int) throws {
        var generator = SeededGenerator(seed: UInt64(20 + changes))
        for relation in try Fixtures.relations where relation.blocks > 0 {
            let file = try relation.bytes
            var decoder = HeapTupleDecoder(layout: relation.layout)
            var builder = HeapTupleBuilder(layout: [.int32])
            builder.append(Int32(1))
            var findings = Findings()
            for _ in 0..<30 {
                let block = Int.random(in: 0..<relation.blocks, using: &generator)
                var page = TestPage(file, block: block)
                for _ in 0..<changes {
                    // Half of the changes hit header and line pointers.
                    let limit = Bool.random(using: &generator) ? 256 : PageLayout.size
                    let offset = Int.random(in: 10..<limit, using: &generator)
                    page.bytes[offset] = UInt8.random(in: 0...255, using: &generator)
                }
                page.read { Self.walk($0, decoder: &decoder, into: &findings) }
                Self.change(&page, builder: &builder)
                page.read { Self.walk($0, decoder: &decoder, into: &findings) }
            }
        }
    }

    /// A tuple of one variable attribute whose stored bytes are `data`.
    private func tuple(_ data: [UInt8]) throws -> TestPage {
        var item = [UInt8](repeating: 0, count: 24) + data
        item[18] = 1
        item[22] = 24
        var page = TestPage.empty()
        try page.add(item)
        return page
    }

    @Test("values that cannot be read are refused by name")
    func refused() throws {
        let cases: [([UInt8], PageFormatError.AttributeFault)] = [
            ([0x02, 1, 0, 0, 9, 9], .compressed),
            ([0x01, 18] + [UInt8](repeating: 0, count: 16), .external(tag: 18)),
            ([0x01], .pastEnd(offset: 24, length: 2, tupleLength: 25)),
            ([0x08, 0, 0, 0], .badLength(2)),
            ([0x00, 0, 0, 0], .badLength(0)),
            ([0x24, 0, 0, 0, 1], .pastEnd(offset: 24, length: 9, tupleLength: 29)),
            ([0xFC, 0xFF, 0xFF, 0xFF], .pastEnd(offset: 24, length: 0x3FFF_FFFF, tupleLength: 28)),
            ([0x09, 1, 2], .pastEnd(offset: 24, length: 4, tupleLength: 27)),
            ([0x04, 0], .pastEnd(offset: 24, length: 4, tupleLength: 26)),
            ([], .pastEnd(offset: 24, length: 1, tupleLength: 24)),
        ]
        for (data, fault) in cases {
            let page = try tuple(data)
            #expect(throws: PageFormatError.badAttribute(1, attribute: 0, fault)) {
                try page.values(1, layout: [.variable()])
            }
        }
        #expect(try tuple([0x18, 0, 0, 0, 5, 6]).values(1, layout: [.variable()]) == [[5, 6]])
        #expect(try tuple([0x07, 5, 6]).values(1, layout: [.variable()]) == [[5, 6]])
        #expect(
            throws: PageFormatError.badAttribute(
                1, attribute: 0, .pastEnd(offset: 24, length: 8, tupleLength: 27))
        ) {
            try tuple([1, 2, 3]).values(1, layout: [.int64])
        }
    }

    @Test("a failed decoding leaves no values of the previous tuple")
    func stale() throws {
        let sound = try tuple([0x07, 5, 6])
        let broken = try tuple([0x09, 1, 2])
        var decoder = HeapTupleDecoder(layout: [.variable()])
        try sound.read { (page: PageView) throws(PageFormatError) in
            guard let tuple = try page.tuple(1) else {
                Issue.record("the tuple is missing")
                return
            }
            try decoder.decode(tuple)
        }
        #expect(!decoder.isNull(0))
        #expect(throws: PageFormatError.self) {
            try broken.read { (page: PageView) throws(PageFormatError) in
                guard let tuple = try page.tuple(1) else {
                    Issue.record("the tuple is missing")
                    return
                }
                try decoder.decode(tuple)
            }
        }
        #expect(decoder.isNull(0))
    }
}
