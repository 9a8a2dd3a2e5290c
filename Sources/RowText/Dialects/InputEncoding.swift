internal import ValueText

/// An encoding of text that can be read.
public enum InputEncoding: String, Sendable, Hashable, CaseIterable {
    /// UTF-8, with or without a byte order mark.
    case utf8 = "utf-8"
    /// UTF-16 in the byte order that its mark gives. Without a mark, that in which more of the
    /// first characters are ASCII.
    case utf16 = "utf-16"
    /// UTF-16, least significant byte first.
    case utf16LittleEndian = "utf-16le"
    /// UTF-16, most significant byte first.
    case utf16BigEndian = "utf-16be"
    /// ISO 8859-1: each byte is the character of that number.
    case latin1
    /// Windows' encoding of Western European text: ISO 8859-1 with more characters from 0x80 to
    /// 0x9F. The five bytes without a character stand for the control characters of their numbers,
    /// as browsers read them.
    case windows1252 = "windows-1252"

    /// The name for people.
    public var displayName: String {
        switch self {
        case .utf8: "UTF-8"
        case .utf16: "UTF-16"
        case .utf16LittleEndian: "UTF-16LE"
        case .utf16BigEndian: "UTF-16BE"
        case .latin1: "Latin-1"
        case .windows1252: "Windows-1252"
        }
    }

    /// The encoding that a byte order mark at the beginning names; nil if there is none.
    static func marked(_ bytes: [UInt8]) -> InputEncoding? {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return .utf8 }
        // Those of UTF-32 begin alike.
        if bytes.starts(with: [0xFF, 0xFE, 0, 0]) { return nil }
        if bytes.starts(with: [0xFF, 0xFE]) { return .utf16LittleEndian }
        if bytes.starts(with: [0xFE, 0xFF]) { return .utf16BigEndian }
        return nil
    }

    /// Whether bytes without a mark look like UTF-16, and in which order: every second one of them
    /// is zero more often than not, and hardly any other; or, in scripts other than Latin, those
    /// beside delimiters and line breaks are.
    static func unmarked(_ bytes: [UInt8]) -> InputEncoding? {
        var zeros = (0, 0)
        let pairs = bytes.count / 2
        for index in 0..<pairs {
            if bytes[2 * index] == 0 { zeros.0 += 1 }
            if bytes[2 * index + 1] == 0 { zeros.1 += 1 }
        }
        if pairs >= 2 && 2 * zeros.1 > pairs && 8 * zeros.0 < pairs { return .utf16LittleEndian }
        if pairs >= 2 && 2 * zeros.0 > pairs && 8 * zeros.1 < pairs { return .utf16BigEndian }
        guard pairs >= 4, (zeros.0 == 0) != (zeros.1 == 0) else { return nil }
        let isLittle = zeros.0 == 0
        let areMany = 16 * max(zeros.0, zeros.1) >= pairs
        guard areMany || UTF8Check.firstInvalidByte(bytes.span) != nil,
            hasLines(bytes, isLittleEndian: isLittle)
        else { return nil }
        return isLittle ? .utf16LittleEndian : .utf16BigEndian
    }

    /// Whether bytes are UTF-16 with a line break, and without control characters but white space.
    private static func hasLines(_ bytes: [UInt8], isLittleEndian: Bool) -> Bool {
        var hasBreak = false
        var isHalf = false
        for index in stride(from: 0, to: bytes.count - 1, by: 2) {
            let (low, high) = isLittleEndian ? (index, index + 1) : (index + 1, index)
            let unit = UInt16(bytes[high]) << 8 | UInt16(bytes[low])
            // Halves of pairs come in pairs.
            if isHalf != (unit & 0xFC00 == 0xDC00) { return false }
            isHalf = unit & 0xFC00 == 0xD800
            if unit < 0x20 && !(0x09...0x0D).contains(unit) { return false }
            if unit == 0x0A || unit == 0x0D { hasBreak = true }
        }
        return hasBreak
    }
}

/// Turns text of another encoding into UTF-8 while it is read. Memory is constant.
///
/// What is not valid in the encoding becomes bytes that are not valid in UTF-8 either, so that the
/// reader names line and column. Used by one thread at a time.
public final class TranscodingSource: ByteSource {
    public let name: String
    public let encoding: InputEncoding
    /// Unknown: characters differ in length.
    public let totalByteCount: Int? = nil

    private var source: any ByteSource
    private var decoder: TextDecoder
    private var output: [UInt8] = []
    /// How many bytes of the output were read.
    private var position = 0
    private var hasEnded = false
    private static let chunkSize = 64 << 10

