internal import PageFormat
internal import PageInspection

/// A page as text, 80 columns wide: what it means on the left, its bytes on the right.
struct InspectionText {
    let isColoured: Bool
    let showsHex: Bool

    private static let width = 80
    /// The columns for what the bytes mean, if they are shown beside it.
    private static let leftWidth = 40
    private static let bytesPerLine = 8

    private enum Color {
        static let title = "\u{1B}[1m"
        static let good = "\u{1B}[32m"
        static let bad = "\u{1B}[31m"
        static let name = "\u{1B}[36m"
        static let faint = "\u{1B}[2m"
        static let end = "\u{1B}[0m"
    }

    /// A line's text, and its colour.
    private struct Line {
        var text: String
        var color: String?
        /// The first letters, which have a colour of their own.
        var nameLength = 0
    }

    /// The text of a page.
    func text(of page: InspectedPage, _ head: String) -> String {
        var result = colored(PrintableText.line(head), Color.title) + "\n"
        switch page.verification {
        case .valid: result += colored("header and checksum are right", Color.good) + "\n"
        case .new: result += "all bytes are zero: it was never used, or overwritten\n"
        case .invalid(let reason): result += colored("damaged: \(reason)", Color.bad) + "\n"
        }
        for part in page.parts {
            result += "\n"
            let left = lines(part, page)
            let right = showsHex ? hex(part.range, page.bytes) : []
            for index in 0..<max(left.count, right.count) {
                let line = index < left.count ? left[index] : Line(text: "")
                let bytes = index < right.count ? right[index] : ""
                result += row(line, bytes) + "\n"
            }
        }
        return result
    }

    private func colored(_ text: String, _ color: String?) -> String {
        guard isColoured, let color, !text.isEmpty else { return text }
        return color + text + Color.end
    }

    private func row(_ line: Line, _ bytes: String) -> String {
        let name = String(line.text.prefix(line.nameLength))
        let rest = String(line.text.dropFirst(line.nameLength))
        let text = colored(name, Color.name) + colored(rest, line.color)
        if bytes.isEmpty { return text }
        let padding = String(repeating: " ", count: max(1, Self.leftWidth + 1 - line.text.count))
        return text + padding + colored(bytes, Color.faint)
    }

    // MARK: What the bytes mean

    private func lines(_ part: InspectedPart, _ page: InspectedPage) -> [Line] {
        var title = part.kind.rawValue
        if let number = part.linePointer { title += " \(number)" }
        title += ", bytes \(part.range.lowerBound) to \(part.range.upperBound - 1)"
        var lines = [Line(text: title, color: Color.title)]
        if part.kind == .linePointers { lines += page.linePointers.map(line) }
        for field in part.fields { lines += self.lines(field) }
        return lines
    }

    private func line(_ pointer: InspectedLinePointer) -> Line {
        var text = "  \(pointer.number) \(pointer.state)"
        if pointer.state == "redirect" {
            text += " to \(pointer.offset)"
        } else if pointer.length > 0 {
            text += ", \(pointer.length) bytes at \(pointer.offset)"
        }
        if let fault = pointer.fault { text += "; \(fault)" }
        return Line(text: text, color: pointer.fault == nil ? nil : Color.bad)
    }

    private func lines(_ field: InspectedField) -> [Line] {
        let value: String
        switch field.value {
        case .number(let number): value = "\(number)"
        case .text(let text): value = text
        case .flags(let names): value = names.isEmpty ? "none" : names.joined(separator: " ")
        case .null: value = "null"
        }
        let name = PrintableText.line(field.name)
        let texts = wrapped("\(name) \(PrintableText.line(value))")
        return texts.enumerated().map { index, text in
            Line(
                text: (index == 0 ? "  " : "    ") + text,
                nameLength: index == 0 ? min(text.count, name.count) + 2 : 0)
        }
    }

    /// The text in lines of the room that there is, broken at spaces if possible.
    private func wrapped(_ text: String) -> [String] {
        let room = (showsHex ? Self.leftWidth : Self.width) - 4
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            var word = word
            if !line.isEmpty, line.count + 1 + word.count > room {
                lines.append(line)
                line = ""
            }
            while word.count > room {
                lines.append(String(word.prefix(room)))
                word = word.dropFirst(room)
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        return lines + [line]
    }

    // MARK: Bytes

    /// The bytes in hexadecimal and as characters. A star stands for lines like the one before.
    private func hex(_ range: Range<Int>, _ bytes: [UInt8]) -> [String] {
        var lines: [String] = []
        var last: ArraySlice<UInt8> = []
        var isStarred = false
        for start in stride(from: range.lowerBound, to: range.upperBound, by: Self.bytesPerLine) {
            let end = min(start + Self.bytesPerLine, range.upperBound)
            let slice = bytes[start..<end]
            if slice.elementsEqual(last), end < range.upperBound {
                if !isStarred { lines.append("*") }
                isStarred = true
                continue
            }
            isStarred = false
            last = slice
            lines.append(Self.line(slice, at: start))
        }
        return lines
    }

    private static func line(_ bytes: ArraySlice<UInt8>, at offset: Int) -> String {
        func padded(_ value: Int, _ count: Int) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: max(0, count - digits.count)) + digits
        }
        let hex = bytes.map { padded(Int($0), 2) }.joined(separator: " ")
        let gap = String(repeating: " ", count: 3 * (bytesPerLine - bytes.count))
        let text = bytes.map { byte in
            (0x20...0x7E).contains(byte) ? Character(Unicode.Scalar(byte)) : "."
        }
        return "\(padded(offset, 4)) \(hex)\(gap) \(String(text))"
    }
}
