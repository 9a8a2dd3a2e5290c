import RowSchema

/// Dates between ISO 8601 text and days since 2000-01-01. Mirrors PostgreSQL's `date_in` and
/// `date_out` in the ISO style.
public enum DateText {
    /// The day that stands for `infinity` (PostgreSQL's `DATEVAL_NOEND`).
    public static let infinity = Int32.max
    /// The day that stands for `-infinity` (PostgreSQL's `DATEVAL_NOBEGIN`).
    public static let negativeInfinity = Int32.min

    /// Reads `YYYY-MM-DD`, followed by ` BC` for years before 1, or `infinity`, `-infinity`.
    public static func parse(_ text: Span<UInt8>) throws(ValueError) -> Int32 {
        var range = TextScan.trimmed(text)
        if let infinite = Infinity.parse(text, range) {
            return infinite ? infinity : negativeInfinity
        }
        let isBC = CalendarDate.takeEra(text, &range)
        var index = range.lowerBound
        let day = try CalendarDate.parse(
            text, &index, end: range.upperBound, isBC: isBC, as: .date)
        guard index == range.upperBound else { throw ValueError(.date, .invalidSyntax) }
        guard CalendarDate.dateRange.contains(day) else { throw ValueError(.date, .outOfRange) }
        return Int32(day)
    }

    /// Reads a date that is written as ``write(_:to:)`` writes it.
    ///
    /// - Throws: ``ValueError`` if the text is not a date, or has another spelling.
    public static func parseExactly(_ text: Span<UInt8>) throws(ValueError) -> Int32 {
        if text.count == 10, let day = CalendarDate.commonDate(text, 0, end: 10) {
            return Int32(truncatingIfNeeded: day)
        }
        let day = try parse(text)
        if TextScan.isWritten(text, by: { write(day, to: &$0) }) { return day }
        throw ValueError(.date, .otherSpelling)
    }

    /// Appends the date of a day.
    public static func write(_ day: Int32, to output: inout ByteOutput) {
        switch day {
        case infinity: output.append("infinity")
        case negativeInfinity: output.append("-infinity")
        default: if CalendarDate.write(day: Int(day), to: &output) { output.append(" BC") }
        }
    }
}

/// The words for the ends of time.
enum Infinity {
    /// True for `infinity`, false for `-infinity`, nil for any other text.
    @inline(__always)
    static func parse(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool? {
        guard range.count >= 8, range.count <= 9 else { return nil }
        return parseWord(text, range)
    }

    private static func parseWord(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool? {
        if TextScan.matches(text, range, "infinity") { return true }
        if TextScan.matches(text, range, "-infinity") { return false }
        return nil
    }
}
