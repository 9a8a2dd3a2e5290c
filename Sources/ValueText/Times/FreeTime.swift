/// A date, a time or both in another order, or with other words, than ISO 8601's:
/// `1/31/2024 5:06 PM`, `31-Jan-2024`, `Wed, 31 Jan 2024 05:06:07 +0100`, `20240131T050607`.
///
/// Mirrors the part of PostgreSQL's `ParseDateTime` and `DecodeDateTime` that depends neither on a
/// table of zones nor on the present time. Months stand before days (`DateStyle` `ISO, MDY`). What
/// is found is written in ISO order, and read as that: so only one place judges ranges.
struct FreeTime {
    private var year: (number: Int, digits: Int)?
    private var month: Int?
    private var day: Int?
    /// Whether the month is a word, so that the order of the numbers is free.
    private var hasMonthName = false
    /// Numbers that belong to a month's name.
    private var numbers: [(number: Int, digits: Int)] = []
    private var hour: Int?
    /// What follows the hour: minutes, and perhaps seconds.
    private var minutes: Range<Int>?
    /// A time without colons: hours, minutes and seconds.
    private var digits: Int?
    private var isAfternoon: Bool?
    private var zone: Range<Int>?
    private var era: Bool?
    private var hasWeekday = false
    /// Whether the date is one word, such as `1/31/2024`.
    private(set) var isDateOneWord = false

