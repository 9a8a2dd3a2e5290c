internal import RowSchema
internal import ValueText

/// Values of any type from their text, with PostgreSQL's leniency, as they are stored.
enum DatumText {
    /// Appends the bytes of a value, without a length.
    ///
    /// - Throws: ``ValueError`` if the text is not a value of the type.
    static func append(
        _ text: Span<UInt8>, as type: ColumnType, _ modifier: TypeModifier?,
        to datum: inout ByteOutput
    ) throws(ValueError) {
        switch type {
        case .boolean: datum.append(try BooleanText.parse(text) ? 1 : 0)
        case .smallint: append(try IntegerText.parse(text, as: type, Int16.self), to: &datum)
        case .integer: append(try IntegerText.parse(text, as: type, Int32.self), to: &datum)
        case .bigint: append(try IntegerText.parse(text, as: type, Int64.self), to: &datum)
        case .real: append(try FloatingPointText.parseReal(text).bitPattern, to: &datum)
        case .doublePrecision:
            append(try FloatingPointText.parseDouble(text).bitPattern, to: &datum)
        case .date: append(try LenientTimes.date(text), to: &datum)
        case .time: append(rounded(try LenientTimes.time(text), modifier), to: &datum)
        case .timestamp: append(rounded(try LenientTimes.timestamp(text), modifier), to: &datum)
        case .timestampTZ:
            append(rounded(try LenientTimes.timestampTZ(text), modifier), to: &datum)
        case .interval:
            var interval = try IntervalParser.parse(text)
            interval.microseconds = rounded(interval.microseconds, modifier)
            interval.append(to: &datum)
        case .uuid: try UUIDText.parse(text, into: &datum)
        case .text: datum.append(text)
        case .bytea: try ByteaText.parse(text, into: &datum)
        case .numeric:
            if case .precision(let precision, let scale) = modifier {
                try NumericText.parse(text, precision: precision, scale: scale, into: &datum)
            } else {
                try NumericText.parse(text, into: &datum)
            }
        case .varchar:
            datum.append(text.extracting(0..<(try length(of: text, modifier))))
        case .char:
            guard case .length(let limit) = modifier else { return datum.append(text) }
            try CharacterText.pad(text, to: limit, into: &datum)
        case .json:
            try JSONSyntax.check(text, as: .json)
            datum.append(text)
        case .jsonb: try JSONBParser.parse(text, into: &datum)
        case .array(let element):
            try ArrayParser.parse(text, as: type, into: &datum) {
                (text, datum) throws(ValueError) in
                try append(text, as: element.type, modifier, to: &datum)
            }
        }
    }

    /// How many bytes of a `varchar` to store.
    static func length(
        of text: Span<UInt8>, _ modifier: TypeModifier?
    ) throws(ValueError) -> Int {
        guard case .length(let limit) = modifier else { return text.count }
        return try CharacterText.length(of: text, limit: limit, as: .varchar)
    }

    /// Rounds seconds to as many digits as the column keeps.
    @inline(__always)
    static func rounded(_ time: Int64, _ modifier: TypeModifier?) -> Int64 {
        guard case .fractionDigits(let digits) = modifier else { return time }
        // The ends of time stay.
        if time == .max || time == .min { return time }
        return TimeOfDay.rounded(time, to: digits)
    }

    private static func append<Value: FixedWidthInteger>(
        _ value: Value, to datum: inout ByteOutput
    ) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            datum.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }
}
