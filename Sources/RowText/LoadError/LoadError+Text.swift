internal import RowSchema
internal import Threads
internal import ValueText

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
        case .unterminatedQuote: "the quoted field has no closing quote"
        case .strayQuote: "a quote stands within an unquoted field"
        case .textAfterQuote: "text follows the closing quote"
        case .strayCarriageReturn:
            "a carriage return stands outside quotes where lines end in line feeds"
        case .strayLineFeed:
            "a line feed stands outside quotes where lines end in carriage returns"
        case .doubledCarriageReturn:
            "the line ends in two carriage returns and a line feed, as after a conversion of line"
                + " breaks that were converted already"
        case .missingFields(let expected, let found):
            "the record has \(found) of \(expected) fields"
        case .extraFields(let expected, let found):
            "the record has \(found) fields instead of \(expected)"
        case .unexpectedColumn(let expected):
            "the header names another column than the relation's \"\(expected)\""
        case .unknownColumn: "the header names a column that the relation does not have"
        case .missingColumns(let names):
            "the header lacks the relation's "
                + (names.count == 1 ? "column " : "columns ")
                + names.map { "\"\($0)\"" }.joined(separator: ", ")
        case .controlCharacters:
            "the name of the column has control characters; correct the header, or give the schema"
        case .invalidUTF8: "the text is not valid UTF-8"
        case .invalidText(let encoding): "the text is not valid \(encoding.displayName)"
        case .otherEncoding(let encoding): "the text is in \(encoding.displayName), not in UTF-8"
        case .fileKind(let kind): "the input is \(kind.verdict)"
        case .damagedCompression(let reason): "the compressed input is damaged: \(reason)"
        case .nulByte: "the text contains a NUL byte"
        case .recordTooLong(let limit):
            "the record is longer than \(limit) bytes; a closing quote may be missing"
        case .value(let error): error.description
        case .nullNotAllowed: "NULL in a column that is NOT NULL"
        case .rowTooLarge(let size, let limit):
            "the row takes \(size) bytes, a page has room for \(limit); this is its longest field"
        case .allRecordsSkipped(let count, let first):
            count == 1
                ? "the only record was skipped: \(first)"
                : "all \(count) records were skipped, the first because: \(first)"
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
        case .missingFields:
            "Check the delimiter and the line's quotes, fill missing fields with NULL, or let the"
                + " load skip such records."
        case .extraFields:
            "Check the delimiter and the line's quotes, or let the load skip such records."
        case .strayQuote, .textAfterQuote:
            "Quote the whole field and double quotes within it, or give options for misplaced"
                + " quotes."
        case .unterminatedQuote: "Add it, or let quotes be ordinary characters."
        case .strayCarriageReturn:
            "Quote the field that contains it, or let the load skip such records."
        case .strayLineFeed: "Quote the field that contains it."
        case .doubledCarriageReturn: "Repair the line breaks, for instance with tr -d '\\r'."
        case .invalidUTF8:
            "If the file is in Windows-1252, Latin-1 or UTF-16, give its encoding; convert others"
                + " with iconv; or let the load skip such records."
        case .otherEncoding(let encoding): "Give the encoding \(encoding.rawValue)."
        case .invalidText: "Check the encoding, or let the load skip such records."
        case .damagedCompression: "Get the file again."
        case .unexpectedColumn, .missingColumns:
            "Match columns by name, or match them by position if they are the same."
        case .unknownColumn: "Remove the column, or load into a relation that has it."
        case .nulByte: "Remove it from the input, or let the load skip such records."
        case .value:
            "Correct it, give the column another type, or let the load skip such records."
        case .nullNotAllowed: "Fill the field in, or allow NULL in the column."
        case .rowTooLarge: "Leave columns out, or divide them over several relations."
        case .noRecords, .schema, .option, .controlCharacters, .recordTooLong, .fileKind,
            .allRecordsSkipped:
            nil
        }
    }
}
