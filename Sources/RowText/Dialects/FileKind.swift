/// A kind of file that holds a table, but is no text.
public enum FileKind: Sendable, Hashable, CaseIterable {
    case gzip, bzip2, xz, lz4, zip, excel, oldExcel, openDocument, tar, parquet, pdf, sqlite, utf32
    /// Compressed by zstd so that unpacking it takes more memory than a load may.
    case zstdWithLongWindow
    /// Text, but no table of lines and fields.
    case json, xml, html
    /// Nothing that is known.
    case binary

    /// The kind that the first bytes of a file show; nil if none of these.
    static func of(_ bytes: [UInt8]) -> FileKind? {
        for (kind, magic) in magics where bytes.starts(with: magic) {
            // Text could begin like the name of this format.
            if kind == .parquet && !bytes.prefix(64).contains(where: { $0 < 9 }) { continue }
            return kind == .zip ? zipped(bytes) : kind
        }
        let tarMark = Array("ustar".utf8)
        if bytes.count > 262 && Array(bytes[257..<262]) == tarMark { return .tar }
        return nil
    }

    private static let magics: [(FileKind, [UInt8])] = [
        (.gzip, [0x1F, 0x8B]), (.bzip2, Array("BZh91AY&SY".utf8)),
        (.xz, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]), (.lz4, [0x04, 0x22, 0x4D, 0x18]),
        (.zip, [0x50, 0x4B, 3, 4]), (.oldExcel, [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]),
        (.parquet, Array("PAR1".utf8)), (.pdf, Array("%PDF-".utf8)),
        (.sqlite, Array("SQLite format 3\0".utf8)), (.utf32, [0xFF, 0xFE, 0, 0]),
        (.utf32, [0, 0, 0xFE, 0xFF]),
    ]

    /// The kind of text, other than CSV, that a file's beginning shows; nil if it may be CSV.
    static func ofText(_ bytes: [UInt8]) -> FileKind? {
        var start = bytes[...]
        if start.starts(with: [0xEF, 0xBB, 0xBF]) { start.removeFirst(3) }
        let head = String(decoding: start.prefix(64), as: UTF8.self).lowercased()
            .filter { !$0.isWhitespace }
        if head.hasPrefix("<?xml") { return .xml }
        if head.hasPrefix("<!doctypehtml") || head.hasPrefix("<html") { return .html }
        return head.hasPrefix("{\"") || head.hasPrefix("[{") ? .json : nil
    }

    /// Whether bytes are no text in any encoding of single bytes: many are control characters
    /// other than those of text, printers and terminals.
    static func isBinary(_ bytes: [UInt8]) -> Bool {
        let controls = bytes.count { $0 < 0x20 && !(7...13).contains($0) && $0 != 0x1B }
        return bytes.count >= 32 && 20 * controls > bytes.count
    }

    /// What a zip archive holds, by the names of its first members.
    private static func zipped(_ bytes: [UInt8]) -> FileKind {
        let head = Array(bytes.prefix(8192))
        func contains(_ text: String) -> Bool {
            let name = Array(text.utf8)
            return head.indices.contains { head[$0...].starts(with: name) }
        }
        if contains("application/vnd.oasis.opendocument") { return .openDocument }
        if contains("[Content_Types].xml") || contains("xl/") { return .excel }
        return .zip
    }

    /// What it is, for people.
    var noun: String {
        switch self {
        case .gzip: "gzip-compressed"
        case .bzip2: "bzip2-compressed"
        case .xz: "xz-compressed"
        case .lz4: "lz4-compressed"
        case .zip: "a zip archive"
        case .excel: "an Excel workbook (xlsx)"
        case .oldExcel: "an old Microsoft Office file, such as an Excel workbook (xls)"
        case .openDocument: "an OpenDocument file"
        case .tar: "a tar archive"
        case .parquet: "a Parquet file"
        case .pdf: "a PDF file"
        case .sqlite: "an SQLite database"
        case .utf32: "text in UTF-32"
        case .zstdWithLongWindow: "zstd-compressed with a window of more than 128 MiB"
        case .json: "JSON, not CSV"
        case .xml: "XML, not CSV"
        case .html: "an HTML page, not CSV"
        case .binary: "binary data"
        }
    }

    /// What it is, and what it is not.
    var verdict: String {
        switch self {
        case .utf32, .zstdWithLongWindow, .json, .xml, .html: noun
        default: "\(noun), not text"
        }
    }

    /// What makes text of the file `source`.
    func remedy(_ source: String) -> String {
        let isPath = source != "standard input"
        let file = isPath ? Self.quoted(source) : ""
        let input = isPath ? " \(file)" : ""
        switch self {
        case .gzip: return Self.unpack("gzip -dc\(input)")
        case .bzip2: return Self.unpack("bzip2 -dc\(input)")
        case .xz: return Self.unpack("xz -dc\(input)")
        case .lz4: return Self.unpack("lz4 -dc\(input)")
        case .zstdWithLongWindow: return Self.unpack("zstd -dc --long=31\(input)")
        case .zip: return Self.unpack(isPath ? "unzip -p \(file)" : "funzip")
        case .tar: return Self.unpack("tar -xO\(isPath ? "f \(file)" : "")")
        case .excel, .oldExcel, .openDocument:
            return isPath
                ? "Convert it: libreoffice --headless --convert-to csv \(file)."
                : "Save it as a file, and convert it with libreoffice --convert-to csv."
        case .parquet:
            return "Export it as CSV, for instance with duckdb."
        case .sqlite:
            return "Export a table: sqlite3 -header -csv \(isPath ? file : "FILE")"
                + " 'SELECT * FROM …'."
        case .pdf: return "Give the table as CSV."
        case .json:
            return "Convert it, for instance with @csv of the program jq, or turn off the"
                + " recognition of dialects."
        case .xml: return "Convert it to CSV, or turn off the recognition of dialects."
        case .html:
            return "It may be a message instead of the file, so get that again, or turn off the"
                + " recognition of dialects."
        case .binary: return "Check that it is the right file."
        case .utf32:
            return Self.unpack("iconv -f UTF-32 -t UTF-8\(input)", verb: "Convert it")
        }
    }

    private static func unpack(_ command: String, verb: String = "Unpack it") -> String {
        "\(verb), and load from standard input: \(command) | …"
    }

    private static func quoted(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "/"),
                UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        if isPlain { return path }
        return "'"
            + path.split(separator: "'", omittingEmptySubsequences: false).joined(
                separator: "'\\''") + "'"
    }
}
