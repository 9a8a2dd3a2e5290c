import Testing

@testable import ValueText

@Suite("Searching for bytes") struct ByteSearchTests {
    /// A byte at every place of a short text, among bytes that are close to what is searched.
    @Test(arguments: [UInt8(ascii: ","), UInt8(ascii: "|"), 0x00, 0x80, 0xC2, 0xFF])
    func findsTheFirst(_ delimiter: UInt8) {
        let bytes: [UInt8] = [
            0, 1, 0x0D, 0x0E, 0x0F, 0x21, 0x22, 0x23, delimiter, delimiter &+ 1, delimiter &- 1,
            0x7F, 0x80, 0xA2, 0xFF,
        ]
        for filler in [UInt8(ascii: "a"), 0x0E, 0x23, 0xFE] {
            for length in 0...17 {
                for place in 0..<max(length, 1) {
                    for byte in bytes {
                        var text = [UInt8](repeating: filler, count: length)
                        if length > 0 { text[place] = byte }
                        check(text, from: 0, delimiter)
                        check(text, from: length / 3, delimiter)
                    }
                }
            }
        }
    }

    private func check(_ text: [UInt8], from start: Int, _ delimiter: UInt8) {
        for orBeyondASCII in [false, true] {
            let expected = text[start...].firstIndex {
                $0 < 0x0E || $0 == UInt8(ascii: "\"") || $0 == delimiter
                    || orBeyondASCII && $0 >= 0x80
            }
            let found = ByteSearch.first(
                in: text.span, from: start, below: 0x0E, or: UInt8(ascii: "\""), or: delimiter,
                orBeyondASCII: orBeyondASCII)
            if found != expected ?? text.count {
                Issue.record("\(text) from \(start), \(delimiter), \(orBeyondASCII): \(found)")
            }
        }
    }

    /// A string of any length, with one character that needs more than itself at each place.
    @Test func quotesStringsOfJSON() {
        let escapes: [(String, String)] = [
            ("a", "a"), ("\"", "\\\""), ("\\", "\\\\"), ("\n", "\\n"), ("\u{1}", "\\u0001"),
            ("\u{7F}", "\u{7F}"), ("é", "é"), ("\u{10FFFF}", "\u{10FFFF}"),
        ]
        for length in 0...20 {
            for place in 0..<max(length, 1) {
                for (character, escaped) in escapes {
                    let before = String(repeating: "x", count: place)
                    let after = String(repeating: "y", count: max(0, length - place - 1))
                    var output = ByteOutput(capacity: 16)
                    output.append(string: "12,")
                    output.append(string: before + character + after)
                    JSONStrings.quote(&output, from: 3)
                    let text = String(decoding: output.bytes, as: UTF8.self)
                    #expect(text == "12,\"\(before)\(escaped)\(after)\"")
                }
            }
        }
    }
}
