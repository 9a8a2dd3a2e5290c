/// Writes a large value as a field of a row in pieces, so that its text is never in memory whole.
/// The same text as `ValueWriter` and the writers of rows make.
package struct PieceText {
    /// What the row is written as.
    package enum Form {
        /// A field of CSV, between quotes or not.
        case csv(isQuoted: Bool)
        /// A field as `COPY` writes it.
        case copy
        /// A string.
        case json
        /// Nothing.
        case none
    }

    private let form: Form
    /// Whether the value is a `bytea`, shown in hexadecimal; otherwise its bytes are the text.
    private let isBinary: Bool

    /// Makes a writer of one value.
    package init(_ form: Form, isBinary: Bool) {
        self.form = form
        self.isBinary = isBinary
    }

    /// Writes what comes before the value.
    package func begin(_ output: inout TextOutput) {
        mark(&output)
        guard isBinary else { return }
        switch form {
        case .csv: output.append("\\x")
        case .copy, .json: output.append("\\\\x")
        case .none: break
        }
    }

    /// Writes the next part of the value.
    package func write(_ piece: RawSpan, to output: inout TextOutput) {
        if case .none = form { return }
        if isBinary { return BinaryText.writeDigits(piece, to: &output) }
        switch form {
        case .csv(isQuoted: false): output.append(piece)
        case .csv(isQuoted: true): CSVText.writeQuotedContents(piece, to: &output)
        case .copy: CopyText.write(piece, to: &output)
        case .json: JSONText.escapeContents(piece, to: &output)
        case .none: break
        }
    }

    /// Writes what comes behind the value.
    package func end(_ output: inout TextOutput) { mark(&output) }

    private func mark(_ output: inout TextOutput) {
        switch form {
        case .csv(isQuoted: true), .json: output.append(UInt8(ascii: "\""))
        default: break
        }
    }
}

/// Fields as `COPY … TO STDOUT` writes them. Mirrors `CopyAttributeOutText`.
package enum CopyText {
    /// Appends text with backslashes where they are necessary.
    package static func write(_ text: RawSpan, to output: inout TextOutput) {
        text.forEachByte { byte in
            if let letter = letter(byte) {
                output.append(UInt8(ascii: "\\"))
                output.append(letter)
            } else {
                output.append(byte)
            }
        }
    }

    /// The letter behind the backslash that stands for a byte; nil if the byte stands for itself.
    @inline(__always)
    package static func letter(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 8: UInt8(ascii: "b")
        case 9: UInt8(ascii: "t")
        case 10: UInt8(ascii: "n")
        case 11: UInt8(ascii: "v")
        case 12: UInt8(ascii: "f")
        case 13: UInt8(ascii: "r")
        case UInt8(ascii: "\\"): byte
        default: nil
        }
    }
}
