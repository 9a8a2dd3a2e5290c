internal import PostgresCluster

extension PostgresTable {
    /// The table as one line of JSON, including its line feed.
    func json(database: String) -> [UInt8] {
        var line = "{"
        line += "\"database\":\(Self.quoted(database)),\"schema\":\(Self.quoted(schema)),"
        line += "\"name\":\(Self.quoted(name)),\"kind\":\(Self.quoted(kind.rawValue)),"
        line += "\"file\":\(file.map(Self.quoted) ?? "null"),"
        line += "\"tablespace\":\(tablespace.map(Self.quoted) ?? "null"),"
        line += "\"pages\":\(pages),"
        line += "\"rows\":\(estimatedRows.map { "\(Int($0))" } ?? "null"),"
        line += "\"columns\":["
        line += columns.map {
            "{\"name\":\(Self.quoted($0.name)),\"type\":\(Self.quoted($0.type)),"
                + "\"nullable\":\($0.isNullable)}"
        }.joined(separator: ",")
        return Array((line + "]}\n").utf8)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            case "\0"..<" ":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
