/// The encoding of a database's text, and its conversion to UTF-8. Any thread may use it.
public struct TextEncoding: Sendable, Hashable {
    /// The encoding's number in `pg_database`.
    public let number: Int32
    /// The name, as PostgreSQL spells it.
    public let name: String
    /// The UTF-8 of the bytes from 0x80 on; nil if text is not converted.
    private let upper: [[UInt8]]?

    /// Whether text is UTF-8 already, or has no known encoding and is not converted.
    public var isUTF8: Bool { upper == nil }

    private static let names = [
        "SQL_ASCII", "EUC_JP", "EUC_CN", "EUC_KR", "EUC_TW", "EUC_JIS_2004", "UTF8",
        "MULE_INTERNAL", "LATIN1", "LATIN2", "LATIN3", "LATIN4", "LATIN5", "LATIN6", "LATIN7",
        "LATIN8", "LATIN9", "LATIN10", "WIN1256", "WIN1258", "WIN866", "WIN874", "KOI8R",
        "WIN1251", "WIN1252", "ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8", "WIN1250",
        "WIN1253", "WIN1254", "WIN1255", "WIN1257", "KOI8U", "SJIS", "BIG5", "GBK", "UHC",
        "GB18030",
        "JOHAB", "SHIFT_JIS_2004",
    ]

    /// Finds an encoding by its number.
    ///
    /// - Throws: ``ValueFault/unsupportedType(_:)`` with the encoding's name if it cannot be
    ///   converted to UTF-8, because it is multi-byte.
    public init(number: Int32) throws(ValueFault) {
        self.number = number
        let isKnown = number >= 0 && Int(number) < Self.names.count
        name = isKnown ? Self.names[Int(number)] : "number \(number)"
        switch number {
        case 0, 6: upper = nil
        case 8: upper = (0x80...0xFF as ClosedRange<UInt32>).map { Self.utf8(of: $0) }
        default:
            guard let half = Self.upperHalves[number] else { throw .unsupportedType(name) }
            upper = half.unicodeScalars.map { $0 == " " ? [] : Self.utf8(of: $0.value) }
        }
    }

    private static func utf8(of scalar: UInt32) -> [UInt8] {
        Unicode.Scalar(scalar).map { Array(String(Character($0)).utf8) } ?? []
    }

    /// UTF-8.
    public static var utf8: TextEncoding {
        guard let encoding = try? TextEncoding(number: 6) else {
            preconditionFailure("UTF-8 is always known")
        }
        return encoding
    }

    /// Converts the bytes of `output` from `start` on to UTF-8.
    ///
    /// - Throws: `malformed` if the encoding has no character for a byte.
    public func convert(_ output: inout TextOutput, from start: Int) throws(ValueFault) {
        guard let upper else { return }
        guard output.bytes[start...].contains(where: { $0 >= 0x80 }) else { return }
        var converted: [UInt8] = []
        for byte in output.bytes[start...] {
            if byte < 0x80 {
                converted.append(byte)
            } else {
                let character = upper[Int(byte) - 0x80]
                guard !character.isEmpty else {
                    throw .malformed("byte \(byte) is not a character of \(name)")
                }
                converted += character
            }
        }
        output.bytes.replaceSubrange(start..., with: converted)
    }

    /// A name as a string. Bytes that are invalid in the encoding are replaced.
    public func string(_ bytes: [UInt8]) -> String {
        var output = TextOutput()
        output.append(bytes)
        try? convert(&output, from: 0)
        return String(decoding: output.bytes, as: UTF8.self)
    }
}
