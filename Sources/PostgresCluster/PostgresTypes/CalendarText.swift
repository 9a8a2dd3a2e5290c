/// Dates and times in the ISO style, in the time zone UTC. Mirrors `EncodeDateOnly`,
/// `EncodeTimeOnly` and `EncodeDateTime`.
enum CalendarText {
    private static let microsecondsPerDay: Int64 = 86_400_000_000
    /// Days from 0000-03-01 to 2000-01-01, from which values count.
    private static let epochDay = 730_425
    /// Days in 400 years.
    private static let daysPerEra = 146_097

    /// `date`: days since 2000-01-01; the extremes stand for infinity.
    @inline(__always)
    static func writeDate(_ day: Int32, to cursor: inout TextCursor) {
        switch day {
        case .max: cursor.append("infinity")
        case .min: cursor.append("-infinity")
        default: if writeDay(Int(day), to: &cursor) { cursor.append(" BC") }
        }
    }

    /// `timestamp`, or with `zone` `timestamptz`: microseconds since 2000-01-01.
    @inline(__always)
    static func writeTimestamp(_ moment: Int64, zone: Bool, to cursor: inout TextCursor) {
        switch moment {
        case .max: return cursor.append("infinity")
        case .min: return cursor.append("-infinity")
        default: break
        }
        var day = moment / microsecondsPerDay
        var time = moment &- day &* microsecondsPerDay
        if time < 0 {
            day &-= 1
            time &+= microsecondsPerDay
        }
        let isBC = writeDay(Int(day), to: &cursor)
        cursor.append(UInt8(ascii: " "))
        writeTime(time, to: &cursor)
        if zone { cursor.append("+00") }
        if isBC { cursor.append(" BC") }
    }

    /// `time`: microseconds.
    @inline(__always)
    static func writeTimeOfDay(_ time: Int64, to cursor: inout TextCursor) throws(ValueFault) {
        guard time >= 0, time <= microsecondsPerDay else {
            throw .malformed("\(time) microseconds are no time of day")
        }
        writeTime(time, to: &cursor)
    }

    /// The zone of a `timetz`: seconds west of Greenwich.
    static func writeZone(_ west: Int32, to cursor: inout TextCursor) {
        let seconds = west.magnitude
        cursor.append(west <= 0 ? UInt8(ascii: "+") : UInt8(ascii: "-"))
        cursor.append(unsigned: UInt64(seconds / 3600), minimumDigits: 2)
        if seconds % 3600 == 0 { return }
        cursor.append(UInt8(ascii: ":"))
        cursor.append(TextCursor.pair(seconds / 60 % 60), count: 2)
        if seconds % 60 == 0 { return }
        cursor.append(UInt8(ascii: ":"))
        cursor.append(TextCursor.pair(seconds % 60), count: 2)
    }

    /// Appends `HH:MM:SS` and up to six digits of a fraction without trailing zeros.
    @inline(__always)
    private static func writeTime(_ time: Int64, to cursor: inout TextCursor) {
        // A day has fewer than 100 hours.
        let seconds = UInt32(truncatingIfNeeded: time / 1_000_000)
        let fraction = UInt32(truncatingIfNeeded: time &- Int64(seconds) &* 1_000_000)
        let minutes = seconds / 60
        let hours = minutes / 60
        let colons = UInt64(UInt8(ascii: ":")) &<< 16 | UInt64(UInt8(ascii: ":")) &<< 40
        let clock =
            TextCursor.pair(hours) | TextCursor.pair(minutes &- 60 &* hours) &<< 24
            | TextCursor.pair(seconds &- 60 &* minutes) &<< 48
        cursor.append(clock | colons, count: 8)
        writeFraction(fraction, to: &cursor)
    }

    /// Appends a point and the microseconds without trailing zeros, or nothing for zero.
    @inline(__always)
    static func writeFraction(_ microseconds: UInt32, to cursor: inout TextCursor) {
        if microseconds == 0 { return }
        cursor.append(UInt8(ascii: "."))
        // Six of the eight digits; trailing zeros are the highest bytes.
        let digits = TextCursor.eightDigits(microseconds) &>> 16
        let zeros = (digits ^ 0x3030_3030_3030).leadingZeroBitCount >> 3
        cursor.append(digits, count: 8 &- zeros)
    }

    /// Appends the date of a day as `YYYY-MM-DD`. Returns whether it is before year 1.
    @inline(__always)
    private static func writeDay(_ day: Int, to cursor: inout TextCursor) -> Bool {
        // With years that begin on March 1, leap days are the last days of a year.
        let shifted = day &+ epochDay
        let era = (shifted >= 0 ? shifted : shifted &- (daysPerEra &- 1)) / daysPerEra
        let dayOfEra = UInt32(truncatingIfNeeded: shifted &- era &* daysPerEra)
        let yearOfEra =
            (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear =
            dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let shiftedMonth = (5 &* dayOfYear &+ 2) / 153
        let dayOfMonth = dayOfYear &- (153 &* shiftedMonth &+ 2) / 5 &+ 1
        let month = shiftedMonth < 10 ? shiftedMonth &+ 3 : shiftedMonth &- 9
        let year = Int(yearOfEra) &+ era &* 400 &+ (month <= 2 ? 1 : 0)
        let shown = year <= 0 ? 1 &- year : year
        cursor.append(unsigned: UInt64(shown), minimumDigits: 4)
        let hyphens = UInt64(UInt8(ascii: "-")) | UInt64(UInt8(ascii: "-")) &<< 24
        cursor.append(
            TextCursor.pair(month) &<< 8 | TextCursor.pair(dayOfMonth) &<< 32 | hyphens, count: 6)
        return year <= 0
    }
}
