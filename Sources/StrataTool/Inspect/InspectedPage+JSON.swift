internal import PageFormat
internal import PageInspection

extension InspectedPage {
    /// The page as an object on one line.
    func json(withHex: Bool) -> String {
        let verdict: String
        switch verification {
        case .valid: verdict = "valid"
        case .new: verdict = "zero"
        case .invalid(let reason): verdict = "\(reason)"
        }
        let pointers = linePointers.map { pointer in
            JSONLine.object([
                ("number", "\(pointer.number)"), ("state", JSONLine.quoted(pointer.state)),
                ("offset", "\(pointer.offset)"), ("length", "\(pointer.length)"),
                ("fault", JSONLine.quoted(pointer.fault)),
            ])
        }
        let parts = parts.map { $0.json(bytes: withHex ? bytes : nil) }
        return JSONLine.object([
            ("block", "\(block)"), ("kind", JSONLine.quoted(kind)),
            ("isWhole", "\(verification.isUsable)"), ("verification", JSONLine.quoted(verdict)),
            ("linePointers", "[\(pointers.joined(separator: ","))]"),
            ("parts", "[\(parts.joined(separator: ","))]"),
        ])
    }
}

extension InspectedPart {
    fileprivate func json(bytes: [UInt8]?) -> String {
        var fields = [
            ("kind", JSONLine.quoted(kind.rawValue)), ("offset", "\(range.lowerBound)"),
            ("length", "\(range.count)"), ("linePointer", linePointer.map { "\($0)" } ?? "null"),
        ]
        let values = self.fields.map {
            JSONLine.object([("name", JSONLine.quoted($0.name)), ("value", $0.value.json)])
        }
        fields.append(("fields", "[\(values.joined(separator: ","))]"))
        if let bytes {
            let digits = bytes[range].map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
            fields.append(("hex", JSONLine.quoted(digits.joined())))
        }
        return JSONLine.object(fields.map { (name: $0.0, value: $0.1) })
    }
}

extension InspectedValue {
    fileprivate var json: String {
        switch self {
        case .number(let number): "\(number)"
        case .text(let text): JSONLine.quoted(text)
        case .flags(let names):
            "[\(names.map { JSONLine.quoted($0) }.joined(separator: ","))]"
        case .null: "null"
        }
    }
}

extension PageCell {
    /// The cell as an object on one line.
    var json: String {
        let state: String
        var free: String?
        var visible: String?
        switch self.state {
        case .zero: state = "zero"
        case .damaged: state = "damaged"
        case .unreadable: state = "unreadable"
        case .whole(let tenths, let isAllVisible):
            state = "whole"
            free = "\(tenths)"
            visible = "\(isAllVisible)"
        }
        return JSONLine.object([
            ("block", "\(block)"), ("state", JSONLine.quoted(state)),
            ("freeTenths", free ?? "null"), ("allVisible", visible ?? "null"),
        ])
    }
}
