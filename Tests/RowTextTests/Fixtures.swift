import PageFormat
import RowSchema
import RowText
import Testing

/// The repository's folder of inputs.
enum Fixtures {
    /// The folder's path, found from this file's.
    static var root: String {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/Fixtures"
    }

    /// The bytes of a file below ``root``.
    static func bytes(_ path: String) throws -> [UInt8] {
        try read(FileSource(path: root + "/" + path))
    }

    /// All bytes of a source.
    static func read(_ source: any ByteSource) throws -> [UInt8] {
        var source = source
        var result: [UInt8] = []
        while true {
            let chunk = try [UInt8](capacity: 65536) { span throws(LoadError) in
                _ = try source.read(into: &span)
            }
            if chunk.isEmpty { return result }
            result += chunk
        }
    }

    /// The file and the schema of a table that PostgreSQL wrote.
    static func table(_ name: String) throws -> (schema: Schema, bytes: [UInt8]) {
        let manifest = try records(try bytes("postgres/manifest.csv"))
        let row = try #require(manifest.first { $0[0] == name && $0[2] == "main" })
        let columns = try #require(row[4]).split(separator: " ").map { column in
            let parts = column.split(separator: ":")
            return parts[0] + " " + parts[1].split(separator: "_").joined(separator: " ")
        }
        let schema = try Schema(parsing: columns.joined(separator: ", "))
        return (schema, try bytes("postgres/base/5/\(try #require(row[1]))"))
    }
}

/// Bytes that should be a page or hold a tuple, and do not.
struct NotAPage: Error {}

/// Calls `body` with each tuple of a heap file, in order.
func forEachTuple(
    of file: [UInt8], _ body: (HeapTupleView) throws -> Void
) throws {
    for start in stride(from: 0, to: file.count, by: PageLayout.size) {
        let bytes = unsafe file.span.extracting(start..<start + PageLayout.size).bytes
        guard let page = PageView(bytes) else { throw NotAPage() }
        for number in page.linePointerNumbers {
            if let tuple = try page.tuple(number) { try body(tuple) }
        }
    }
}

/// Puts the builder's tuple on a page of its own and calls `body` with it.
func withTuple(
    of builder: inout HeapTupleBuilder, _ body: (HeapTupleView) throws -> Void
) throws {
    var page = [UInt8](repeating: 0, count: PageLayout.size)
    try place(&builder, on: &page)
    try forEachTuple(of: page, body)
}

private func place(_ builder: inout HeapTupleBuilder, on page: inout [UInt8]) throws {
    var span = page.mutableSpan
    guard var editor = PageEditor(unsafe span.mutableBytes) else { throw NotAPage() }
    editor.initialize()
    guard try builder.place(on: &editor, block: 0) == 1 else { throw NotAPage() }
}

/// The bytes of a buffer as a string.
func string(_ output: borrowing ByteOutput) -> String {
    String(decoding: output.bytes, as: UTF8.self)
}

/// Bytes as PostgreSQL prints them.
func hex(_ bytes: RawSpan) -> String {
    var datum = ByteOutput()
    datum.append(bytes)
    var text = ByteOutput()
    ByteaText.write(datum.span, to: &text)
    return string(text)
}
