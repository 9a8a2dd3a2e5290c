import RowSchema
import ValueText

/// How the fields of a column become values, and values become text.
struct FieldForm: Hashable {
    let type: ColumnType
    /// How values are written.
    let spelling: Spelling
    /// Whether a field in another spelling is an error.
    let isExact: Bool

    init(_ column: Column) {
        type = column.type
        spelling = column.spelling ?? .standard
        isExact = column.spelling != nil
    }

    /// The form of an inferred column.
    init(_ type: ColumnType, _ spelling: Spelling = .standard) {
        self.type = type
        self.spelling = spelling
        isExact = true
    }

    /// Whether a text comes back the same from a value of an exact form.
    func keeps(_ text: Span<UInt8>) -> Bool {
        do throws(ValueError) {
            switch type {
            case .text: break
            case .smallint: _ = try IntegerText.parseExactly(text, as: type, Int16.self)
            case .integer: _ = try IntegerText.parseExactly(text, as: type, Int32.self)
            case .bigint: _ = try IntegerText.parseExactly(text, as: type, Int64.self)
            case .real: _ = try FloatingPointText.parseRealExactly(text)
            case .doublePrecision: _ = try FloatingPointText.parseExactly(text)
            case .boolean: _ = try BooleanText.parse(text, spelled: spelling)
            case .date: _ = try DateText.parseExactly(text)
            case .time: _ = try TimeText.parseExactly(text)
            case .timestamp, .timestampTZ:
                _ = try TimestampText.parse(
                    text, spelled: spelling, hasZone: type == .timestampTZ)
            case .uuid:
                var datum = ByteOutput(capacity: 16)
                try UUIDText.parse(text, spelled: spelling, into: &datum)
            case .bytea:
                var datum = ByteOutput(capacity: 64)
                try ByteaText.parseExactly(text, into: &datum)
            case .numeric:
                var datum = ByteOutput(capacity: 64)
                try NumericText.parseExactly(text, into: &datum)
            case .interval, .varchar, .char, .json, .jsonb, .array:
                return false  // They are not inferred.
            }
            return true
        } catch {
            return false
        }
    }
}
