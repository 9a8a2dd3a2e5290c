/// Arguments of a process, which are bytes, as strings that lose none of them.
///
/// Bytes that are no UTF-8 become characters of a range that nobody uses, one for each; characters
/// of that range which are there already are taken apart in the same way. So each string comes from
/// one sequence of bytes, and gives it back.
enum ArgumentBytes {
    /// Stands for byte 0; those of other bytes follow.
    private static let first: UInt32 = 0x10FE00

    /// The string for some bytes.
    static func string(_ bytes: [UInt8]) -> String {
        var text = ""
        var rest = bytes[...]
        while let lead = rest.first {
            let length = sequenceLength(lead)
            if length <= rest.count, let scalar = valid(rest.prefix(length)) {
                text.unicodeScalars.append(scalar)
                rest = rest.dropFirst(length)
            } else {
                text.unicodeScalars.append(stand(for: lead))
                rest = rest.dropFirst()
            }
        }
        return text
    }

    /// The bytes that ``string(_:)`` made the string from.
    static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if let byte = byte(scalar) { bytes.append(byte) } else { bytes += UTF8.encode(scalar)! }
        }
        return bytes
    }

    /// The byte that a character stands for; nil for all others.
    static func byte(_ scalar: Unicode.Scalar) -> UInt8? {
        guard scalar.value >= first, scalar.value < first + 256 else { return nil }
        return UInt8(scalar.value - first)
    }

    /// Whether any character stands for a byte that is no UTF-8.
    static func hasInvalidBytes(_ text: String) -> Bool {
        text.unicodeScalars.contains { byte($0) != nil }
    }

    private static func stand(for byte: UInt8) -> Unicode.Scalar {
        Unicode.Scalar(first + UInt32(byte))!
    }

    private static func sequenceLength(_ lead: UInt8) -> Int {
        switch lead {
        case 0..<0x80: 1
        case 0..<0xE0: 2
        case 0..<0xF0: 3
        default: 4
        }
    }

    /// The character that some bytes encode, unless they encode none or one of the range.
    private static func valid(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        guard let text = String(validating: bytes, as: UTF8.self),
            let scalar = text.unicodeScalars.first, byte(scalar) == nil
        else { return nil }
        return scalar
    }
}
