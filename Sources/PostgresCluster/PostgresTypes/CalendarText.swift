/// Dates and times in the ISO style, in the time zone UTC. Mirrors `EncodeDateOnly`,
/// `EncodeTimeOnly` and `EncodeDateTime`.
enum CalendarText {
    private static let microsecondsPerDay: Int64 = 86_400_000_000
    /// Days from 0000-03-01 to 2000-01-01, from which values count.
    private static let epochDay = 730_425
    /// Days in 400 years.
    private static let daysPerEra = 146_097

    /// `date`: days since 2000-01-01; the extremes stand for infinity.
    static func writeDate(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let day = try value.load(0, as: Int32.self)
        switch day {
        case .max: output.append("infinity")
        case .min: output.append("-infinity")
        default: if writeDay(Int(day), to: &output) { output.append(" BC") }
        }
    }

    /// `timestamp`, or with `zone` `timestamptz`: microseconds since 2000-01-01.
    static func writeTimestamp(
        _ value: RawSpan, zone: Bool, to output: inout TextOutput
    ) throws(ValueFault) {
        let moment = try value.load(0, as: Int64.self)
        switch moment {
        case .max: return output.append("infinity")
        case .min: return output.append("-infinity")
        default: break
        }
        var day = moment / microsecondsPerDay
        var time = moment % microsecondsPerDay
        if time < 0 {
            day -= 1
            time += microsecondsPerDay
        }
        let isBC = writeDay(Int(day), to: &output)
        output.append(" " as Unicode.Scalar)
        writeTime(time, to: &output)
        if zone { output.append("+00") }
        if isBC { output.append(" BC") }
    }

    /// `time`, or with `zone` `timetz`: microseconds, then seconds west of Greenwich.
    static func writeTimeOfDay(
        _ value: RawSpan, zone: Bool, to output: inout TextOutput
    ) throws(ValueFault) {
        let time = try value.load(0, as: Int64.self)
        guard time >= 0, time <= microsecondsPerDay else {
            throw .malformed("\(time) microseconds are no time of day")
        }
        writeTime(time, to: &output)
        guard zone else { return }
        let west = try value.load(8, as: Int32.self)
        let seconds = west.magnitude
        output.append(west <= 0 ? UInt8(ascii: "+") : UInt8(ascii: "-"))
        output.append(unsigned: UInt64(seconds / 3600), minimumDigits: 2)
        if seconds % 3600 == 0 { return }
        output.append(":" as Unicode.Scalar)
        output.append(unsigned: UInt64(seconds / 60 % 60), minimumDigits: 2)
        if seconds % 60 == 0 { return }
        output.append(":" as Unicode.Scalar)
        output.append(unsigned: UInt64(seconds % 60), minimumDigits: 2)
    }

    /// Appends `HH:MM:SS` and up to six digits of a fraction without trailing zeros.
    private static func writeTime(_ time: Int64, to output: inout TextOutput) {
        // A day has fewer than 100 hours.
        let seconds = UInt32(truncatingIfNeeded: time / 1_000_000)
        output.bytes.append(addingCapacity: 8) { digits in
            digits.appendPair(seconds / 3600)
            digits.append(UInt8(ascii: ":"))
            digits.appendPair(seconds / 60 % 60)
            digits.append(UInt8(ascii: ":"))
            digits.appendPair(seconds % 60)
        }
        writeFraction(UInt64(time % 1_000_000), to: &output)
    }

    /// Appends a point and the microseconds without trailing zeros, or nothing for zero.
    static func writeFraction(_ microseconds: UInt64, to output: inout TextOutput) {
        if microseconds == 0 { return }
        output.append("." as Unicode.Scalar)
        output.append(unsigned: microseconds, minimumDigits: 6)
        while output.bytes.last == UInt8(ascii: "0") { output.bytes.removeLast() }
    }

    /// Appends the date of a day as `YYYY-MM-DD`. Returns whether it is before year 1.
    private static func writeDay(_ day: Int, to output: inout TextOutput) -> Bool {
        // With years that begin on March 1, leap days are the last days of a year.
        let shifted = day + epochDay
        let era = (shifted >= 0 ? shifted : shifted - (daysPerEra - 1)) / daysPerEra
        let dayOfEra = shifted - era * daysPerEra
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        let shown = year <= 0 ? 1 - year : year
        output.append(unsigned: UInt64(shown), minimumDigits: 4)
        output.bytes.append(addingCapacity: 6) { digits in
            digits.append(UInt8(ascii: "-"))
            digits.appendPair(UInt32(truncatingIfNeeded: month))
            digits.append(UInt8(ascii: "-"))
            digits.appendPair(UInt32(truncatingIfNeeded: dayOfMonth))
        }
        return year <= 0
    }
}
