public import RowSchema

/// Timestamps between ISO 8601 text and microseconds since 2000-01-01 00:00. Mirrors
/// PostgreSQL's `timestamp_in`, `timestamp_out`, `timestamptz_in` and `timestamptz_out` in the ISO
/// style and the time zone UTC.
public enum TimestampText {
    /// The value that stands for `infinity` (PostgreSQL's `DT_NOEND`).
    public static let infinity = Int64.max
    /// The value that stands for `-infinity` (PostgreSQL's `DT_NOBEGIN`).
    public static let negativeInfinity = Int64.min

    private static let microsecondsPerDay = TimeOfDay.microsecondsPerDay

    /// Reads a date, optionally followed by a space or `T` and the time of day as `HH:MM`,
    /// `HH:MM:SS` or `HH:MM:SS.ffffff`. Further digits are rounded. ` BC`, `Z` or `+00` for UTC may
    /// follow. `infinity` and `-infinity` are values too.
    ///
    /// Another time zone is an error, while PostgreSQL ignores it.
    public static func parse(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        let (value, offset) = try read(text, as: .timestamp)
        if offset != 0 { throw ValueError(.timestamp, .timeZone) }
        return value
    }

    /// Reads a `timestamptz`: what ``parse(_:)`` reads, with any distance from UTC behind the time,
    /// such as `+02` or `-03:30`. Without one, it is in UTC.
    ///
    /// Names of zones other than UTC are errors.
    public static func parseWithZone(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        let (value, offset) = try read(text, as: .timestampTZ)
        if offset == 0 { return value }
        let (moved, overflows) = value.subtractingReportingOverflow(Int64(offset) * 1_000_000)
        guard !overflows, range.contains(moved) else { throw ValueError(.timestampTZ, .outOfRange) }
        return moved
    }

    /// The finite values.
    private static let range =
        Int64(CalendarDate.dateRange.lowerBound) * microsecondsPerDay..<Int64(
            CalendarDate.timestampEnd) * microsecondsPerDay

    /// The date and time as written, and the zone's seconds east of UTC.
    @inline(__always)
    private static func read(
        _ text: Span<UInt8>, as type: ColumnType
    ) throws(ValueError) -> (value: Int64, offset: Int) {
        var range = TextScan.trimmed(text)
        if let infinite = Infinity.parse(text, range) {
            return (infinite ? infinity : negativeInfinity, 0)
        }
        let isBC = CalendarDate.takeEra(text, &range)
        let end = range.upperBound
        var index = range.lowerBound
        let day = try CalendarDate.parse(text, &index, end: end, isBC: isBC, as: type)
        var time: Int64 = 0
        if index < end {
            if text[index] == UInt8(ascii: "T") || text[index] == UInt8(ascii: "t") {
                index += 1
            } else {
                let spaces = index
                while index < end && TextScan.isSpace(text[index]) { index += 1 }
                guard index > spaces else { throw ValueError(type, .invalidSyntax) }
            }
            time = try TimeOfDay.parse(text, &index, end, as: type)
        }
        var offset = 0
        if index < end { offset = try TimeZoneText.parse(text, index, end, as: type) }
        guard day >= CalendarDate.dateRange.lowerBound, day <= CalendarDate.timestampEnd else {
            throw ValueError(type, .outOfRange)
        }
        // 24:00 can move the last day out of range, so the range is checked again.
        let value = Int64(day) * microsecondsPerDay + time
        guard value < self.range.upperBound else { throw ValueError(type, .outOfRange) }
        return (value, offset)
    }

    /// Reads a `timestamp` or `timestamptz` that has a spelling.
    ///
    /// - Throws: ``ValueError`` if the text is not one, or has another spelling.
    public static func parse(
        _ text: Span<UInt8>, spelled spelling: Spelling, hasZone: Bool
    ) throws(ValueError) -> Int64 {
        if text.count >= 19, text[10] == spelling.dateTimeSeparator,
            let day = CalendarDate.commonDate(text, 0, end: 11)
        {
            var index = 11
            if let time = TimeOfDay.parseExactly(text, &index) {
                let rest = index..<text.count
                if hasZone ? TextScan.equals(text, rest, spelling.zone) : rest.isEmpty {
                    return Int64(day) &* microsecondsPerDay &+ time
                }
            }
        }
        return try parseOddly(text, spelling, hasZone)
    }

    @inline(never)
    private static func parseOddly(
        _ text: Span<UInt8>, _ spelling: Spelling, _ hasZone: Bool
    ) throws(ValueError) -> Int64 {
        let value = try hasZone ? parseWithZone(text) : parse(text)
        if TextScan.isWritten(
            text, by: { write(value, spelled: spelling, hasZone: hasZone, to: &$0) })
        {
            return value
        }
        throw ValueError(hasZone ? .timestampTZ : .timestamp, .otherSpelling)
    }

    /// Appends the date and time of a value, with a fraction of a second only if it is not zero.
    ///
    /// - Parameters:
    ///   - value: microseconds since 2000-01-01.
    ///   - spelling: what separates date and time, and the zone.
    ///   - hasZone: whether to append the zone, UTC.
    ///   - output: where to append.
    public static func write(
        _ value: Int64, spelled spelling: Spelling = .standard, hasZone: Bool = false,
        to output: inout ByteOutput
    ) {
        if value == infinity { return output.append("infinity") }
        if value == negativeInfinity { return output.append("-infinity") }
        var day = value / microsecondsPerDay
        var time = value % microsecondsPerDay
        if time < 0 {
            time += microsecondsPerDay
            day -= 1
        }
        let isBC = CalendarDate.write(day: Int(day), to: &output)
        output.append(spelling.dateTimeSeparator)
        TimeOfDay.write(time, to: &output)
        if hasZone { output.append(spelling.zone) }
        if isBC { output.append(" BC") }
    }
}
