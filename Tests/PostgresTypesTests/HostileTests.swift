import PostgresTypes
import Testing

/// Bytes that no server wrote. Nothing may trap or take unbounded time or memory.
@Suite("Hostile values")
struct HostileTests {
    static let element = ElementForm(.integer, layout: ValueLayout(length: 4, alignment: 0x69)!)
    static let words = ElementForm(.text, layout: ValueLayout(length: -1, alignment: 0x69)!)

    static let forms: [ValueForm] = [
        .boolean, .smallint, .integer, .bigint, .real, .double, .numeric, .money, .text, .name,
        .character, .bytea, .bits, .uuid, .inet, .cidr, .macaddr, .macaddr8, .date, .time,
        .timeTZ, .timestamp, .timestampTZ, .interval, .xml, .jsonb, .jsonpath, .point, .segment,
        .line, .box, .path, .polygon, .circle, .searchVector, .searchQuery, .unsigned,
        .unsignedLong, .rowID, .logPosition, .snapshot, .rights, .smallintVector, .oidVector,
        .object(.relation), .hstore, .tree, .treeQuery, .treeTextQuery, .hexadecimal,
        .enumeration(EnumerationForm(name: "e", labels: [1: [0x61]])), .array(element),
        .array(words), .range(element), .range(words), .multirange(element), .multirange(words),
        .composite(
            CompositeForm([
                CompositeForm.Attribute(.integer, layout: element.layout),
                CompositeForm.Attribute(nil, layout: words.layout),
                CompositeForm.Attribute(.array(words), layout: words.layout),
            ])),
    ]

    @Test("random bytes of each form")
    func random() {
        var dice = Dice(seed: 20)
        var written = 0
        for _ in 0..<3_000 {
            var bytes = dice.bytes(Int(dice.next() % 80))
            // Small numbers get further than random ones.
            for index in bytes.indices where dice.next() % 2 == 0 { bytes[index] &= 3 }
            for form in Self.forms where (try? Bytes(bytes).text(form)) != nil { written += 1 }
        }
        #expect(written > 10_000)
    }

    @Test("jsonb nested a hundred thousand deep does not overflow the stack")
    func deepJSON() throws {
        let depth = 100_000
        var bytes: [UInt8] = []
        for level in 0..<depth {
            let rest = UInt32(8 * (depth - 1 - level) + 4)
            bytes += Bytes().adding(0x4000_0001 as UInt32).adding(0x5000_0000 | rest).bytes
        }
        bytes += Bytes().adding(0x4000_0000 as UInt32).bytes
        let text = try Bytes(bytes).text(.jsonb)
        #expect(text.utf8.count == 2 * (depth + 1))
    }

    @Test("a cycle of tsquery operators ends")
    func ringOfOperators() {
        var bytes = Bytes().adding(2 as Int32)
        for _ in 0..<2 {
            bytes = bytes.adding(2 as Int8).adding(2 as Int8).adding(0 as Int16)
            bytes = bytes.adding(1 as UInt32).adding(0 as UInt32)
        }
        #expect(throws: ValueFault.self) { try bytes.text(.searchQuery) }
    }

    @Test("an array of more elements than its bytes can hold is refused at once")
    func hugeArray() {
        let bytes = Bytes().adding(2 as Int32).adding(0 as Int32).adding(23 as Int32)
            .adding(100_000 as Int32).adding(100_000 as Int32).adding(1 as Int32).adding(1 as Int32)
        #expect(throws: ValueFault.self) { try bytes.text(.array(Self.element)) }
    }

    @Test("a compressed value shorter than its header is refused")
    func shortCompressed() {
        // A bound whose length word says six bytes, compressed.
        let bytes = Bytes().adding(1 as UInt32).adding(6 << 2 | 2 as UInt32).adding(0 as UInt32)
        #expect(throws: ValueFault.self) { try bytes.text(.range(Self.words)) }
    }
}
