import RowSchema

/// Time zones behind a time: UTC, or a distance from it. Mirrors PostgreSQL's `DecodeTimezone`.
enum TimeZoneText {
    /// PostgreSQL's `MAX_TZDISP_HOUR`.
    private static let maximumHour = 15

    /// Reads the rest of a text: `Z`, `UTC`, `GMT`, or a sign and `H`, `HH`, `HHMM`, `HH:MM` or
    /// `HH:MM:SS`. Returns the seconds east of UTC.
    ///
    /// - Throws: ``ValueError`` also for names of zones, which only a table of them explains.
    static func parse(
        _ text: Span<UInt8>, _ start: Int, _ end: Int, as type: ColumnType
    ) throws(ValueError) -> Int {
        var index = start
        while index < end && TextScan.isSpace(text[index]) { index += 1 }
        let zone = index..<end
        if TextScan.matches(text, zone, "z") || TextScan.matches(text, zone, "utc")
            || TextScan.matches(text, zone, "gmt")
        {
            return 0
        }
        guard zone.count >= 2, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-")
        else {
            let isName =
                type == .timestampTZ && zone.count >= 3
                && TextScan.lowercased(text[index]) >= UInt8(ascii: "a")
            throw ValueError(type, isName ? .timeZone : .invalidSyntax)
        }
        let isWest = text[index] == UInt8(ascii: "-")
        index += 1
        var fields: InlineArray<3, Int> = [0, 0, 0]
        var count = 0
        while true {
            let digits = index
            let number = CalendarDate.number(text, &index, end: end, maximumDigits: 9)
            let length = index - digits
            if count == 0 && length > 2 && index == end {
                // Without colons.
                (fields[0], fields[1]) = (number / 100, number % 100)
                break
            }
            guard length == 1 || length == 2, count < 3 else {
                throw ValueError(type, .invalidSyntax)
            }
            fields[count] = number
            count += 1
            if index == end { break }
            guard text[index] == UInt8(ascii: ":") else { throw ValueError(type, .invalidSyntax) }
            index += 1
        }
        guard fields[0] <= maximumHour, fields[1] < 60, fields[2] < 60 else {
            throw ValueError(type, .fieldOutOfRange)
        }
        let seconds = (fields[0] * 60 + fields[1]) * 60 + fields[2]
        return isWest ? -seconds : seconds
    }
}
