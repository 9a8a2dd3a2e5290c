internal import PostgresCatalogs
internal import PostgresTypes
internal import RowSchema

/// The type that a column's values have in other stores, if these keep them in the same form.
struct KeptType {
    let type: ColumnType
    let modifier: TypeModifier?
    /// Whether the values must be read from text, since the stored ones hold text in another
    /// encoding than UTF-8 among other bytes.
    let isText: Bool
    /// Whether the stored bytes hold no text.
    let isBinary: Bool
    /// Whether the column's own type means more: a domain's rules, or a modifier that is lost.
    let isSimplified: Bool

    private static let types = Dictionary(
        uniqueKeysWithValues: ColumnType.allCases.map { ($0.objectIdentifier, $0) })

    /// Finds the type. Returns nil if there is none.
    init?(_ column: PostgresCatalogs.Column, _ catalog: DatabaseCatalog) {
        if column.isDropped { return nil }
        var number = column.type
        var stored = column.modifier
        var depth = 0
        // A damaged catalog may define a domain by itself.
        while let entry = catalog.types[number], entry.kind == UInt8(ascii: "d"),
            depth < ValueLimits.nesting
        {
            if stored < 0 { stored = entry.modifier }
            number = entry.base
            depth += 1
        }
        guard let type = Self.types[number] else { return nil }
        self.type = type
        modifier = Int32(exactly: stored).flatMap { TypeModifier(storedNumber: $0, of: type) }
        switch (type, type.element ?? type) {
        case (.text, _), (.varchar, _), (.char, _), (.json, _): (isText, isBinary) = (false, false)
        case (_, .jsonb), (.array, .text), (.array, .varchar), (.array, .char), (.array, .json):
            (isText, isBinary) = (!catalog.encoding.isUTF8, true)
        default: (isText, isBinary) = (false, true)
        }
        isSimplified = depth > 0 || (stored >= 0 && modifier == nil)
    }
}

extension RowForm {
    /// The bytes of a length in a batch.
    static let lengthSize = DatumBatch.lengthSize
}
