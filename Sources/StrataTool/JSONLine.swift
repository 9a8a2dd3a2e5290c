/// JSON objects on lines of their own, for other programs.
enum JSONLine {
    /// An object of fields whose values are JSON already.
    static func object(_ fields: [(name: String, value: String)]) -> String {
        "{" + fields.map { "\(quoted($0.name)):\($0.value)" }.joined(separator: ",") + "}"
    }

    /// Text as a string, or null.
    static func quoted(_ text: String?) -> String {
        guard let text else { return "null" }
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
