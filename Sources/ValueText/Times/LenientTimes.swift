internal import RowSchema

/// Dates and times in every order and wording that PostgreSQL reads, except those that depend on
/// the present time or on a zone's name. ISO 8601's are read first.
///
/// A `date` ignores the time, and a `time` ignores the date, as with PostgreSQL.
public enum LenientTimes {
    /// Reads a `date`: days since 2000-01-01.
    public static func date(_ text: Span<UInt8>) throws(ValueError) -> Int32 {
        do throws(ValueError) { return try DateText.parse(text) } catch {
            let found = try parts(text, error, needsDate: true)
            if found.hasTime { _ = try time(of: found, text, as: .date) }
            return try date(of: found, as: .date)
        }
    }

    /// Reads a `time`: microseconds since midnight.
    public static func time(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        do throws(ValueError) { return try TimeText.parse(text) } catch {
            let found = try parts(text, error, needsDate: false)
            guard found.hasTime, found.hasDate == found.isDateOneWord else { throw error }
            if found.hasDate { _ = try date(of: found, as: .time) }
            return try time(of: found, text, as: .time)
        }
    }

    /// Reads a `timestamp`: microseconds since 2000-01-01.
    public static func timestamp(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        do throws(ValueError) { return try TimestampText.parse(text) } catch {
            let iso = try written(try parts(text, error, needsDate: true), text)
            return try TimestampText.parse(iso.span)
        }
    }

    /// Reads a `timestamptz`: microseconds since 2000-01-01 in UTC.
    public static func timestampTZ(_ text: Span<UInt8>) throws(ValueError) -> Int64 {
        do throws(ValueError) { return try TimestampText.parseWithZone(text) } catch {
            let iso = try written(try parts(text, error, needsDate: true), text)
            return try TimestampText.parseWithZone(iso.span)
        }
    }

    /// The parts of a text that is not in ISO 8601's order; `error` if it is none otherwise either.
    private static func parts(
        _ text: Span<UInt8>, _ error: ValueError, needsDate: Bool
    ) throws(ValueError) -> FreeTime {
        guard error.reason == .invalidSyntax || error.reason == .timeZone,
            let found = FreeTime(text), found.hasDate || !needsDate
        else { throw error }
        return found
    }

    private static func date(
        of found: FreeTime, as type: ColumnType
    ) throws(ValueError) -> Int32 {
        var iso = ByteOutput(capacity: 32)
        found.writeDate(to: &iso)
        found.writeEra(to: &iso)
        do throws(ValueError) { return try DateText.parse(iso.span) } catch {
            throw ValueError(type, error.reason)
        }
    }

    private static func time(
        of found: FreeTime, _ text: Span<UInt8>, as type: ColumnType
    ) throws(ValueError) -> Int64 {
        var iso = ByteOutput(capacity: 32)
        found.writeTime(of: text, to: &iso)
        do throws(ValueError) { return try TimeText.parse(iso.span) } catch {
            throw ValueError(type, error.reason)
        }
    }

    private static func written(
        _ found: FreeTime, _ text: Span<UInt8>
    ) throws(ValueError) -> ByteOutput {
        var iso = ByteOutput(capacity: 48)
        found.writeDate(to: &iso)
        if found.hasTime {
            iso.append(UInt8(ascii: " "))
            found.writeTime(of: text, to: &iso)
        }
        found.writeEra(to: &iso)
        return iso
    }
}
