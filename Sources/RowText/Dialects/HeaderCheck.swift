package import RowSchema
internal import ValueText

/// Judges whether a header is one.
package enum HeaderCheck {
    /// Whether a header could be a record: it has values where the columns are other than text. If
    /// all columns are text, whether most of it are numbers, dates and the like.
    ///
    /// - Parameters:
    ///   - header: the names as in the file.
    ///   - schema: the columns, which were inferred from the records behind it, or given.
    package static func looksLikeData(_ header: [String], _ schema: Schema) -> Bool {
        let names = zip(header, schema.columns).filter { $0.1.type != .text }.map(\.0)
        if !names.isEmpty { return names.allSatisfy(isValue) }
        return !header.isEmpty && 2 * header.count(where: isValue) > header.count
    }

    /// Whether a text is a number, a truth value, a date, a timestamp or a UUID.
    private static func isValue(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let span = bytes.span
        if DecimalText(span, 0..<span.count) != nil || text == "true" || text == "false" {
            return true
        }
        if (try? DateText.parse(span)) != nil || (try? TimestampText.parse(span)) != nil {
            return true
        }
        var datum = ByteOutput(capacity: 16)
        return (try? UUIDText.parse(span, into: &datum)) != nil
    }
}
