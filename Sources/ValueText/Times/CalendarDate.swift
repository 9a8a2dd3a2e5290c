import RowSchema

/// Days and dates of the Gregorian calendar, extended backwards indefinitely. Days are counted from
/// 2000-01-01, as in PostgreSQL's `date`.
enum CalendarDate {
    /// The days of the first `date` and after the last one: 4714-11-24 BC (day 0 of the Julian
    /// period) to 5874897-12-31.
    static let dateRange = -2_451_545..<2_145_031_949
    /// One past the last day of a `timestamp`, 294276-12-31.
    static let timestampEnd = 106_751_983

    /// The day of a date, which must exist; year 0 is 1 BC. Constant time: the formula counts whole
    /// 400-year cycles of years that begin in March.
    @inline(__always)
    static func day(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year &- 1 : year
        let era = (shifted >= 0 ? shifted : shifted &- 399) / 400
        let yearOfEra = shifted &- era &* 400
        let monthFromMarch = month > 2 ? month &- 3 : month &+ 9
        let dayOfYear = (153 &* monthFromMarch &+ 2) / 5 &+ day &- 1
        let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
        // 0000-03-01 is 730425 days before 2000-01-01.
        return era &* 146_097 &+ dayOfEra &- 730_425
    }

    /// The date of a day.
    @inline(__always)
    static func date(ofDay day: Int) -> (year: Int, month: Int, day: Int) {
        let fromMarch = day &+ 730_425
        let era = (fromMarch >= 0 ? fromMarch : fromMarch &- 146_096) / 146_097
        let dayOfEra = fromMarch &- era &* 146_097
        let yearOfEra =
            (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let monthFromMarch = (5 &* dayOfYear &+ 2) / 153
        let dayOfMonth = dayOfYear &- (153 &* monthFromMarch &+ 2) / 5 &+ 1
        let month = monthFromMarch < 10 ? monthFromMarch &+ 3 : monthFromMarch &- 9
        return (yearOfEra &+ era &* 400 &+ (month <= 2 ? 1 : 0), month, dayOfMonth)
    }

    /// How many days a month has.
    @inline(__always)
    static func length(ofMonth month: Int, year: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Reads `YYYY-MM-DD` at `index` and moves past it. `isBC` turns year n into n BC.
    @inline(__always)
    static func parse(
        _ text: Span<UInt8>, _ index: inout Int, end: Int, isBC: Bool, as type: ColumnType
    ) throws(ValueError) -> Int {
        if let day = commonDate(text, index, end: end), !isBC {
            index &+= 10
            return day
        }
        let yearStart = index
        let writtenYear = number(text, &index, end: end, maximumDigits: 7)
        guard index - yearStart >= 4, separator(text, &index, end) else {
            throw ValueError(type, .invalidSyntax)
        }
        let monthStart = index
        let month = number(text, &index, end: end, maximumDigits: 2)
        guard index > monthStart, separator(text, &index, end) else {
            throw ValueError(type, .invalidSyntax)
        }
        let dayStart = index
        let day = number(text, &index, end: end, maximumDigits: 2)
        guard index > dayStart, index == end || TextScan.digit(text[index]) > 9 else {
            throw ValueError(type, .invalidSyntax)
        }
        let year = isBC ? 1 - writtenYear : writtenYear
        guard writtenYear > 0, (1...12).contains(month),
            day >= 1 && day <= length(ofMonth: month, year: year)
        else { throw ValueError(type, .fieldOutOfRange) }
        return self.day(year: year, month: month, day: day)
    }

    /// The day of an existing date written with exactly ten characters; nil for any other text,
    /// which then takes the slower path.
    @inline(__always)
    static func commonDate(_ text: Span<UInt8>, _ index: Int, end: Int) -> Int? {
        guard end &- index >= 10,
            text[index &+ 4] == UInt8(ascii: "-"), text[index &+ 7] == UInt8(ascii: "-"),
            end &- index == 10 || TextScan.digit(text[index &+ 10]) > 9
        else { return nil }
        let century = pair(text, index)
        let yearOfCentury = pair(text, index &+ 2)
        let month = pair(text, index &+ 5)
        let day = pair(text, index &+ 8)
        // A pair with a character that is not a digit has a value outside every range.
        guard century <= 99, yearOfCentury <= 99, month >= 1, month <= 12, day >= 1 else {
            return nil
        }
        let year = Int(century &* 100 &+ yearOfCentury)
        // No month is shorter than 28 days.
        if day > 28 && Int(day) > length(ofMonth: Int(month), year: year) || year == 0 {
            return nil
        }
        return self.day(year: year, month: Int(month), day: Int(day))
    }

    /// The number that two digits form; above 99 if they are not digits.
    @inline(__always)
    static func pair(_ text: Span<UInt8>, _ index: Int) -> UInt {
        let tens = UInt(TextScan.digit(text[index]))
        let ones = UInt(TextScan.digit(text[index &+ 1]))
        return tens <= 9 && ones <= 9 ? tens &* 10 &+ ones : 100
    }

    @inline(__always)
    private static func separator(_ text: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        guard index < end, text[index] == UInt8(ascii: "-") else { return false }
        index &+= 1
        return true
    }

    /// Reads up to `maximumDigits` digits at `index` and moves past them.
    @inline(__always)
    static func number(
        _ text: Span<UInt8>, _ index: inout Int, end: Int, maximumDigits: Int
    ) -> Int {
        var value = 0
        let last = min(end, index &+ maximumDigits)
        while index < last {
            let digit = TextScan.digit(text[index])
            if digit > 9 { break }
            value = value &* 10 &+ Int(digit)
            index &+= 1
        }
        return value
    }

    /// Removes ` BC` (or ` AD`) from the end of a trimmed text. Returns true if it was BC.
    @inline(__always)
    static func takeEra(_ text: Span<UInt8>, _ range: inout Range<Int>) -> Bool {
        let end = range.upperBound
        guard range.count > 2, TextScan.lowercased(text[end - 1]) > UInt8(ascii: "9") else {
            return false
        }
        let era = end - 2..<end
        let isBC = TextScan.matches(text, era, "bc")
        guard isBC || TextScan.matches(text, era, "ad") else { return false }
        var newEnd = end - 2
        while newEnd > range.lowerBound && TextScan.isSpace(text[newEnd - 1]) { newEnd -= 1 }
        range = range.lowerBound..<newEnd
        return isBC
    }

    /// Appends the date of a day as `YYYY-MM-DD`, with at least four digits for the year. Returns
    /// whether it is before year 1, so that the caller appends the era.
    @inline(__always)
    static func write(day: Int, to output: inout ByteOutput) -> Bool {
        let date = date(ofDay: day)
        let isBC = date.year <= 0
        let year = isBC ? 1 - date.year : date.year
        IntegerText.write(UInt64(year), minimumDigits: 4, to: &output)
        output.append(UInt8(ascii: "-"))
        writePair(date.month, to: &output)
        output.append(UInt8(ascii: "-"))
        writePair(date.day, to: &output)
        return isBC
    }

    /// Appends two digits.
    @inline(__always)
    static func writePair(_ value: Int, to output: inout ByteOutput) {
        output.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10))
        output.append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10))
    }
}
