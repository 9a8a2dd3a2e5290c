import RowSchema
import ValueText

/// Which types and spellings the values of a column allow so far.
///
/// A type is inferred only if every value's text comes back the same from it.
struct ColumnEvidence {
    /// Bit n: ``candidates`` n keeps every value so far.
    private var possible = (1 << UInt64(candidates.count)) - 1 as UInt64
    /// Whether some value begins with a digit, and so is no word such as `infinity`.
    private var hasDigits = false
    /// Whether there was a value for true, and one for false, as long as booleans are possible.
    private var hasTrue = false
    private var hasFalse = false
    private var hasValue = false

    /// The types that can be inferred, in each spelling, the narrowest first. Text remains if none
    /// fits.
    private static let candidates: [FieldForm] = {
        let types: [ColumnType] = [
            .boolean, .integer, .bigint, .doublePrecision, .numeric, .date, .time, .timestamp,
            .timestampTZ, .uuid,
        ]
        let forms = types.flatMap { type in
            Spelling.spellings(of: type).map { FieldForm(type, $0) }
        }
        precondition(forms.count < 64, "a bit for each")
        return forms
    }()

    /// The narrowest type that holds all values, and their spelling; text if there are none.
    var form: FieldForm {
        let text = FieldForm(.text)
        guard hasValue, possible != 0 else { return text }
        let form = Self.candidates[possible.trailingZeroBitCount]
        switch form.type {
        case .boolean:
            // A column of only `f`, `T` or `no` may hold anything.
            let isWord = (Spelling.words.rawValue...Spelling.uppercaseWords.rawValue).contains(
                form.spelling.rawValue)
            return isWord || hasTrue && hasFalse ? form : text
        case .uuid: return form
        default: return hasDigits ? form : text
        }
    }

    /// Takes a value other than NULL into account.
    mutating func observe(_ text: Span<UInt8>) {
        hasValue = true
        if possible == 0 { return }
        var rest = possible
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if !Self.candidates[index].keeps(text) { possible &= ~(1 << UInt64(index)) }
        }
        if possible == 0 { return }
        let start = text.count > 0 && text[0] == UInt8(ascii: "-") ? 1 : 0
        if start < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[start]) {
            hasDigits = true
        }
        let first = Self.candidates[possible.trailingZeroBitCount]
        if first.type == .boolean, !(hasTrue && hasFalse) {
            let value = try? BooleanText.parse(text, spelled: first.spelling)
            if value == true { hasTrue = true }
            if value == false { hasFalse = true }
        }
    }
}
