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

    /// The values of which a few bytes stand for a long text.
    static let swelling: [(ValueForm, Bytes)] = {
        // Words that all have the same thousand bytes.
        var vector = Bytes().adding(1500 as Int32)
        for _ in 0..<1500 { vector = vector.adding(1000 << 1 as UInt32) }
        vector = vector.adding(String(repeating: "w", count: 1000))
        // Operators whose left operands all have the same word.
        var query = Bytes().adding(801 as Int32)
        for index in 0..<400 {
            query = query.adding(2 as Int8).adding(2 as Int8).adding(0 as Int16)
            query = query.adding(UInt32(800 - 2 * index)).adding(0 as UInt32)
        }
        for _ in 0..<401 {
            query = query.adding(1 as Int32).adding(0 as Int32).adding(4000 as UInt32)
        }
        query = query.adding(String(repeating: "q", count: 4000))
        // Levels that begin at the same place.
        var levels = Bytes().adding(60_000 as UInt16).adding([UInt8](repeating: 0, count: 10))
        levels = levels.adding(0 as UInt16).adding(0 as UInt16).adding(1 as UInt16)
        levels = levels.adding([UInt8](repeating: 0, count: 10))
        levels = levels.adding(0 as Int32).adding(1000 as UInt16).adding(0 as UInt8)
        levels = levels.adding(String(repeating: "l", count: 1001))
        // Bits and bytes, which are longer as text.
        let bits = Bytes().adding(1_600_000 as Int32).adding([UInt8](repeating: 0, count: 200_000))
        let bytes = Bytes([UInt8](repeating: 0, count: 600_000))
        return [
            (.searchVector, vector), (.searchQuery, query), (.treeQuery, levels), (.bits, bits),
            (.bytea, bytes), (.jsonpath, path), (.treeTextQuery, treeText),
        ]
    }()

    /// Subscripts of the same long key.
    private static var path: Bytes {
        var bytes = Bytes().adding(0x8000_0001 as UInt32)
        let count: Int32 = 2000
        let key = 12 + 8 * count
        // An array with subscripts; each goes to the key behind them.
        bytes = bytes.adding(23 as UInt8).adding([0, 0, 0]).adding(0 as Int32).adding(count)
        for _ in 0..<count { bytes = bytes.adding(key).adding(0 as Int32) }
        bytes = bytes.adding(1 as UInt8).adding([0, 0, 0]).adding(0 as Int32)
        return bytes.adding(4000 as Int32).adding(String(repeating: "k", count: 4000))
    }

    /// Operands that all have the same label.
    private static var treeText: Bytes {
        let operators = 6000
        var bytes = Bytes().adding(Int32(2 * operators + 1))
        for index in 0..<operators {
            bytes = bytes.adding(3 as Int16).adding(Int16(2 * (operators - index)))
            bytes = bytes.adding(Int32(UInt8(ascii: "&"))).adding(0 as Int32)
        }
        for _ in 0...operators {
            bytes = bytes.adding(2 as Int16).adding(0 as Int16).adding(0 as Int32)
            bytes = bytes.adding(0 as UInt8).adding(255 as UInt8).adding(0 as UInt16)
        }
        return bytes.adding(String(repeating: "t", count: 255))
    }

    @Test(
        "a text that would be longer than a server prints is refused", arguments: swelling.indices)
    func swellingValues(index: Int) {
        let (form, bytes) = Self.swelling[index]
        var output = TextOutput()
        output.sizeLimit = 1_000_000
        let error = #expect(throws: ValueFault.self) {
            try ValueWriter(version: 18).write(bytes.bytes.span.bytes, as: form, to: &output)
        }
        guard case .tooLarge = error else {
            Issue.record("\(form): \(String(describing: error))")
            return
        }
        #expect(output.count < 1_010_000)
    }

    @Test("a compressed value shorter than its header is refused")
    func shortCompressed() {
        // A bound whose length word says six bytes, compressed.
        let bytes = Bytes().adding(1 as UInt32).adding(6 << 2 | 2 as UInt32).adding(0 as UInt32)
        #expect(throws: ValueFault.self) { try bytes.text(.range(Self.words)) }
    }
}
