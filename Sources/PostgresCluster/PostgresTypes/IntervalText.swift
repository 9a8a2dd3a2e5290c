/// `interval` in the style `postgres`: microseconds, days and months, each with its own sign.
/// Mirrors `EncodeInterval`.
enum IntervalText {
    static func write(_ value: RawSpan, to output: inout TextOutput) throws(ValueFault) {
        let time = try value.load(0, as: Int64.self)
        let days = try value.load(8, as: Int32.self)
        let months = try value.load(12, as: Int32.self)
        if months == .max && days == .max && time == .max { return output.append("infinity") }
        if months == .min && days == .min && time == .min { return output.append("-infinity") }
        var isFirst = true
        var isBefore = false
        func part(_ count: Int32, _ unit: StaticString) {
            if count == 0 { return }
            if !isFirst { output.append(" " as Unicode.Scalar) }
            if isBefore && count > 0 { output.append("+" as Unicode.Scalar) }
            output.append(signed: Int64(count))
            output.append(" " as Unicode.Scalar)
            output.append(unit)
            if count != 1 { output.append("s" as Unicode.Scalar) }
            isBefore = count < 0
            isFirst = false
        }
        part(months / 12, "year")
        part(months % 12, "mon")
        part(days, "day")
        guard isFirst || time != 0 else { return }
        if !isFirst { output.append(" " as Unicode.Scalar) }
        if time < 0 {
            output.append("-" as Unicode.Scalar)
        } else if isBefore {
            output.append("+" as Unicode.Scalar)
        }
        let seconds = time.magnitude / 1_000_000
        output.append(unsigned: seconds / 3600, minimumDigits: 2)
        output.append(":" as Unicode.Scalar)
        output.append(unsigned: seconds / 60 % 60, minimumDigits: 2)
        output.append(":" as Unicode.Scalar)
        output.append(unsigned: seconds % 60, minimumDigits: 2)
        CalendarText.writeFraction(time.magnitude % 1_000_000, to: &output)
    }
}
