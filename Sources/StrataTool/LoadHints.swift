internal import RelationLoader

/// The options that may help after a load failed.
struct LoadHints {
    /// Sentences that name them.
    private(set) var texts: [String] = []

    init(_ error: LoadError, hasHeader: Bool, delimiter: String?) {
        guard let location = error.location else { return }
        let excerpt = error.excerpt ?? ""
        if hasHeader && location.line == 1 {
            switch error.reason {
            case .strayQuote, .textAfterQuote, .missingFields(_, 1), .extraFields(1, _):
                texts.append(
                    "If another character than \"\(delimiter ?? ",")\" separates the fields, name"
                        + " it with --delimiter.")
            default: break
            }
        }
        switch error.reason {
        case .extraFields(let expected, _) where hasHeader && location.line > 1:
            if expected == 1 {
                let lines = location.line - 1
                texts.append(
                    "If the lines before it are no part of the table, skip them with"
                        + " --skip \(lines), or name the character that begins them with --comment."
                )
            } else {
                texts.append(
                    "If the header lacks names, or lines end in a delimiter, load with"
                        + " --fill-missing.")
            }
        case .missingFields(_, let found) where location.line > 1:
            if let first = excerpt.first, "#%;*!".contains(first) {
                texts.append("If the line is a comment, load with --comment '\(first)'.")
            } else if found == 1 {
                texts.append(
                    "If lines that are no part of the table come before it, skip them with --skip;"
                        + " if it is a comment, name its first character with --comment.")
            }
        default: break
        }
    }

    /// What could separate the fields of a header that has only one.
    ///
    /// - Returns: what it is for people, and the option's value; nil if nothing could.
    static func separator(in header: String) -> (noun: String, option: String)? {
        var runs: [String] = []
        var run = ""
        for character in header {
            if ";\t|:^~".contains(character) {
                run.append(character)
            } else if !run.isEmpty {
                runs.append(run)
                run = ""
            }
        }
        // A single colon is more often a part of a name.
        guard let found = runs.first(where: { $0 != ":" }) else { return nil }
        switch found {
        case ";": return ("a semicolon", "';'")
        case "\t": return ("a tab", "'\\t'")
        case "|": return ("a vertical bar", "'|'")
        default:
            let option = found.replacing("\t", with: "\\t")
            return ("\"\(option)\"", "'\(option)'")
        }
    }
}
