public import RowSchema
internal import Threads

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
        /// The record has fewer fields than there are columns.
        case missingFields(expected: Int, found: Int)
        /// The record has more fields than there are columns.
        case extraFields(expected: Int, found: Int)
        /// The header has another column name at this position than the relation.
        case unexpectedColumn(expected: String)
        /// A name in the header has control characters, which a terminal would execute.
        case controlCharacters
        /// The field is not UTF-8 from the location's byte offset on.
        case invalidUTF8
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
        reason.remedy.map { "\(message). \($0)" } ?? message
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

extension LoadError.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .open(let code): "cannot be opened: \(Self.message(code))"
        case .read(let code): "cannot be read: \(Self.message(code))"
        case .write(let code): "cannot be written: \(Self.message(code))"
        case .missingHeader: "the input is empty, but a header line was expected"
        case .noRecords: "the input is empty, so there are no columns to infer; give a schema"
        case .schema(let error): error.description
        case .option(let text): text
        case .unterminatedQuote: "the quoted field has no closing quote; add it"
        case .strayQuote:
            "a quote stands within an unquoted field; quote the field and double the quote"
        case .textAfterQuote:
            "text follows the closing quote; double a quote that belongs to the value"
        case .strayCarriageReturn:
            "a carriage return stands outside quotes; quote the field that contains it"
        case .strayLineFeed:
            "a line feed stands outside quotes where lines end in carriage returns"
        case .missingFields(let expected, let found):
            "the record has \(found) of \(expected) fields"
        case .extraFields(let expected, let found):
            "the record has \(found) fields instead of \(expected)"
        case .unexpectedColumn(let expected):
            "the header names another column than the relation's \"\(expected)\"; give the schema"
                + " to load by position"
        case .controlCharacters:
            "the name of the column has control characters; correct the header, or give the schema"
        case .invalidUTF8: "the text is not valid UTF-8"
        case .nulByte: "the text contains a NUL byte"
        case .recordTooLong(let limit):
            "the record is longer than \(limit) bytes; a closing quote may be missing"
        case .value(let error): error.description
        case .nullNotAllowed: "NULL in a column that is NOT NULL"
        case .rowTooLarge(let size, let limit):
            "the row takes \(size) bytes, a page has room for \(limit)"
        }
    }

    private static func message(_ code: Int32) -> String {
        unsafe String(cString: strerror(code))
    }

    /// What the user can do, unless the message already says so.
    public var remedy: String? {
        switch self {
        case .open(ENOENT): "Check the path."
        case .open(EACCES): "Get permission to read it."
        case .open(EISDIR): "Name a file."
        case .open: "Check the file and its file system."
        case .read(EBADF): "Give an input that is open for reading."
        case .read: "Check the disk, or the program that writes the pipe, and load again."
        case .write(EBADF): "Give an output that is open for writing."
        case .write(EFBIG):
            "Raise the file size limit (ulimit -f), or use a file system with larger files."
        case .write(ENOSPC): "Free space on the file system, or write elsewhere."
        case .write(EDQUOT): "Raise the disk quota, or free space within it, or write elsewhere."
        case .write: "Check the disk, or write elsewhere."
        case .missingHeader: "Check that it is the right file."
        case .missingFields, .extraFields:
            "Check the delimiter and the line's quotes, or let the load skip such records."
        case .strayLineFeed: "Quote the field that contains it."
        case .invalidUTF8: "Convert the input to UTF-8 first, for instance with iconv."
        case .nulByte: "Remove it from the input."
        case .value:
            "Correct it, give the column another type, or let the load skip such records."
        case .nullNotAllowed: "Fill the field in, or allow NULL in the column."
        case .rowTooLarge: "Shorten its values, or split them over several rows."
        case .noRecords, .schema, .option, .unterminatedQuote, .strayQuote, .textAfterQuote,
            .strayCarriageReturn, .unexpectedColumn, .controlCharacters, .recordTooLong:
            nil
        }
    }
}
