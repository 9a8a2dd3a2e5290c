/// File names and a process's arguments, which are bytes, as strings that lose none of them.
///
/// Each byte that is not UTF-8 becomes one character of an unused range. Characters of that range
/// in the input are treated as invalid bytes too. So each string comes from exactly one sequence of
/// bytes, and converts back to it.
package enum PathBytes {
    /// The character for byte 0; those for other bytes follow.
    private static let first: UInt32 = 0x10FE00

    /// The string for bytes that are valid during the call.
    @unsafe
    static func string(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        unsafe plain(bytes) ?? string(Array(bytes))
    }

    /// The string for some bytes.
    package static func string(_ bytes: [UInt8]) -> String {
        if let text = plain(bytes) { return text }
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

    /// The string for bytes none of which needs to be represented, as of most names.
    private static func plain(_ bytes: some Collection<UInt8>) -> String? {
        guard !bytes.contains(firstByte) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// The bytes that ``string(_:)-([UInt8])`` made the string from.
    package static func bytes(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if let byte = byte(scalar) { bytes.append(byte) } else { bytes += UTF8.encode(scalar)! }
        }
        return bytes
    }

    /// The byte that a character represents; nil for other characters.
    package static func byte(_ scalar: Unicode.Scalar) -> UInt8? {
        guard scalar.value >= first, scalar.value < first + 256 else { return nil }
        return UInt8(scalar.value - first)
    }

    /// Whether any character represents a byte that is not UTF-8.
    package static func hasInvalidBytes(_ text: String) -> Bool {
        text.unicodeScalars.contains { byte($0) != nil }
    }

    /// Calls `body` with the bytes of a path, followed by a zero.
    static func with<Result>(
        _ path: String, _ body: (UnsafePointer<CChar>) -> Result
    ) -> Result {
        // All characters of the range begin with the same byte, which few paths contain.
        guard path.utf8.contains(firstByte) else { return unsafe path.withCString(body) }
        let bytes = bytes(path).map { CChar(bitPattern: $0) } + [0]
        return unsafe bytes.withUnsafeBufferPointer { unsafe body($0.baseAddress!) }
    }

    private static let firstByte: UInt8 = 0xF4

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

    /// The character that the bytes encode; nil if they encode none, or one of the reserved range.
    private static func valid(_ bytes: ArraySlice<UInt8>) -> Unicode.Scalar? {
        guard let text = String(validating: bytes, as: UTF8.self),
            let scalar = text.unicodeScalars.first, byte(scalar) == nil
        else { return nil }
        return scalar
    }
}
