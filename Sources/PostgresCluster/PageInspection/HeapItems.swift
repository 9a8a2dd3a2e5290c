internal import PageFormat
internal import PostgresRescue

/// The tuples of tables and sequences.
enum HeapItems {
    /// The fields of a tuple's header, and its values if its columns are known.
    static func fields(
        _ item: RawSpan, _ number: OffsetNumber, _ texts: inout TupleTexts?
    ) -> [InspectedField] {
        guard let header = HeapTupleHeader(item) else {
            return [InspectedField("fault", "it is too short for a tuple")]
        }
        var fields = [
            InspectedField("t_xmin", header.xmin), InspectedField("t_xmax", header.xmax),
            InspectedField("t_field3", header.field3),
            InspectedField("t_ctid", "(\(header.block),\(header.number))"),
            InspectedField("natts", header.attributeCount),
            InspectedField(
                "t_infomask2",
                .flags(FlagNames.names(header.infomask2 & 0xF800, FlagNames.infomask2))),
            InspectedField(
                "t_infomask", .flags(FlagNames.names(header.flags.rawValue, FlagNames.infomask))),
        ]
        let combined = FlagNames.combined.filter { header.flags.rawValue & $0.bit == $0.bit }
        if !combined.isEmpty {
            fields.append(InspectedField("combined", .flags(combined.map(\.name))))
        }
        fields.append(InspectedField("t_hoff", header.dataOffset))
        let tuple: HeapTupleView
        do throws(PageFormatError) {
            tuple = try HeapTupleView(item, number: number)
        } catch {
            return fields + [InspectedField("fault", error.description)]
        }
        if tuple.hasNulls {
            let bits = (0..<tuple.attributeCount).map { tuple.isNull($0) ? "0" : "1" }
            fields.append(InspectedField("t_bits", bits.joined()))
        }
        for value in texts?.values(of: tuple) ?? [] {
            if let fault = value.fault {
                fields.append(InspectedField(value.name, "? \(fault)"))
            } else if let text = value.text {
                fields.append(InspectedField(value.name, String(decoding: text, as: UTF8.self)))
            } else {
                fields.append(InspectedField(value.name, .null))
            }
        }
        return fields
    }
}
