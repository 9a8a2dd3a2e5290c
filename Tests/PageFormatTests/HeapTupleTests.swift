import PageFormat
import Testing

@Suite("Heap tuples")
struct HeapTupleTests {
    @Test("a tuple has PostgreSQL's bytes")
    func bytes() throws {
        var builder = HeapTupleBuilder(layout: [.boolean, .int32, .variable(), .int16])
        builder.append(true)
        builder.append(Int32(-2))
        builder.appendVariable(unsafe ([0x61, 0x62] as [UInt8]).span.bytes)
        builder.append(Int16(0x0102))
        #expect(builder.byteCount == 24 + 14)
        var page = TestPage.empty()
        #expect(try page.place(&builder, block: 0x0005_0006) == 1)
        #expect(
            try page.item(1) == [
                2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 6, 0, 1, 0, 4, 0, 0x02, 0x0B, 24, 0,
                1, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF, 7, 0x61, 0x62, 0, 2, 1,
            ])
    }

    @Test("a null bitmap is between header and data")
    func nullBytes() throws {
        var builder = HeapTupleBuilder(layout: Array(repeating: .boolean, count: 10))
        for index in 0..<10 {
            if index % 3 == 0 { builder.appendNull() } else { builder.append(false) }
        }
        var page = TestPage.empty()
        try page.place(&builder)
        let item = try #require(try page.item(1))
        #expect(item[18...23].elementsEqual([10, 0, 0x01, 0x0B, 32, 0b1011_0110]))
        #expect(item[24...31].elementsEqual([0b01, 0, 0, 0, 0, 0, 0, 0]))
        #expect(item.count == 32 + 6)
        let flags = page.read { page in
            guard let tuple = try? page.tuple(1) else { return [Bool]() }
            return (-1..<12).map { tuple.isNull($0) }
        }
        #expect(flags == [true] + (0..<10).map { $0 % 3 == 0 } + [true, true])
    }

    @Test("headers survive being read")
    func header() throws {
        var builder = HeapTupleBuilder(layout: [.int64, .int64])
        builder.appendNull()
        builder.append(UInt64(1))
        var page = TestPage.empty()
        try page.place(&builder, block: 77)
        try page.place(&builder, block: 78)
        let header = try page.read { (page: PageView) throws(PageFormatError) in
            try page.tuple(2)?.header
        }
        let found = try #require(header)
        #expect(found.xmin == HeapTupleHeader.frozenTransaction && found.xmax == 0)
        #expect(found.block == 78 && found.number == 2 && found.attributeCount == 2)
        #expect(found.flags == [.hasNulls, .xminFrozen, .xmaxInvalid])
        #expect(found.dataOffset == 24)
    }

    @Test("variable values have a length byte up to 126 bytes, else an aligned word")
    func variableLengths() throws {
        var builder = HeapTupleBuilder(layout: [.boolean, .variable(), .boolean])
        for length in [0, 1, 125, 126, 127, 128, 1000, 8000] {
            let value = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            builder.begin()
            builder.append(false)
            builder.appendVariable(unsafe value.span.bytes)
            builder.append(true)
            #expect(builder.byteCount == 24 + 1 + (length <= 126 ? 1 : 7) + length + 1)
            var page = TestPage.empty()
            try page.place(&builder)
            let found = try page.values(1, layout: builder.layout)
            #expect(found == [[0], value, [1]])
        }
    }

    @Test("random rows come back unchanged, including alignment and nulls")
    func roundTrip() throws {
        var generator = SeededGenerator(seed: 4)
        let kinds: [AttributeLayout] = [
            .boolean, .int16, .int32, .int64, .float32, .float64, .uuid, .variable(),
            .variable(alignment: .eight), .variable(alignment: .two), .variable(alignment: .one),
            .fixed(3, alignment: .one), .fixed(6, alignment: .two), .fixed(12, alignment: .four),
        ]
        for round in 0..<400 {
            let count = Int.random(in: 0...40, using: &generator)
            let layout = (0..<count).map { _ in kinds.randomElement(using: &generator)! }
            let nullShare = [0, 1, 5, 10].randomElement(using: &generator)!
            var builder = HeapTupleBuilder(layout: layout)
            var page = TestPage.empty()
            for number: UInt16 in 1...3 {
                var row: [[UInt8]?] = []
                builder.begin()
                for attribute in layout {
                    if Int.random(in: 0..<10, using: &generator) < nullShare {
                        row.append(nil)
                        builder.appendNull()
                        continue
                    }
                    let length =
                        attribute.fixedByteCount
                        ?? [0, 3, 126, 127, 200].randomElement(using: &generator)!
                    let value = (0..<length).map { _ in
                        UInt8.random(in: 0...255, using: &generator)
                    }
                    row.append(value)
                    if attribute.isVariable {
                        builder.appendVariable(unsafe value.span.bytes)
                    } else {
                        builder.appendFixed(unsafe value.span.bytes)
                    }
                }
                guard try page.place(&builder) != nil else { break }
                #expect(try page.values(number, layout: layout) == row, "round \(round)")
            }
        }
    }

    @Test("integers and floating point numbers come back as values")
    func integers() throws {
        var builder = HeapTupleBuilder(
            layout: [.int16, .int32, .int64, .float32, .float64, .boolean, .int32])
        builder.append(Int16.min)
        builder.append(Int32.max)
        builder.append(Int64.min)
        builder.append(Float(1.5))
        builder.append(-Double.infinity)
        builder.append(true)
        builder.appendNull()
        var page = TestPage.empty()
        try page.place(&builder)
        let layout = builder.layout
        try page.read { (page: PageView) throws(PageFormatError) in
            var decoder = HeapTupleDecoder(layout: layout)
            guard let tuple = try page.tuple(1) else {
                Issue.record("the tuple is missing")
                return
            }
            try decoder.decode(tuple)
            let small = try decoder.integer(0, of: tuple, as: Int16.self)
            let medium = try decoder.integer(1, of: tuple, as: Int32.self)
            let large = try decoder.integer(2, of: tuple, as: Int64.self)
            let single = try decoder.integer(3, of: tuple, as: UInt32.self)
            let double = try decoder.integer(4, of: tuple, as: UInt64.self)
            let truth = try decoder.integer(5, of: tuple, as: UInt8.self)
            let null = try decoder.integer(6, of: tuple, as: Int32.self)
            #expect(small == .min && medium == .max && large == .min && truth == 1 && null == nil)
            #expect(single.map(Float.init(bitPattern:)) == 1.5)
            #expect(double.map(Double.init(bitPattern:)) == -.infinity)
            #expect(decoder.isNull(6) && !decoder.isNull(5) && !decoder.isNull(99))
            let wrong = PageFormatError.badAttribute(
                1, attribute: 0, .wrongSize(found: 2, expected: 8))
            do throws(PageFormatError) {
                _ = try decoder.integer(0, of: tuple, as: Int64.self)
                Issue.record("a smallint was read as a bigint")
            } catch {
                #expect(error == wrong)
            }
        }
    }

    @Test("a tuple that does not fit a page is refused, and the next one is unaffected")
    func tooLarge() throws {
        var builder = HeapTupleBuilder(layout: [.variable(), .int64, .variable()])
        var page = TestPage.empty()
        let huge = [UInt8](repeating: 9, count: 100_000)
        for length in [8118, 8119, 8192, 100_000] {
            builder.begin()
            builder.appendVariable(unsafe huge.span.bytes.extracting(..<length))
            builder.append(Int64(1))
            builder.appendNull()
            let count = builder.byteCount
            #expect(count == 24 + (length + 4 + 7) / 8 * 8 + 8)
            if count <= 8160 {
                var other = TestPage.empty()
                #expect(try other.place(&builder) == 1)
                #expect(try other.place(&builder) == nil)
            } else {
                #expect(throws: PageFormatError.tupleTooLarge(byteCount: count, limit: 8160)) {
                    try page.place(&builder)
                }
            }
        }
        builder.begin()
        #expect(throws: PageFormatError.wrongAttributeCount(found: 0, expected: 3)) {
            try page.place(&builder)
        }
        for _ in 0..<4 { builder.appendNull() }
        #expect(throws: PageFormatError.wrongAttributeCount(found: 4, expected: 3)) {
            try page.place(&builder)
        }
        builder.begin()
        for _ in 0..<3 { builder.appendNull() }
        #expect(try page.place(&builder) == 1)
        #expect(try page.values(1, layout: builder.layout) == [nil, nil, nil])
    }

    @Test("a value of another width than its attribute is reported when the tuple is placed")
    func wrongWidths() throws {
        var builder = HeapTupleBuilder(layout: [.int64, .variable(), .int32])
        var page = TestPage.empty()
        let text = Array("seven".utf8)
        func wrong(_ attribute: Int, _ found: Int, _ expected: Int?) -> PageFormatError {
            .wrongAttributeWidth(attribute: attribute, found: found, expected: expected)
        }
        builder.begin()
        builder.append(Int32(7))
        #expect(throws: wrong(0, 4, 8)) { try page.place(&builder) }
        // The rest of the row changes nothing, and the first fault is reported.
        builder.appendVariable(unsafe text.span.bytes)
        builder.append(Int64(1))
        builder.appendNull()
        #expect(throws: wrong(0, 4, 8)) { try page.place(&builder) }
        #expect(throws: wrong(0, 4, 8)) { _ = try builder.formTuple() }
        #expect((!builder.isKept) as Bool)

        builder.begin()
        builder.append(Int64(1))
        builder.append(Int32(7))
        #expect(throws: wrong(1, 4, nil)) { try page.place(&builder) }
        for form in [StoredForm.compressed, .external] {
            builder.begin()
            builder.append(Int64(1))
            builder.append(unsafe text.span.bytes.extracting(..<2), storedAs: form)
            #expect(throws: wrong(1, 2, nil)) { try page.place(&builder) }
        }
        builder.begin()
        builder.append(Int64(1))
        builder.appendVariable(unsafe text.span.bytes)
        builder.appendVariable(unsafe text.span.bytes)
        #expect(throws: wrong(2, 5, 4)) { try page.place(&builder) }
        builder.begin()
        builder.append(Int64(1))
        builder.appendNull()
        builder.append(Int32(7))
        #expect(try page.place(&builder) == 1)
        #expect(wrong(1, 4, nil).description.contains("varying length"))
    }

    @Test("the widest row has 1600 attributes")
    func widest() throws {
        let layout = [AttributeLayout](repeating: .int32, count: PageLayout.maximumAttributes)
        var builder = HeapTupleBuilder(layout: layout)
        for index in layout.indices {
            if index == 1599 { builder.appendNull() } else { builder.append(Int32(index)) }
        }
        var page = TestPage.empty()
        #expect(try page.place(&builder) == 1)
        let values = try #require(try page.values(1, layout: layout))
        #expect(values[1598] == [0x3E, 6, 0, 0] && values[1599] == nil)
    }
}