    /// Finds the parts of a text; nil if there are others, or one twice.
    init?(_ text: Span<UInt8>) {
        if TextScan.matches(text, TextScan.trimmed(text), "epoch") {
            (year, month, day) = ((1970, 4), 1, 1)
            return
        }
        var index = 0
        while index < text.count {
            let byte = text[index]
            if TextScan.isSpace(byte) || byte == UInt8(ascii: ",") {
                index += 1
            } else if TextScan.digit(byte) <= 9 {
                guard takeNumber(text, &index) else { return nil }
            } else if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") {
                guard takeZone(text, &index) else { return nil }
            } else {
                guard takeWord(text, &index) else { return nil }
            }
        }
        guard arrange() else { return nil }
    }

    var hasDate: Bool { day != nil }
    var hasTime: Bool { hour != nil || digits != nil }

    // MARK: Finding

    private mutating func takeNumber(_ text: Span<UInt8>, _ index: inout Int) -> Bool {
        let start = index
        guard let first = Self.number(text, &index) else { return false }
        let next = index < text.count ? text[index] : 0
        if next == UInt8(ascii: ":") {
            guard !hasTime, first.digits <= 2 else { return false }
            let rest = index
            while index < text.count,
                TextScan.digit(text[index]) <= 9 || text[index] == UInt8(ascii: ":")
                    || text[index] == UInt8(ascii: ".")
            {
                index += 1
            }
            (hour, minutes) = (first.number, rest..<index)
            return true
        }
        if next == UInt8(ascii: "-") || next == UInt8(ascii: "/") || next == UInt8(ascii: ".") {
            index = start
            return takeDate(text, &index, delimiter: next)
        }
        if !hasMonthName, year == nil, first.digits == 8 || first.digits == 6 {
            let isLong = first.digits == 8
            year = (first.number / 10_000, isLong ? 4 : 2)
            (month, day) = (first.number / 100 % 100, first.number % 100)
            return true
        }
        if year != nil, day != nil, !hasTime, first.digits == 6 {
            digits = first.number
            return true
        }
        guard numbers.count < 2, year == nil else { return false }
        numbers.append(first)
        return true
    }

    /// Takes `31-Jan-2024`, `1/31/2024`, `2024.1.31` and the like.
    private mutating func takeDate(
        _ text: Span<UInt8>, _ index: inout Int, delimiter: UInt8
    ) -> Bool {
        guard year == nil, month == nil, numbers.isEmpty, let first = Self.number(text, &index)
        else { return false }
        index += 1
        guard index < text.count else { return false }
        if Self.isLetter(text[index]) {
            let word = Self.word(text, &index)
            guard let found = Self.month(text, word) else { return false }
            (month, hasMonthName) = (found, true)
            numbers = [first]
        } else {
            guard let second = Self.number(text, &index), second.digits <= 2 else { return false }
            if first.digits >= 3 {
                (year, month) = (first, second.number)
            } else {
                (month, day) = (first.number, second.number)
            }
        }
        guard index < text.count, text[index] == delimiter else { return false }
        index += 1
        isDateOneWord = true
        guard let third = Self.number(text, &index) else { return false }
        if hasMonthName {
            numbers.append(third)
        } else if year == nil {
            year = third
        } else {
            guard third.digits <= 2 else { return false }
            day = third.number
        }
        return true
    }

    private mutating func takeZone(_ text: Span<UInt8>, _ index: inout Int) -> Bool {
        guard hasTime, zone == nil else { return false }
        let start = index
        index += 1
        while index < text.count,
            TextScan.digit(text[index]) <= 9 || text[index] == UInt8(ascii: ":")
        {
            index += 1
        }
        zone = start..<index
        return index > start + 1
    }

    private mutating func takeWord(_ text: Span<UInt8>, _ index: inout Int) -> Bool {
        let word = Self.word(text, &index)
        if word.isEmpty { return false }
        if let found = Self.month(text, word) {
            guard month == nil else { return false }
            (month, hasMonthName) = (found, true)
            guard index < text.count, text[index] == UInt8(ascii: "-") else { return true }
            // `Jan-31-2024`
            index += 1
            guard numbers.isEmpty, let first = Self.number(text, &index), index < text.count,
                text[index] == UInt8(ascii: "-")
            else { return false }
            index += 1
            guard let second = Self.number(text, &index) else { return false }
            (numbers, isDateOneWord) = ([first, second], true)
            return true
        }
        if Self.isWeekday(text, word) {
            defer { hasWeekday = true }
            return !hasWeekday
        }
        for (name, isAfternoon) in [("am", false), ("pm", true)] as [(StaticString, Bool)]
        where TextScan.matches(text, word, name) {
            defer { self.isAfternoon = isAfternoon }
            // PostgreSQL takes `PM-08` for the name of a zone.
            let isZone = index < text.count && text[index] == UInt8(ascii: "-")
            return hour != nil && self.isAfternoon == nil && !isZone
        }
        for (name, isBC) in [("ad", false), ("bc", true)] as [(StaticString, Bool)]
        where TextScan.matches(text, word, name) {
            defer { era = isBC }
            return era == nil
        }
        for name in ["z", "utc", "gmt"] as [StaticString] where TextScan.matches(text, word, name) {
            defer { zone = word }
            return hasTime && zone == nil
        }
        // Between date and time.
        return TextScan.matches(text, word, "t") && year != nil && !hasTime && index < text.count
            && TextScan.digit(text[index]) <= 9
    }

    /// Decides which numbers are what, and whether all parts make sense together.
    private mutating func arrange() -> Bool {
        if hasMonthName {
            guard numbers.count == 2, year == nil, day == nil else { return false }
            // Only a year has more than two digits; else the day comes first.
            if numbers[0].digits >= 3 { numbers.swapAt(0, 1) }
            guard numbers[0].digits <= 2 else { return false }
            (day, year) = (numbers[0].number, numbers[1])
        } else if !numbers.isEmpty {
            return false
        }
        if let isAfternoon, let written = hour {
            guard (1...12).contains(written) else { return false }
            hour = written % 12 + (isAfternoon ? 12 : 0)
        }
        guard (year == nil) == (day == nil), (month == nil) == (day == nil) else { return false }
        guard let found = year else { return era == nil && !hasWeekday }
        if found.digits <= 2 {
            // PostgreSQL's years of two digits are those from 1970 to 2069.
            guard era != true else { return false }
            year = (found.number + (found.number < 70 ? 2000 : 1900), 4)
        }
        return true
    }

    // MARK: Writing

    /// Appends the date as `YYYY-MM-DD`.
    func writeDate(to output: inout ByteOutput) {
        guard let year, let month, let day else { return }
        IntegerText.write(UInt64(year.number), minimumDigits: 4, to: &output)
        for part in [month, day] {
            output.append(UInt8(ascii: "-"))
            IntegerText.write(UInt64(part), minimumDigits: 2, to: &output)
        }
    }

    /// Appends the time as `HH:MM:SS`, and the zone.
    func writeTime(of text: Span<UInt8>, to output: inout ByteOutput) {
        if let hour, let minutes {
            IntegerText.write(UInt64(hour), minimumDigits: 2, to: &output)
            output.append(text.extracting(minutes))
        } else if let digits {
            for (position, part) in [digits / 10_000, digits / 100 % 100, digits % 100].enumerated()
            {
                if position > 0 { output.append(UInt8(ascii: ":")) }
                IntegerText.write(UInt64(part), minimumDigits: 2, to: &output)
            }
        }
        if let zone {
            output.append(UInt8(ascii: " "))
            output.append(text.extracting(zone))
        }
    }

    /// Appends ` BC` if that is the era.
    func writeEra(to output: inout ByteOutput) {
        if era == true { output.append(" BC") }
    }

    // MARK: Words

    private static func isLetter(_ byte: UInt8) -> Bool {
        (TextScan.lowercased(byte) &- UInt8(ascii: "a")) < 26
    }

    private static func word(_ text: Span<UInt8>, _ index: inout Int) -> Range<Int> {
        let start = index
        while index < text.count, isLetter(text[index]) { index += 1 }
        return start..<index
    }

    /// A number of at most eight digits.
    private static func number(
        _ text: Span<UInt8>, _ index: inout Int
    ) -> (number: Int, digits: Int)? {
        let start = index
        let number = CalendarDate.number(text, &index, end: text.count, maximumDigits: 8)
        if index == start || index < text.count && TextScan.digit(text[index]) <= 9 { return nil }
        return (number, index - start)
    }

    private static let months: [StaticString] = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september",
        "october", "november", "december",
    ]

    private static func month(_ text: Span<UInt8>, _ word: Range<Int>) -> Int? {
        if TextScan.matches(text, word, "sept") { return 9 }
        return months.firstIndex { matches(text, word, $0) }.map { $0 + 1 }
    }

    private static func isWeekday(_ text: Span<UInt8>, _ word: Range<Int>) -> Bool {
        let names: [StaticString] = [
            "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
        ]
        let others: [StaticString] = ["tues", "weds", "thur", "thurs"]
        return names.contains { matches(text, word, $0) }
            || others.contains { TextScan.matches(text, word, $0) }
    }

    /// Whether a word is a name, or its first three letters.
    private static func matches(
        _ text: Span<UInt8>, _ word: Range<Int>, _ name: StaticString
    ) -> Bool {
        (word.count == 3 || word.count == name.utf8CodeUnitCount)
            && TextScan.isPrefix(text, word, of: name)
    }
}
