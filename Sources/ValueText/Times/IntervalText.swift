/// A span of time: PostgreSQL's `interval`, of which each part has its own sign.
package struct Interval: Hashable {
    /// Hours, minutes and seconds.
    package var microseconds: Int64
    package var days: Int32
    /// Years and months.
    package var months: Int32

    /// Makes an interval of its parts.
    package init(microseconds: Int64, days: Int32, months: Int32) {
        self.microseconds = microseconds
        self.days = days
        self.months = months
    }

    /// The 16 bytes that PostgreSQL stores.
    package func append(to datum: inout ByteOutput) {
        for shift in stride(from: 0, to: 64, by: 16) {
            datum.append(littleEndian: UInt16(truncatingIfNeeded: microseconds >> Int64(shift)))
        }
        for part in [days, months] {
            datum.append(littleEndian: UInt16(truncatingIfNeeded: part))
            datum.append(littleEndian: UInt16(truncatingIfNeeded: part >> 16))
        }
    }
}

/// Intervals as text. Mirrors PostgreSQL's `interval_out` in the style `postgres`;
/// ``IntervalParser`` mirrors `interval_in`.
package enum IntervalText {
    /// Appends an interval, such as `1 year 2 mons 3 days 04:05:06.7`.
    package static func write(_ interval: Interval, to output: inout ByteOutput) {
        let (months, days, time) = (interval.months, interval.days, interval.microseconds)
        // The ends of time, which newer servers store.
        if months == .max && days == .max && time == .max { return output.append("infinity") }
        if months == .min && days == .min && time == .min { return output.append("-infinity") }
        var isFirst = true
        var isBefore = false
        write(months / 12, "year", &isFirst, &isBefore, to: &output)
        write(months % 12, "mon", &isFirst, &isBefore, to: &output)
        write(days, "day", &isFirst, &isBefore, to: &output)
        guard isFirst || time != 0 else { return }
        if !isFirst { output.append(UInt8(ascii: " ")) }
        if time < 0 {
            output.append(UInt8(ascii: "-"))
        } else if isBefore {
            output.append(UInt8(ascii: "+"))
        }
        let seconds = time.magnitude / 1_000_000
        IntegerText.write(seconds / 3600, minimumDigits: 2, to: &output)
        output.append(UInt8(ascii: ":"))
        IntegerText.write(seconds / 60 % 60, minimumDigits: 2, to: &output)
        output.append(UInt8(ascii: ":"))
        IntegerText.write(seconds % 60, minimumDigits: 2, to: &output)
        TimeOfDay.writeFraction(Int(time.magnitude % 1_000_000), to: &output)
    }

    private static func write(
        _ count: Int32, _ unit: StaticString, _ isFirst: inout Bool, _ isBefore: inout Bool,
        to output: inout ByteOutput
    ) {
        if count == 0 { return }
        if !isFirst { output.append(UInt8(ascii: " ")) }
        // A part after a negative one shows that it is positive.
        if isBefore && count > 0 { output.append(UInt8(ascii: "+")) }
        IntegerText.write(Int64(count), to: &output)
        output.append(UInt8(ascii: " "))
        output.append(unit)
        if count != 1 { output.append(UInt8(ascii: "s")) }
        isBefore = count < 0
        isFirst = false
    }
}
