import PageFormat
import Testing
import Threads

/// The repository's folder of inputs.
enum Fixtures {
    /// The folder's path, found from this file's.
    static var root: String {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/") + "/Fixtures"
    }

    /// A required file is missing.
    struct Missing: Error {
        let path: String
    }

    /// The bytes of a file, by its path below ``root``.
    static func bytes(_ path: String) throws -> [UInt8] {
        try readFile(root + "/" + path)
    }

    /// The bytes of a file, by its full path.
    static func readFile(_ path: String) throws -> [UInt8] {
        guard let file = unsafe fopen(path, "rb") else { throw Missing(path: path) }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe fread(&chunk, 1, chunk.count, file)
            if count == 0 { return bytes }
            bytes += chunk[..<count]
        }
    }

    /// The rows of a CSV file after its header.
    static func rows(_ path: String) throws -> [[String?]] {
        Array(parseCSV(try bytes(path)).dropFirst())
    }

    /// One line of `postgres/manifest.csv`.
    struct Relation: CustomTestStringConvertible, Sendable {
        let name: String
        let number: String
        let fork: String
        let blocks: Int
        let columns: [(name: String, type: String)]

        var testDescription: String { "\(name) \(fork)" }

        var bytes: [UInt8] {
            get throws {
                try Fixtures.bytes(
                    "postgres/base/5/\(number)" + (fork == "main" ? "" : "_\(fork)"))
            }
        }

        var layout: [AttributeLayout] {
            columns.map { column in
                switch column.type {
                case "boolean": .boolean
                case "smallint": .int16
                case "integer", "date": .int32
                case "bigint", "timestamp": .int64
                case "real": .float32
                case "double_precision": .float64
                case "uuid": .uuid
                default: .variable()
                }
            }
        }
    }

    /// All forks of all tables written by PostgreSQL.
    static var relations: [Relation] {
        get throws {
            try rows("postgres/manifest.csv").map { row in
                let fields = row.map { $0 ?? "" }
                return Relation(
                    name: fields[0], number: fields[1], fork: fields[2],
                    blocks: Int(fields[3]) ?? -1,
                    columns: fields[4].split(separator: " ").map { column in
                        let parts = column.split(separator: ":")
                        return (String(parts[0]), String(parts[1]))
                    })
            }
        }
    }
}

/// Splits CSV as COPY writes it: an empty field without quotes is null.
func parseCSV(_ bytes: [UInt8]) -> [[String?]] {
    var rows: [[String?]] = []
    var row: [String?] = []
    var field: [UInt8] = []
    var wasQuoted = false
    var isInside = false
    var index = 0
    func finishField() {
        row.append(field.isEmpty && !wasQuoted ? nil : String(decoding: field, as: UTF8.self))
        field = []
        wasQuoted = false
    }
    while index < bytes.count {
        let byte = bytes[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\"") where isInside && index < bytes.count && bytes[index] == byte:
            field.append(byte)
            index += 1
        case UInt8(ascii: "\""):
            isInside.toggle()
            wasQuoted = true
        case UInt8(ascii: ",") where !isInside:
            finishField()
        case UInt8(ascii: "\n") where !isInside:
            finishField()
            rows.append(row)
            row = []
        default:
            field.append(byte)
        }
    }
    return rows
}
