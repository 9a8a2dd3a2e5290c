import PostgresTypes

/// A stored value of one of PostgreSQL's types.
///
/// | bytes | |
/// |---|---|
/// | 1 | its type |
/// | the rest | the value, without its length |
enum PostgresValueInput {
    private static let varlena = ValueLayout(length: -1, alignment: UInt8(ascii: "i"))!
    private static let integer = ElementForm(
        .integer, layout: ValueLayout(length: 4, alignment: UInt8(ascii: "i"))!)
    private static let double = ElementForm(
        .double, layout: ValueLayout(length: 8, alignment: UInt8(ascii: "d"))!)
    private static let text = ElementForm(.text, layout: varlena)
    private static let numeric = ElementForm(.numeric, layout: varlena)
    /// Attributes may be compressed, by either method.
    private static let composite = CompositeForm([
        CompositeForm.Attribute(.integer, layout: integer.layout),
        CompositeForm.Attribute(nil, layout: varlena),
        CompositeForm.Attribute(.array(text), layout: varlena),
        CompositeForm.Attribute(.jsonb, layout: varlena),
    ])
    private static let forms: [ValueForm] = [
        .numeric, .jsonb, .jsonpath, .searchVector, .searchQuery, .hstore, .tree, .treeQuery,
        .treeTextQuery, .array(integer), .array(text), .array(double), .range(integer),
        .range(text), .range(numeric), .multirange(integer), .multirange(text),
        .multirange(double), .composite(composite),
        .array(ElementForm(.composite(composite), layout: varlena)), .xml, .bits, .snapshot,
        .rights, .smallintVector, .oidVector, .path, .polygon, .inet, .cidr, .interval,
        .timestamp, .date, .timeTZ, .money, .double, .real, .box, .name, .character, .rowID,
    ]
    private static let writer = ValueWriter(version: 18)

    static func run(_ input: [UInt8]) -> String? {
        guard let choice = input.first else { return nil }
        let form = forms[Int(choice) % forms.count]
        var first = TextOutput()
        let value = Array(input.dropFirst())
        guard (try? writer.write(value.span.bytes, as: form, to: &first)) != nil else { return nil }
        // Only the value may be read: bytes around it change nothing.
        let padded = [0xA5] + value + [0x5A]
        var second = TextOutput()
        try? writer.write(
            padded.span.extracting(1..<padded.count - 1).bytes, as: form, to: &second)
        return second.bytes == first.bytes ? nil : "a value is written in two ways"
    }
}
