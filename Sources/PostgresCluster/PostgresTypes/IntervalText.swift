/// `interval` in the style `postgres`: microseconds, days and months, each with its own sign.
/// Mirrors `EncodeInterval`.
enum IntervalText {
    /// The text before the next part depends on those written so far.
    private struct Parts {
        var isFirst = true
        /// Whether the last part was negative.
        var isBefore = false
    }

    static func write(
        _ time: Int64, days: Int32, months: Int32, canBeInfinite: Bool,
        to cursor: inout TextCursor
    ) {
        if canBeInfinite {
            if months == .max && days == .max && time == .max { return cursor.append("infinity") }
            if months == .min && days == .min && time == .min { return cursor.append("-infinity") }
        }
        var parts = Parts()
        if months != 0 {
            write(months / 12, "year", &parts, &cursor)
            write(months % 12, "mon", &parts, &cursor)
        }
        write(days, "day", &parts, &cursor)
        guard parts.isFirst || time != 0 else { return }
        if !parts.isFirst { cursor.append(UInt8(ascii: " ")) }
        if time < 0 {
            cursor.append(UInt8(ascii: "-"))
        } else if parts.isBefore {
            cursor.append(UInt8(ascii: "+"))
        }
        let (seconds, fraction) = time.magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        let (minutes, second) = seconds.quotientAndRemainder(dividingBy: 60)
        let (hours, minute) = minutes.quotientAndRemainder(dividingBy: 60)
        cursor.append(unsigned: hours, minimumDigits: 2)
        cursor.append(UInt8(ascii: ":"))
        cursor.append(TextCursor.pair(UInt32(truncatingIfNeeded: minute)), count: 2)
        cursor.append(UInt8(ascii: ":"))
        cursor.append(TextCursor.pair(UInt32(truncatingIfNeeded: second)), count: 2)
        CalendarText.writeFraction(UInt32(truncatingIfNeeded: fraction), to: &cursor)
    }

    @inline(__always)
    private static func write(
        _ count: Int32, _ unit: StaticString, _ parts: inout Parts, _ cursor: inout TextCursor
    ) {
        if count == 0 { return }
        if !parts.isFirst { cursor.append(UInt8(ascii: " ")) }
        if parts.isBefore && count > 0 { cursor.append(UInt8(ascii: "+")) }
        cursor.append(signed: Int64(count))
        cursor.append(UInt8(ascii: " "))
        cursor.append(unit)
        if count != 1 { cursor.append(UInt8(ascii: "s")) }
        parts.isBefore = count < 0
        parts.isFirst = false
    }
}
