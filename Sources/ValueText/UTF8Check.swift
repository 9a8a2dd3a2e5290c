/// Checks UTF-8.
package enum UTF8Check {
    /// The offset of the first byte that is not part of a valid sequence; nil if all is valid.
    /// Overlong forms, surrogates and values beyond U+10FFFF are invalid. Mirrors PostgreSQL's
    /// `pg_utf8_verifystr`, which also refuses NUL.
    package static func firstInvalidByte(_ bytes: Span<UInt8>) -> Int? {
        let count = bytes.count
        var index = 0
        while index < count {
            let first = bytes[index]
            if first < 0x80 {
                index += 1
                continue
            }
            let length: Int
            var low: UInt8 = 0x80
            var high: UInt8 = 0xBF
            switch first {
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, low) = (3, 0xA0)
            case 0xED: (length, high) = (3, 0x9F)
            case 0xE1...0xEF: length = 3
            case 0xF0: (length, low) = (4, 0x90)
            case 0xF1...0xF3: length = 4
            case 0xF4: (length, high) = (4, 0x8F)
            default: return index
            }
            if index + length > count || bytes[index + 1] < low || bytes[index + 1] > high {
                return index
            }
            var following = index + 2
            while following < index + length {
                if bytes[following] & 0xC0 != 0x80 { return index }
                following += 1
            }
            index += length
        }
        return nil
    }
}
