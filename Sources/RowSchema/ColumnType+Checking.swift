internal import PageFormat

/// Whether bytes are a value of a type.
extension ColumnType {
    /// What is wrong with the bytes of a value, as found by `HeapTupleDecoder`; nil if nothing.
    ///
    /// Accepts exactly what PostgreSQL's input of the type can produce, but any text as JSON. Takes
    /// time proportional to the bytes, and allocates nothing for valid ones.
    @inlinable
    public func fault(in bytes: RawSpan) -> String? {
        switch self {
        case .smallint, .integer, .bigint, .real, .doublePrecision, .uuid, .bytea, .interval: nil
        case .text, .varchar, .char, .json: Self.textFault(bytes)
        case .boolean: Self.booleanFault(bytes)
        case .date: Self.dateFault(bytes)
        case .time: Self.timeFault(bytes)
        case .timestamp, .timestampTZ: Self.timestampFault(bytes)
        case .numeric: Self.numericFault(bytes)
        case .jsonb: Self.jsonbFault(bytes)
        case .array(let element): Self.arrayFault(bytes, element.type)
        }
    }

    @usableFromInline
    static func booleanFault(_ bytes: RawSpan) -> String? {
        bytes.byteCount == 1 && bytes.byte(at: 0) <= 1
            ? nil : "it is neither true (1) nor false (0)"
    }

    // MARK: Text

    @usableFromInline
    static func textFault(_ bytes: RawSpan) -> String? {
        var offset = 0
        // Eight at a time, since most text is ASCII. Text cannot contain a zero byte.
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        while offset + 8 <= bytes.byteCount {
            let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if (word | (word &- ones)) & tops != 0 { break }
            offset += 8
        }
        while offset < bytes.byteCount, (1..<0x80).contains(bytes.byte(at: offset)) { offset += 1 }
        return offset == bytes.byteCount ? nil : foreignTextFault(bytes, from: offset)
    }

    private static func foreignTextFault(_ bytes: RawSpan, from start: Int) -> String? {
        for offset in start..<bytes.byteCount where bytes.byte(at: offset) == 0 {
            return "its byte \(offset) is zero"
        }
        // Any bytes may be read as bytes.
        let rest = unsafe bytes.extracting(start..<bytes.byteCount)._unsafeView(as: UInt8.self)
        do {
            _ = try UTF8Span(validating: rest)
            return nil
        } catch {
            return "it is not UTF-8 from byte \(start + error.byteOffsets.lowerBound) on"
        }
    }

    @usableFromInline
    static func jsonbFault(_ bytes: RawSpan) -> String? {
        var reader = JSONBReader()
        do throws(JSONBReader.Fault) {
            while let token = try reader.next(bytes) {
                let fault: String? =
                    switch token {
                    case .key(let range), .string(let range):
                        textFault(bytes.extracting(range))
                    case .number(let range): numericFault(bytes.extracting(range))
                    default: nil
                    }
                if let fault { return "within it, \(fault)" }
            }
            return nil
        } catch {
            return error.reason
        }
    }

    // MARK: Times

    /// The days since 2000-01-01 that PostgreSQL's dates can have.
    static let days = -2_451_545..<2_145_031_949
    /// The microseconds since 2000-01-01 that PostgreSQL's timestamps can have.
    static let microseconds = -211_813_488_000_000_000..<9_223_371_331_200_000_000

    @usableFromInline
    static func dateFault(_ bytes: RawSpan) -> String? {
        guard bytes.byteCount == 4 else { return "it has \(bytes.byteCount) bytes, not 4" }
        let day = Int32(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: Int32.self))
        if days.contains(Int(day)) || day == .max || day == .min { return nil }
        return "day \(day) is out of range"
    }

    @usableFromInline
    static func timestampFault(_ bytes: RawSpan) -> String? {
        guard bytes.byteCount == 8 else { return "it has \(bytes.byteCount) bytes, not 8" }
        let time = Int64(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: Int64.self))
        if microseconds.contains(Int(time)) || time == .max || time == .min { return nil }
        return "microsecond \(time) is out of range"
    }

    @usableFromInline
    static func timeFault(_ bytes: RawSpan) -> String? {
        guard bytes.byteCount == 8 else { return "it has \(bytes.byteCount) bytes, not 8" }
        let time = Int64(
            littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: Int64.self))
        // A day has 86,400 seconds; its end, 24:00, is a time too.
        if (0...86_400_000_000).contains(time) { return nil }
        return "microsecond \(time) of a day is out of range"
    }

    // MARK: Numbers

    /// Mirrors the forms of PostgreSQL's `NumericData`: a header of two or four bytes, and digits
    /// of base 10,000.
    @usableFromInline
    static func numericFault(_ bytes: RawSpan) -> String? {
        guard bytes.byteCount >= 2, bytes.byteCount & 1 == 0 else {
            return "it has \(bytes.byteCount) bytes, which no number has"
        }
        let header = word(bytes, 0)
        let start: Int
        switch header & 0xC000 {
        case 0xC000:
            // Not a number, and the infinities.
            guard header == 0xC000 || header == 0xD000 || header == 0xF000 else {
                return "its header \(header) is not that of a number"
            }
            return bytes.byteCount == 2 ? nil : "bytes follow a number that has no digits"
        case 0x8000: start = 2
        default: start = 4
        }
        guard bytes.byteCount >= start else { return "it ends within its header" }
        for offset in stride(from: start, to: bytes.byteCount, by: 2)
        where word(bytes, offset) > 9999 {
            return "its digit \((offset - start) / 2) is \(word(bytes, offset)), more than 9999"
        }
        return nil
    }

    private static func word(_ bytes: RawSpan, _ offset: Int) -> UInt16 {
        UInt16(bytes.byte(at: offset)) | UInt16(bytes.byte(at: offset + 1)) << 8
    }
}

extension RawSpan {
    /// The byte at an offset, which must be within the span.
    @inline(__always)
    fileprivate func byte(at offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < byteCount)
        return unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }
}
