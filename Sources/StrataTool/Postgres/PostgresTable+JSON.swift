internal import PostgresCluster

extension PostgresTable {
    /// The table as one line of JSON, including its line feed.
    func json(database: String) -> [UInt8] {
        var line = "{"
        line += "\"database\":\(JSONLine.quoted(database)),\"schema\":\(JSONLine.quoted(schema)),"
        line += "\"name\":\(JSONLine.quoted(name)),\"kind\":\(JSONLine.quoted(kind.rawValue)),"
        line += "\"file\":\(JSONLine.quoted(file)),"
        line += "\"tablespace\":\(JSONLine.quoted(tablespace)),"
        line += "\"pages\":\(pages),"
        line += "\"rows\":\(estimatedRows.map { "\(Int($0))" } ?? "null"),"
        line += "\"columns\":["
        line += columns.map {
            "{\"name\":\(JSONLine.quoted($0.name)),\"type\":\(JSONLine.quoted($0.type)),"
                + "\"nullable\":\($0.isNullable)}"
        }.joined(separator: ",")
        return Array((line + "]}\n").utf8)
    }
}
