import RowSchema

/// Reads intervals: `1 year 2 mons -3 days 04:05:06.7`, `@ 1 hour ago`, `1-2`, `P1Y2M3DT4H5M6.7S`.
/// Mirrors PostgreSQL's `DecodeInterval` and `DecodeISO8601Interval`; a number without a unit means
/// seconds at the end, and days before a time.
package struct IntervalParser {
    private var index: Int
    private let end: Int
    /// The parts so far. Seconds and their fraction are kept as microseconds.
    private var result = (months: 0, days: 0, microseconds: 0)
    /// The units that were given, by bit. Each is allowed once.
    private var units: UInt16 = 0

    private init(_ range: Range<Int>) {
        index = range.lowerBound
        end = range.upperBound
    }

    private static let invalid = ValueError(.interval, .invalidSyntax)
    private static let outOfRange = ValueError(.interval, .outOfRange)

    /// Reads an interval.
    ///
    /// - Throws: ``ValueError`` if the text is not one, or a part of it does not fit.
    package static func parse(_ text: Span<UInt8>) throws(ValueError) -> Interval {
        var parser = IntervalParser(TextScan.trimmed(text))
        guard parser.index < parser.end else { throw invalid }
        if text[parser.index] == UInt8(ascii: "P") {
            try parser.parseISO(text)
        } else {
            try parser.parseWords(text)
        }
        guard let months = Int32(exactly: parser.result.months),
            let days = Int32(exactly: parser.result.days)
        else { throw outOfRange }
        let time = Int64(parser.result.microseconds)
        // Newer servers keep the ends of time there.
        if months == .max && days == .max && time == .max
            || months == .min && days == .min && time == .min
        {
            throw outOfRange
        }
        return Interval(microseconds: time, days: days, months: months)
    }

    // MARK: Parts

    /// The units, from the longest to the shortest.
    private enum Unit: UInt16 {
        case millennium, century, decade, year, month, week, day
        case hour, minute, second, millisecond, microsecond
    }

    /// A number: an integer and what is behind the point, which has the same sign.
    private struct Number {
        var whole: Int
        var fraction: Double
    }

    /// Adds a number of a unit. A fraction becomes smaller units.
    private mutating func add(_ number: Number, _ unit: Unit) throws(ValueError) {
        let bit = 1 << unit.rawValue as UInt16
        if units & bit != 0 { throw Self.invalid }
        units |= bit
        switch unit {
        case .millennium: try addYears(number, 1000)
        case .century: try addYears(number, 100)
        case .decade: try addYears(number, 10)
        case .year: try addYears(number, 1)
        case .month:
            try Self.add(number.whole, times: 1, to: &result.months)
            try addDays(number.fraction * 30)
        case .week:
            try Self.add(number.whole, times: 7, to: &result.days)
            try addDays(number.fraction * 7)
        case .day:
            try Self.add(number.whole, times: 1, to: &result.days)
            try addTime(number.fraction, 86_400_000_000)
        case .hour: try addTime(number, 3_600_000_000)
        case .minute: try addTime(number, 60_000_000)
        case .second: try addTime(number, 1_000_000)
        case .millisecond: try addTime(number, 1000)
        case .microsecond: try addTime(number, 1)
        }
    }

    private mutating func addYears(_ number: Number, _ years: Int) throws(ValueError) {
        try Self.add(number.whole, times: 12 * years, to: &result.months)
        let months = (number.fraction * Double(12 * years)).rounded(.toNearestOrEven)
        try Self.add(Int(months), times: 1, to: &result.months)
    }

    /// Adds days, whose fraction becomes time.
    private mutating func addDays(_ days: Double) throws(ValueError) {
        let whole = days.rounded(.towardZero)
        try Self.add(Int(whole), times: 1, to: &result.days)
        try addTime(days - whole, 86_400_000_000)
    }

    private mutating func addTime(_ number: Number, _ unit: Int) throws(ValueError) {
        try Self.add(number.whole, times: unit, to: &result.microseconds)
        try addTime(number.fraction, unit)
    }

    private mutating func addTime(_ fraction: Double, _ unit: Int) throws(ValueError) {
        let microseconds = fraction * Double(unit)
        let whole = microseconds.rounded(.towardZero)
        let rest = microseconds - whole
        try Self.add(
            Int(whole) + (rest > 0.5 ? 1 : rest < -0.5 ? -1 : 0), times: 1,
            to: &result.microseconds)
    }

    private static func add(_ value: Int, times unit: Int, to sum: inout Int) throws(ValueError) {
        let (product, overflows) = value.multipliedReportingOverflow(by: unit)
        let (total, carries) = sum.addingReportingOverflow(product)
        if overflows || carries { throw outOfRange }
        sum = total
    }

    // MARK: Words

    private mutating func parseWords(_ text: Span<UInt8>) throws(ValueError) {
        // A number waits for its unit.
        var waiting: Number?
        var hasParts = false
        var isAgo = false
        skipSpace(text)
        if text[index] == UInt8(ascii: "@") { index += 1 }
        while true {
            skipSpace(text)
            guard index < end else { break }
            if isLetter(text) {
                let word = readWord(text)
                if index < end && !TextScan.isSpace(text[index])
                    && TextScan.digit(text[index]) > 9
                {
                    throw Self.invalid
                }
                if TextScan.matches(text, word, "ago"), waiting == nil {
                    isAgo = true
                    continue
                }
                guard let number = waiting, let unit = Self.unit(text, word) else {
                    throw Self.invalid
                }
                try add(number, unit)
                waiting = nil
                hasParts = true
                continue
            }
            let start = index
            let number = try readNumber(text)
            if index < end && text[index] == UInt8(ascii: ":") {
                // The number before a time counts days.
                if let days = waiting { try add(days, .day) }
                waiting = nil
                index = start
                try parseTime(text)
                hasParts = true
                continue
            }
            if waiting != nil { throw Self.invalid }
            if index < end && text[index] == UInt8(ascii: "-"), number.fraction == 0 {
                try parseYearsAndMonths(text, number, isNegative: isSigned(text, start))
                hasParts = true
                continue
            }
            waiting = number
        }
        if let number = waiting {
            try add(number, .second)
            hasParts = true
        }
        if !hasParts { throw Self.invalid }
        if isAgo { try negate() }
    }

    /// Reads the rest of `1-2`, which means years and months, as SQL writes them.
    private mutating func parseYearsAndMonths(
        _ text: Span<UInt8>, _ years: Number, isNegative: Bool
    ) throws(ValueError) {
        index += 1
        let start = index
        let months = CalendarDate.number(text, &index, end: end, maximumDigits: 2)
        guard index > start, months < 12, index == end || TextScan.isSpace(text[index]) else {
            throw index > start && months >= 12
                ? ValueError(.interval, .fieldOutOfRange) : Self.invalid
        }
        try add(years, .year)
        try add(Number(whole: isNegative ? -months : months, fraction: 0), .month)
    }

    /// Reads `[-]HH:MM`, `[-]HH:MM:SS.f`, or `[-]MM:SS.f`.
    private mutating func parseTime(_ text: Span<UInt8>) throws(ValueError) {
        let isNegative = isSigned(text, index)
        if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
        var fields: [Int] = []
        var fraction = 0.0
        while true {
            let start = index
            let field = CalendarDate.number(text, &index, end: end, maximumDigits: 18)
            guard index > start, fields.count < 3 else { throw Self.invalid }
            fields.append(field)
            if index < end && text[index] == UInt8(ascii: ".") && fields.count > 1 {
                fraction = readFraction(text)
                break
            }
            guard index < end, text[index] == UInt8(ascii: ":") else { break }
            index += 1
        }
        guard index == end || TextScan.isSpace(text[index]) || isLetter(text) else {
            throw Self.invalid
        }
        // With a fraction, two fields are minutes and seconds.
        if fields.count == 2 && fraction != 0 { fields.insert(0, at: 0) }
        if fields.count == 2 { fields.append(0) }
        guard fields.count == 3 else { throw Self.invalid }
        guard fields[1] < 60, fields[2] < 60 || fields[2] == 60 && fraction == 0 else {
            throw ValueError(.interval, .fieldOutOfRange)
        }
        let sign = isNegative ? -1 : 1
        try add(Number(whole: sign * fields[0], fraction: 0), .hour)
        try add(Number(whole: sign * fields[1], fraction: 0), .minute)
        try add(Number(whole: sign * fields[2], fraction: Double(sign) * fraction), .second)
    }

    private mutating func negate() throws(ValueError) {
        guard result.microseconds != .min else { throw Self.outOfRange }
        result = (-result.months, -result.days, -result.microseconds)
    }

    private static func unit(_ text: Span<UInt8>, _ word: Range<Int>) -> Unit? {
        func isAny(_ names: StaticString...) -> Bool {
            for name in names where TextScan.matches(text, word, name) { return true }
            return false
        }
        if isAny("year", "years", "y", "yr", "yrs") { return .year }
        if isAny("mon", "mons", "month", "months") { return .month }
        if isAny("day", "days", "d") { return .day }
        if isAny("hour", "hours", "h", "hr", "hrs") { return .hour }
        if isAny("minute", "minutes", "m", "min", "mins") { return .minute }
        if isAny("second", "seconds", "s", "sec", "secs") { return .second }
        if isAny("week", "weeks", "w") { return .week }
        if isAny("millisecond", "milliseconds", "ms", "msec", "msecs", "msecond", "mseconds") {
            return .millisecond
        }
        if isAny("microsecond", "microseconds", "us", "usec", "usecs", "usecond", "useconds") {
            return .microsecond
        }
        if isAny("decade", "decades", "dec", "decs") { return .decade }
        if isAny("century", "centuries", "c", "cent") { return .century }
        if isAny("millennium", "millennia", "mil", "mils") { return .millennium }
        return nil
    }

    // MARK: ISO 8601

    /// Reads `P`, parts of the date, and behind `T` parts of the time.
    private mutating func parseISO(_ text: Span<UInt8>) throws(ValueError) {
        index += 1
        var isTime = false
        if index == end { throw Self.invalid }
        while index < end {
            if text[index] == UInt8(ascii: "T") {
                if isTime { throw Self.invalid }
                isTime = true
                index += 1
                continue
            }
            let number = try readNumber(text)
            guard index < end else { throw Self.invalid }
            let unit: Unit
            switch (text[index], isTime) {
            case (UInt8(ascii: "Y"), false): unit = .year
            case (UInt8(ascii: "M"), false): unit = .month
            case (UInt8(ascii: "W"), false): unit = .week
            case (UInt8(ascii: "D"), false): unit = .day
            case (UInt8(ascii: "H"), true): unit = .hour
            case (UInt8(ascii: "M"), true): unit = .minute
            case (UInt8(ascii: "S"), true): unit = .second
            default: throw Self.invalid
            }
            index += 1
            try add(number, unit)
        }
    }

    // MARK: Characters

    private mutating func skipSpace(_ text: Span<UInt8>) {
        while index < end && TextScan.isSpace(text[index]) { index += 1 }
    }

    private func isLetter(_ text: Span<UInt8>) -> Bool {
        TextScan.lowercased(text[index]) &- UInt8(ascii: "a") < 26
    }

    private func isSigned(_ text: Span<UInt8>, _ start: Int) -> Bool {
        text[start] == UInt8(ascii: "-")
    }

    private mutating func readWord(_ text: Span<UInt8>) -> Range<Int> {
        let start = index
        while index < end && isLetter(text) { index += 1 }
        return start..<index
    }

    /// Reads a sign, digits, and a point with more.
    private mutating func readNumber(_ text: Span<UInt8>) throws(ValueError) -> Number {
        let isNegative = isSigned(text, index)
        if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
        skipSpace(text)
        let start = index
        let whole = CalendarDate.number(text, &index, end: end, maximumDigits: 18)
        var digits = index - start
        var fraction = 0.0
        if index < end && text[index] == UInt8(ascii: ".") {
            let point = index
            fraction = readFraction(text)
            digits += index - point - 1
        }
        guard digits > 0, index == end || TextScan.digit(text[index]) > 9 else {
            throw digits > 0 ? Self.outOfRange : Self.invalid
        }
        return Number(
            whole: isNegative ? -whole : whole, fraction: isNegative ? -fraction : fraction)
    }

    /// Reads a point and the digits behind it.
    private mutating func readFraction(_ text: Span<UInt8>) -> Double {
        index += 1
        var (digits, unit) = (0.0, 1.0)
        while index < end, TextScan.digit(text[index]) <= 9 {
            // Fifteen digits and their power of ten are exact.
            if unit < 1e15 {
                digits = digits * 10 + Double(TextScan.digit(text[index]))
                unit *= 10
            }
            index += 1
        }
        return digits / unit
    }
}