    /// Makes a source of the text of `source`, whose bytes are in `encoding`.
    public init(_ source: any ByteSource, from encoding: InputEncoding) {
        name = source.name
        self.source = source
        self.encoding = encoding
        decoder = TextDecoder(encoding)
    }

    public func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
        while position == output.count && !hasEnded { try fill() }
        let count = min(buffer.freeCapacity, output.count - position)
        for index in position..<position + count { buffer.append(output[index]) }
        position += count
        return count
    }

    private func fill() throws(LoadError) {
        let input = try [UInt8](capacity: Self.chunkSize) { span throws(LoadError) in
            while !span.isFull {
                if try source.read(into: &span) == 0 { break }
                if span.count >= Self.chunkSize / 2 { break }
            }
        }
        output.removeAll(keepingCapacity: true)
        position = 0
        if input.isEmpty {
            hasEnded = true
            decoder.finish(&output)
        } else {
            decoder.decode(input, &output)
        }
    }
}

/// Decodes text that comes in parts.
private struct TextDecoder {
    private let encoding: InputEncoding
    /// Whether the least significant byte comes first; nil until the first bytes were seen.
    private var isLittleEndian: Bool?
    /// The first byte of a code unit, and the first unit of a pair, whose second is still to come.
    private var firstByte: UInt8?
    private var firstUnit: UInt16?

    /// The characters of Windows-1252 from 0x80 to 0x9F.
    private static let windows: [UInt16] = [
        0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8D, 0x017D, 0x8F, 0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013,
        0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178,
    ]

    init(_ encoding: InputEncoding) {
        self.encoding = encoding
        switch encoding {
        case .utf16LittleEndian: isLittleEndian = true
        case .utf16BigEndian: isLittleEndian = false
        default: isLittleEndian = nil
        }
    }

    mutating func decode(_ input: [UInt8], _ output: inout [UInt8]) {
        switch encoding {
        case .utf8: output += input
        case .latin1: for byte in input { Self.append(UInt32(byte), &output) }
        case .windows1252:
            for byte in input {
                let isMoved = (0x80...0x9F).contains(byte)
                Self.append(
                    isMoved ? UInt32(Self.windows[Int(byte - 0x80)]) : UInt32(byte), &output)
            }
        case .utf16, .utf16LittleEndian, .utf16BigEndian:
            let isLittle = order(of: input)
            for byte in input {
                guard let first = firstByte.take() else {
                    firstByte = byte
                    continue
                }
                let unit =
                    isLittle
                    ? UInt16(byte) << 8 | UInt16(first) : UInt16(first) << 8 | UInt16(byte)
                append(unit, &output)
            }
        }
    }

    private mutating func order(of input: [UInt8]) -> Bool {
        if let isLittleEndian { return isLittleEndian }
        let found = InputEncoding.marked(input) ?? InputEncoding.unmarked(input)
        let isLittle = found != .utf16BigEndian
        isLittleEndian = isLittle
        return isLittle
    }

    private mutating func append(_ unit: UInt16, _ output: inout [UInt8]) {
        if let high = firstUnit.take() {
            if unit & 0xFC00 == 0xDC00 {
                let value = 0x10000 + UInt32(high & 0x3FF) << 10 + UInt32(unit & 0x3FF)
                return Self.append(value, &output)
            }
            Self.append(UInt32(high), &output)
        }
        if unit & 0xFC00 == 0xD800 {
            firstUnit = unit
        } else {
            Self.append(UInt32(unit), &output)
        }
    }

    /// Appends what shows that the last character is incomplete.
    mutating func finish(_ output: inout [UInt8]) {
        if let unit = firstUnit.take() { Self.append(UInt32(unit), &output) }
        if firstByte.take() != nil { output.append(0xFF) }
    }

    /// Appends a code point. Half of a pair becomes three bytes that are not valid.
    private static func append(_ value: UInt32, _ output: inout [UInt8]) {
        func byte(_ bits: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: bits) }
        switch value {
        case 0..<0x80:
            output.append(byte(value))
        case 0x80..<0x800:
            output.append(byte(0xC0 | value >> 6))
            output.append(byte(0x80 | value & 0x3F))
        case 0x800..<0x10000:
            output.append(byte(0xE0 | value >> 12))
            output.append(byte(0x80 | value >> 6 & 0x3F))
            output.append(byte(0x80 | value & 0x3F))
        default:
            output.append(byte(0xF0 | value >> 18))
            output.append(byte(0x80 | value >> 12 & 0x3F))
            output.append(byte(0x80 | value >> 6 & 0x3F))
            output.append(byte(0x80 | value & 0x3F))
        }
    }
}
