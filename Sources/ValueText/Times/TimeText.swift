import RowSchema

/// Times of day between text and microseconds since midnight. Mirrors PostgreSQL's `time_in` and
/// `time_out`.
public enum TimeText {
    /// Reads `HH:MM`, `HH:MM:SS` or `HH:MM:SS.ffffff`, to 24:00. Further digits are rounded. `Z`,
    /// `UTC` or a distance from UTC may follow and is ignored, as PostgreSQL does.
    public static func parse(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        let range = TextScan.trimmed(text)
        var index = range.lowerBound
        let time = try TimeOfDay.parse(text, &index, range.upperBound, as: .time)
        if index < range.upperBound {
            _ = try TimeZoneText.parse(text, index, range.upperBound, as: .time)
        }
        // 23:59:60 is the end of the day.
        guard time <= TimeOfDay.microsecondsPerDay else {
            throw ValueError(.time, .fieldOutOfRange)
        }
        return time
    }

    /// Reads a time that is written as ``write(_:to:)`` writes it.
    ///
    /// - Throws: ``ValueError`` if the text is not a time, or has another spelling.
    public static func parseExactly(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        var index = 0
        if let time = TimeOfDay.parseExactly(text, &index), index == text.count { return time }
        return try parseOddly(text)
    }

    @inline(never)
    private static func parseOddly(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        let time = try parse(text)
        if TextScan.isWritten(text, by: { write(time, to: &$0) }) { return time }
        throw ValueError(.time, .otherSpelling)
    }

    /// Appends `HH:MM:SS`, with a fraction of a second only if it is not zero.
    public static func write(_ time: Int64, to output: inout ByteOutput) {
        TimeOfDay.write(time, to: &output)
    }
}
