import PostgresTypes
import Testing
import ToastFormat

/// Large values are decompressed and written in pieces: the result is that of doing it at once.
@Suite("Values in pieces")
struct PieceTests {
    /// A value longer than several pieces, which compresses, with copies across their borders.
    private static let value: [UInt8] = {
        var dice = Dice(seed: 3)
        let words = (0..<40).map { _ in dice.bytes(Int(dice.next() % 200) + 1) }
        var value: [UInt8] = []
        while value.count < 5 * OutputWindow.pieceSize {
            value += words[Int(dice.next() % UInt64(words.count))]
        }
        return value
    }()

    private func pieces(
        _ compression: Compression, _ bytes: [UInt8]
    ) throws(ValueFault) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        try compression.forEachPiece(of: bytes.span.bytes) { piece in
            pieces.append(piece.withUnsafeBytes { Array($0) })
            return true
        }
        return pieces
    }

    @Test func pglz() throws {
        let compressed = PGLZCompressor().compress(Self.value.span.bytes)
        let stored = try #require(compressed, "it does not compress")
        let found = try pieces(
            Compression(UInt32(Self.value.count)), Array(stored[4...]))
        #expect(Array(found.joined()) == Self.value)
        #expect(found.count > 4)
        #expect(found.allSatisfy { $0.count < 2 * OutputWindow.pieceSize })
        #expect(throws: ValueFault.self) {
            try pieces(Compression(UInt32(Self.value.count + 1)), Array(stored[4...]))
        }
    }

    @Test func lz4() throws {
        let size = 3 * OutputWindow.pieceSize
        // Literals, then one match that is longer than several pieces, then literals.
        let literals = Array(Self.value[0..<70_000])
        var input: [UInt8] = [0xFF] + lengthBytes(literals.count - 15) + literals
        // 65,535 back.
        input += [0xFF, 0xFF] + lengthBytes(size - 4 - 15) + [0x30, 1, 2, 3]
        var expected = literals
        for _ in 0..<size { expected.append(expected[expected.count - 65_535]) }
        expected += [1, 2, 3]
        let compression = Compression(1 << 30 | UInt32(expected.count))
        #expect(try compression.decompress(input.span.bytes) == expected)
        let found = try pieces(compression, input)
        #expect(Array(found.joined()) == expected)
        #expect(found.count > 2)
        #expect(found.allSatisfy { $0.count < 3 * OutputWindow.pieceSize })
        #expect(throws: ValueFault.self) {
            try pieces(Compression(1 << 30 | UInt32(expected.count - 1)), input)
        }
    }

    private func lengthBytes(_ rest: Int) -> [UInt8] {
        Array(repeating: 255, count: rest / 255) + [UInt8(rest % 255)]
    }

    @Test("nothing more is decompressed once enough was taken")
    func stopping() throws {
        let compressed = PGLZCompressor().compress(Self.value.span.bytes)
        let stored = try #require(compressed)
        var count = 0
        // Behind the first piece, the input ends.
        let half = Array(stored[4..<stored.count / 2])
        try Compression(UInt32(Self.value.count)).forEachPiece(of: half.span.bytes) { _ in
            count += 1
            return false
        }
        #expect(count == 1)
    }

    @Test("fields in pieces read as fields written at once")
    func fields() throws {
        let texts = [
            "plain text", "a comma, a \"mark\"\"", "line\nfeed\r\t\\ and \u{1} \u{8}", "\"", "é𝄞",
        ]
        for text in texts.map({ Array($0.utf8) }) {
            let csv = CSVText(null: "", isSingleColumn: false)
            var whole = TextOutput()
            csv.write(text.span.bytes, to: &whole)
            let isQuoted = CSVText.hasSpecials(text.span.bytes)
            #expect(inPieces(.csv(isQuoted: isQuoted), text) == whole.bytes)
            var json = TextOutput()
            JSONText.escape(text.span.bytes, to: &json)
            #expect(inPieces(.json, text) == json.bytes)
            var copy = TextOutput()
            CopyText.write(text.span.bytes, to: &copy)
            #expect(inPieces(.copy, text) == copy.bytes)
            var binary = TextOutput()
            try ValueWriter(version: 18).write(text.span.bytes, as: .bytea, to: &binary)
            #expect(inPieces(.csv(isQuoted: false), text, isBinary: true) == binary.bytes)
            var quoted = TextOutput()
            JSONText.escape(binary.bytes.span.bytes, to: &quoted)
            #expect(inPieces(.json, text, isBinary: true) == quoted.bytes)
            var escaped = TextOutput()
            CopyText.write(binary.bytes.span.bytes, to: &escaped)
            #expect(inPieces(.copy, text, isBinary: true) == escaped.bytes)
        }
    }

    private func inPieces(
        _ form: PieceText.Form, _ text: [UInt8], isBinary: Bool = false
    ) -> [UInt8] {
        let writer = PieceText(form, isBinary: isBinary)
        var output = TextOutput()
        writer.begin(&output)
        for byte in text { writer.write([byte].span.bytes, to: &output) }
        writer.end(&output)
        return output.bytes
    }
}
