internal import PostgresCluster

extension ClusterFinding {
    /// The finding as an object on one line.
    var json: String {
        var fields = [("type", "\"finding\""), ("kind", JSONLine.quoted(kind.rawValue))]
        fields.append(("file", JSONLine.quoted(path)))
        fields.append(("owner", JSONLine.quoted(owner)))
        fields.append(("fork", JSONLine.quoted(fork?.name)))
        fields.append(("block", block.map { "\($0)" } ?? "null"))
        fields.append(("linePointer", linePointer.map { "\($0)" } ?? "null"))
        fields.append(("reason", JSONLine.quoted(reason)))
        return JSONLine.object(fields)
    }
}

extension ClusterDoubt {
    /// The doubt as an object on one line.
    var json: String {
        JSONLine.object([
            ("type", "\"not checked\""), ("file", JSONLine.quoted(path)),
            ("owner", JSONLine.quoted(owner)), ("reason", JSONLine.quoted(reason)),
        ])
    }
}

extension FileVerdict {
    /// The file's pages of zeroes as an object on one line: ranges of first and last blocks.
    var zeroJSON: String {
        let ranges = zeroPages.ranges.map { "[\($0.lowerBound),\($0.upperBound - 1)]" }
        return JSONLine.object([
            ("type", "\"zero pages\""), ("file", JSONLine.quoted(path)),
            ("owner", JSONLine.quoted(owner)), ("fork", JSONLine.quoted(fork?.name)),
            ("count", "\(zeroPages.count)"), ("blocks", "[\(ranges.joined(separator: ","))]"),
        ])
    }
}

extension ClusterReport {
    /// The summary as an object on one line.
    func json(nanoseconds: UInt64) -> String {
        let outcome: String
        switch self.outcome {
        case .clean: outcome = "clean"
        case .damaged: outcome = "damaged"
        case .incomplete: outcome = "incomplete"
        }
        let catalogs: String
        switch self.catalogs {
        case .compared: catalogs = "compared"
        case .leftOut: catalogs = "left out"
        case .unreadable: catalogs = "unreadable"
        }
        return JSONLine.object([
            ("type", "\"summary\""), ("outcome", JSONLine.quoted(outcome)),
            ("findings", "\(findings)"), ("damagedFiles", "\(damagedFiles)"),
            ("notChecked", "\(doubts)"), ("relations", "\(relations)"), ("files", "\(files)"),
            ("pages", "\(pages)"), ("zeroPages", "\(zeroPages)"),
            ("otherNames", "\(otherNames)"), ("absentTemplates", "\(absentTemplates)"),
            ("vanishedFiles", "\(vanishedFiles)"),
            ("cutOffPages", "\(cutOffPages)"), ("catalogs", JSONLine.quoted(catalogs)),
            ("control", JSONLine.quoted(assumesControl ? "assumed" : "read")),
            ("nanoseconds", "\(nanoseconds)"),
        ])
    }
}

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
