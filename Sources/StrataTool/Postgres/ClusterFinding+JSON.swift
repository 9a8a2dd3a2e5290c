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
            ("nanoseconds", "\(nanoseconds)"),
        ])
    }
}
