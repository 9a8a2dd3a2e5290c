public import RowSchema
public import ValueText

/// Why a load stopped, and where in its input.
public struct LoadError: Error, Sendable, Hashable {
    /// What is wrong.
    public enum Reason: Sendable, Hashable {
        /// The input could not be opened; `errno`.
        case open(code: Int32)
        /// Reading the input failed; `errno`.
        case read(code: Int32)
        /// Writing the output failed; `errno`.
        case write(code: Int32)
        /// The input has no header line although one was expected.
        case missingHeader
        /// The input is empty, so that there are no columns to infer.
        case noRecords
        /// The input's columns are not a valid schema.
        case schema(SchemaError)
        /// An option is invalid, for the given reason.
        case option(String)
        /// The input ends within a quoted field. The field's line is its start.
        case unterminatedQuote
        /// An unquoted field contains a quote.
        case strayQuote
        /// Something other than a delimiter or a line break follows a closing quote.
        case textAfterQuote
        /// A carriage return outside quotes does not break a line.
        case strayCarriageReturn
        /// A line feed occurs outside quotes in a file whose lines end in carriage returns.
        case strayLineFeed
        /// A line ends in two carriage returns and a line feed.
        case doubledCarriageReturn
        /// The record has fewer fields than there are columns.
        case missingFields(expected: Int, found: Int)
        /// The record has more fields than there are columns.
        case extraFields(expected: Int, found: Int)
        /// The header has another column name at this position than the relation.
        case unexpectedColumn(expected: String)
        /// The header has a column that the relation lacks.
        case unknownColumn
        /// The header lacks columns of the relation.
        case missingColumns([String])
        /// A name in the header has control characters, which a terminal would execute.
        case controlCharacters
        /// The field is not UTF-8 from the location's byte offset on.
        case invalidUTF8
        /// The field is not text in the encoding that was given or recognised.
        case invalidText(InputEncoding)
        /// The whole input is in another encoding than UTF-8, which was not given.
        case otherEncoding(InputEncoding)
        /// The input is no text, but a file of this kind.
        case fileKind(FileKind)
        /// The compressed input is damaged, for the given reason.
        case damagedCompression(String)
        /// The field contains a NUL byte, which text cannot hold.
        case nulByte
        /// The record is longer than the reader's limit in bytes.
        case recordTooLong(limit: Int)
        /// The field's text is not a value of its column's type.
        case value(ValueError)
        /// The field is NULL and its column is NOT NULL.
        case nullNotAllowed
        /// The row's tuple does not fit on a page. Sizes in bytes.
        case rowTooLarge(size: Int, limit: Int)
        /// Every record was skipped; the text is that of the first one's error.
        case allRecordsSkipped(count: UInt64, first: String)
    }

    /// A place in the input. Lines are physical lines, counted from one as in an editor.
    public struct Location: Sendable, Hashable {
        /// The record's number, counted from one without the header.
        public var record: Int
        /// The line the record starts on.
        public var line: Int
        /// The line the field starts on.
        public var fieldLine: Int
        /// The field's position in its record, counted from one; 0 if no field is meant.
        public var field: Int
        /// The offset of the offending byte, or of the field's first byte, from the source's start.
        public var byteOffset: Int
    }

    /// What is wrong.
    public var reason: Reason
    /// The source's name.
    public var source: String
    /// The place of the fault; nil if the whole source is at fault.
    public var location: Location?
    /// The column of the field, if known.
    public var column: String?
    /// The beginning of the offending text, with control characters and invalid UTF-8 replaced.
    public var excerpt: String?

    /// Describes a failure.
    public init(
        _ reason: Reason, source: String, location: Location? = nil, excerpt: String? = nil
    ) {
        self.reason = reason
        self.source = source
        self.location = location
        self.excerpt = excerpt
    }
}

extension LoadError: CustomStringConvertible {
    /// What is wrong and where, and the remedy.
    public var description: String {
        var remedy = reason.remedy
        if case .fileKind(let kind) = reason { remedy = kind.remedy(source) }
        return remedy.map { "\(message). \($0)" } ?? message
    }

    /// What is wrong and where.
    public var message: String {
        var text = source
        if let location {
            text += ", line \(location.fieldLine)"
            if location.fieldLine != location.line {
                text += " (record from line \(location.line))"
            }
            if let column {
                text += ", column \"\(column)\""
            } else if location.field > 0 {
                text += ", column \(location.field)"
            }
        }
        text += ": \(reason)"
        if let excerpt { text += ": \"\(excerpt)\"" }
        if reason == .invalidUTF8, let location { text += ", byte offset \(location.byteOffset)" }
        return text
    }
}
