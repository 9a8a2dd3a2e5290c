/// Strings of JSON (RFC 8259).
package enum JSONStrings {
    /// Turns the end of `output` from `start` on into a JSON string. Bytes that are not UTF-8,
    /// which a server with another encoding may have written, are replaced by U+FFFD.
    package static func quote(_ output: inout ByteOutput, from start: Int) {
        let special = ByteSearch.first(
            in: output.span, from: start, below: 0x20, or: UInt8(ascii: "\""),
            or: UInt8(ascii: "\\"), orBeyondASCII: true)
        if special == output.count { return output.enclose(from: start, in: UInt8(ascii: "\"")) }
        var extra = 2
        var isASCII = true
        for index in start..<output.count {
            let byte = output.span[index]
            extra += escapedLength(byte) - 1
            if byte >= 0x80 { isASCII = false }
        }
        if !isASCII && !isUTF8(output, from: start) { return repair(&output, from: start) }
        let length = output.count - start
        var target = output.extend(by: extra) - 1
        output.set(target, to: UInt8(ascii: "\""))
        for index in stride(from: start + length - 1, through: start, by: -1) {
            let byte = output.span[index]
            let count = escapedLength(byte)
            target -= count
            if count == 1 {
                output.set(target, to: byte)
            } else {
                escape(byte, count, &output, at: target)
            }
        }
        output.set(start, to: UInt8(ascii: "\""))
    }

    private static func isUTF8(_ output: borrowing ByteOutput, from start: Int) -> Bool {
        UTF8Check.firstInvalidByte(output.span.extracting(start..<output.count)) == nil
    }

    private static func repair(_ output: inout ByteOutput, from start: Int) {
        let text = String(decoding: output.bytes[start...], as: UTF8.self)
        output.truncate(to: start)
        output.append(string: text)
        quote(&output, from: start)
    }

    /// How many bytes a byte takes within a string.
    @inline(__always)
    private static func escapedLength(_ byte: UInt8) -> Int {
        if byte >= 0x20 { return byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? 2 : 1 }
        return letter(byte) != nil ? 2 : 6
    }

    private static func letter(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x08: UInt8(ascii: "b")
        case 0x09: UInt8(ascii: "t")
        case 0x0A: UInt8(ascii: "n")
        case 0x0C: UInt8(ascii: "f")
        case 0x0D: UInt8(ascii: "r")
        default: nil
        }
    }

    private static func escape(
        _ byte: UInt8, _ count: Int, _ output: inout ByteOutput, at index: Int
    ) {
        output.set(index, to: UInt8(ascii: "\\"))
        if count == 2 {
            output.set(index + 1, to: letter(byte) ?? byte)
            return
        }
        output.set(index + 1, to: UInt8(ascii: "u"))
        output.set(index + 2, to: UInt8(ascii: "0"))
        output.set(index + 3, to: UInt8(ascii: "0"))
        output.set(index + 4, to: UInt8(ascii: "0") + byte >> 4)
        let low = byte & 15
        output.set(
            index + 5, to: low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
    }
}

/// Keys of objects.
package enum JSONKeys {
    /// The names, with a number behind each that stood before, so that no key is repeated.
    package static func unique(_ names: [String]) -> [String] {
        var taken = Set(names)
        var seen: Set<String> = []
        return names.map { name in
            if seen.insert(name).inserted { return name }
            var number = 2
            while !taken.insert("\(name)_\(number)").inserted { number += 1 }
            return "\(name)_\(number)"
        }
    }
}
