/// The types whose values have a fixed length and a short text, which CSV never quotes.
enum FixedKind: UInt8, Sendable {
    case boolean, smallint, integer, bigint, unsigned, real, double, date, time, timeTZ
    case timestamp, timestampTZ, interval, finiteInterval, uuid

    /// The most bytes of a text. The longest is an interval, with each part at its limit.
    static let size = 96

    /// The kind of a form's values; nil if they are not of a fixed length, or their text is not
    /// short.
    @inline(__always)
    init?(_ form: ValueForm) {
        switch form {
        case .boolean: self = .boolean
        case .smallint: self = .smallint
        case .integer: self = .integer
        case .bigint: self = .bigint
        case .unsigned: self = .unsigned
        case .real: self = .real
        case .double: self = .double
        case .date: self = .date
        case .time: self = .time
        case .timeTZ: self = .timeTZ
        case .timestamp: self = .timestamp
        case .timestampTZ: self = .timestampTZ
        case .interval: self = .interval
        case .finiteInterval: self = .finiteInterval
        case .uuid: self = .uuid
        default: return nil
        }
    }

    /// Writes the value at `start`, at most ``size`` bytes.
    @inline(__always)
    func write(
        _ data: RawSpan, at start: Int, to cursor: inout TextCursor
    ) throws(ValueFault) {
        switch self {
        case .boolean:
            cursor.append(try data.byte(start) != 0 ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        case .smallint: cursor.append(signed: Int64(try data.load(start, as: Int16.self)))
        case .integer: cursor.append(signed: Int64(try data.load(start, as: Int32.self)))
        case .bigint: cursor.append(signed: try data.load(start, as: Int64.self))
        case .unsigned: cursor.append(unsigned: UInt64(try data.load(start, as: UInt32.self)))
        case .real:
            FloatText.write(Float(bitPattern: try data.load(start, as: UInt32.self)), to: &cursor)
        case .double: FloatText.write(try data.double(start), to: &cursor)
        case .date: CalendarText.writeDate(try data.load(start, as: Int32.self), to: &cursor)
        case .time:
            try CalendarText.writeTimeOfDay(try data.load(start, as: Int64.self), to: &cursor)
        case .timeTZ:
            try CalendarText.writeTimeOfDay(try data.load(start, as: Int64.self), to: &cursor)
            CalendarText.writeZone(try data.load(start &+ 8, as: Int32.self), to: &cursor)
        case .timestamp:
            CalendarText.writeTimestamp(
                try data.load(start, as: Int64.self), zone: false, to: &cursor)
        case .timestampTZ:
            CalendarText.writeTimestamp(
                try data.load(start, as: Int64.self), zone: true, to: &cursor)
        case .interval, .finiteInterval:
            IntervalText.write(
                try data.load(start, as: Int64.self), days: try data.load(start &+ 8),
                months: try data.load(start &+ 12), canBeInfinite: self == .interval, to: &cursor)
        case .uuid:
            UUIDText.write(try data.load(start), try data.load(start &+ 8), to: &cursor)
        }
    }
}
