import PageFormat
import Testing

@Suite("Relations PostgreSQL wrote")
struct FixtureContentsTests {
    @Test(
        "hold the rows that PostgreSQL says they hold",
        arguments: try Fixtures.relations.filter { $0.fork == "main" })
    func contents(relation: Fixtures.Relation) throws {
        let expected = try Fixtures.rows("postgres/csv/\(relation.name).csv")
        let file = try relation.bytes
        try #require(file.count == relation.blocks * PageLayout.size)
        var found: [[[UInt8]?]] = []
        for block in 0..<relation.blocks {
            let page = TestPage(file, block: block)
            for number in page.read({ $0.linePointerNumbers }) {
                if let row = try page.values(number, layout: relation.layout) {
                    found.append(row)
                }
            }
        }
        try #require(found.count == expected.count)
        for (row, texts) in zip(found, expected) {
            for ((bytes, text), column) in zip(zip(row, texts), relation.columns) {
                #expect((bytes == nil) == (text == nil), "\(column.name) of \(texts)")
                guard let bytes, let text, column.type != "numeric" else { continue }
                #expect(
                    bytes == StoredValue.bytes(of: text, type: column.type),
                    "\(column.name): \(text)")
            }
        }
    }

    @Test("have line pointers in every state")
    func states() throws {
        var states: [LinePointer.State: Int] = [:]
        for relation in try Fixtures.relations where relation.fork == "main" {
            let file = try relation.bytes
            for block in 0..<relation.blocks {
                TestPage(file, block: block).read { page in
                    for number in page.linePointerNumbers {
                        guard let pointer = page.linePointer(number) else { continue }
                        states[pointer.state, default: 0] += 1
                        if pointer.state == .redirect {
                            let target = page.linePointer(UInt16(pointer.offset))
                            #expect(target?.state == .normal)
                        }
                    }
                }
            }
        }
        #expect(Set(states.keys) == [.unused, .normal, .redirect, .dead])
    }

    @Test("distinguish frozen tuples, nulls and pages visible to everyone")
    func flags() throws {
        for relation in try Fixtures.relations where relation.fork == "main" {
            let file = try relation.bytes
            for block in 0..<relation.blocks {
                try TestPage(file, block: block).read { (page: PageView) throws(PageFormatError) in
                    #expect(page.flags.contains(.allVisible) == (relation.name == "vacuumed"))
                    #expect(page.lsn > .zero && page.header.fault == nil)
                    for number in page.linePointerNumbers {
                        guard let tuple = try page.tuple(number) else { continue }
                        let header = tuple.header
                        #expect(Int(header.block) == block)
                        #expect(header.number == number)
                        let isFrozen = header.flags.isSuperset(of: .xminFrozen)
                        #expect(isFrozen == (relation.name == "vacuumed"))
                        let anyNull = (0..<tuple.attributeCount).contains { tuple.isNull($0) }
                        #expect(anyNull == tuple.hasNulls)
                    }
                }
            }
        }
    }

    @Test("are formed again, byte for byte, by the builder")
    func rebuild() throws {
        for relation in try Fixtures.relations where relation.fork == "main" {
            let file = try relation.bytes
            var builder = HeapTupleBuilder(layout: relation.layout)
            for block in 0..<relation.blocks {
                let page = TestPage(file, block: block)
                for number in page.read({ $0.linePointerNumbers }) {
                    guard let item = try page.item(number),
                        let row = try page.values(number, layout: relation.layout)
                    else { continue }
                    guard Int(item[18]) == relation.columns.count else { continue }
                    builder.begin()
                    for (value, attribute) in zip(row, relation.layout) {
                        switch value {
                        case nil: builder.appendNull()
                        case let bytes? where attribute.isVariable:
                            builder.appendVariable(unsafe bytes.span.bytes)
                        case let bytes?: builder.appendFixed(unsafe bytes.span.bytes)
                        }
                    }
                    var copy = TestPage.empty()
                    try copy.place(&builder)
                    let formed = try #require(try copy.item(1))
                    // Transactions and position differ, but not the bytes from the data's offset
                    // on.
                    #expect(formed.dropFirst(22).elementsEqual(item.dropFirst(22)))
                    #expect(formed[20] & 3 == item[20] & 3)
                }
            }
        }
    }
}
