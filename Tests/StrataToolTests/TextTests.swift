import FileAccess
import Testing

@testable import StrataTool

@Suite("Text for people") struct PrintableTextTests {
    @Test(arguments: [
        ("plain text, \u{E9}\u{4E2D}\u{1F600}", "plain text, \u{E9}\u{4E2D}\u{1F600}"),
        ("\u{1B}[2J\u{7}", "\\u{1B}[2J\\u{07}"), ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u{9B}31m\u{7F}", "\\u{9B}31m\\u{7F}"),
        ("\u{202E}gnp.exe\u{2066}\u{2069}", "\\u{202E}gnp.exe\\u{2066}\\u{2069}"),
        ("a\u{2028}b\u{FEFF}", "a\\u{2028}b\\u{FEFF}"), ("\0", "\\u{00}"),
    ])
    func harmfulCharactersAreNamed(_ text: String, _ clean: String) {
        #expect(PrintableText.line(text) == clean)
    }

    @Test func bytesThatAreNoTextAreNamed() {
        let text = PathBytes.string([0x61, 0xFF, 0x62, 0xC3])
        #expect(PrintableText.line(text) == "a\\xFFb\\xC3")
    }
}

@Suite("Arguments are bytes") struct PathBytesTests {
    @Test(
        arguments: [
            [], [0x41], [0x80], [0xFF, 0xFE], [0xC3, 0xA9], [0xC3], [0xE2, 0x82],
            [0xED, 0xA0, 0x80],
            [0xC0, 0xAF], [0xF4, 0x8F, 0xB8, 0x80], [0xF4, 0x8F, 0xBB, 0xBF],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF0, 0x9F, 0x98, 0x80, 0x9F],
        ] as [[UInt8]])
    func noByteIsLost(_ bytes: [UInt8]) {
        #expect(PathBytes.bytes(PathBytes.string(bytes)) == bytes)
    }

    @Test func differentBytesAreDifferentStrings() {
        var generator = SystemRandomNumberGenerator()
        var seen: [[UInt8]: String] = [:]
        let alphabet: [UInt8] = [0x2F, 0x61, 0x80, 0xBF, 0xC3, 0xE2, 0xF4, 0x8F, 0xB8, 0xFF]
        for _ in 0..<5000 {
            let length = Int.random(in: 0...6, using: &generator)
            let bytes = (0..<length).map { _ in alphabet.randomElement(using: &generator)! }
            let text = PathBytes.string(bytes)
            #expect(PathBytes.bytes(text) == bytes)
            seen[bytes] = text
        }
        #expect(Set(seen.values.map { Array($0.utf8) }).count == seen.count)
    }

    @Test func textStaysText() {
        for text in ["", "caf\u{E9}", "cafe\u{301}", "\u{1F600}", "\u{10FFFD}"] {
            #expect(Array(PathBytes.string(Array(text.utf8)).utf8) == Array(text.utf8))
            #expect(!PathBytes.hasInvalidBytes(PathBytes.string(Array(text.utf8))))
        }
    }
}
