/// How a CSV file is written.
///
/// The default is RFC 4180 with commas, which the reader splits fastest. ``RowWriter`` heeds the
/// delimiter, the first text for NULL and the header; the rest concerns reading.
public struct CSVOptions: Sendable, Hashable {
    /// What stands between fields: one to eight ASCII characters, none of them a quote, a line
    /// break or NUL.
    public var delimiter = ","
    /// The character around quoted fields; nil if none is, so that quotes are ordinary characters.
    public var quote: UInt8? = CSVSyntax.quote
    /// The character that makes a following delimiter, quote, line break or escape character part
    /// of the value, within quotes and without. Before any other character it stands for itself.
    /// Nil for none. A doubled quote within quotes stands for one quote in any case.
    public var escape: UInt8?
    /// Whether misplaced quotes are accepted. A quote within an unquoted field is then a part of
    /// it. Blanks around a quoted field are dropped. Text after a closing quote is added to the
    /// value, unless the field ends in a quote: those in between are then parts of the value.
    public var hasLenientQuotes = false
    /// Whether blanks and tabs around fields are dropped, except within quotes.
    public var trimsFields = false
    /// A line that begins with this character is no record; nil if all lines are.
    public var comment: UInt8?
    /// How many lines before the header, or before the first record, are no part of the table.
    public var skippedLineCount = 0
    /// The texts of fields that mean NULL. Empty if nothing does.
    public var nulls = [""]
    /// Whether a quoted field can be NULL too.
    public var quotedFieldsCanBeNull = false
    /// Whether fields that a record lacks at its end are NULL, and empty ones behind the last
    /// column are ignored.
    public var fillsMissingFields = false
    /// Whether the first record names the columns.
    public var hasHeader = true
    /// The longest record in bytes, including quotes and line breaks. At most 1 GiB − 1.
    public var maximumRecordLength = (1 << 30) - 1
    /// The initial read size in bytes. The buffer grows for longer records.
    public var bufferSize = 1 << 20

    /// Comma, empty text for NULL, a header.
    public init() {}

    /// Whether the structural bytes are those of RFC 4180, apart from the delimiter.
    var isPlain: Bool {
        delimiter.utf8.count == 1 && quote == CSVSyntax.quote && escape == nil && comment == nil
            && !hasLenientQuotes && !trimsFields
    }

    /// - Throws: ``LoadError/Reason/option(_:)`` if the options contradict the syntax.
    package func validate(source: String) throws(LoadError) {
        if let fault { throw LoadError(.option(fault), source: source) }
    }

    /// What contradicts the syntax.
    private var fault: String? {
        let breaks: [UInt8] = [CSVSyntax.lineFeed, CSVSyntax.carriageReturn, 0]
        let excluded = breaks + (quote.map { [$0] } ?? [])
        let bytes = Array(delimiter.utf8)
        if !(1...8).contains(bytes.count)
            || bytes.contains(where: { excluded.contains($0) || $0 >= 0x80 })
        {
            return "the delimiter must be one to eight ASCII characters, no quote and no line break"
        }
        for (name, byte) in [("quote", quote), ("escape", escape), ("comment", comment)] {
            guard let byte else { continue }
            if breaks.contains(byte) || byte >= 0x80 || bytes.contains(byte) {
                return "the \(name) character must be one ASCII character, not a part of the"
                    + " delimiter and no line break"
            }
        }
        if let comment, comment == quote || comment == escape {
            return "the comment character must not be the quote or the escape character"
        }
        for null in nulls {
            let text = null.utf8
            if null.contains(delimiter) || text.contains(where: excluded.contains) {
                return "the text for NULL contains a delimiter, a quote or a line break"
            }
        }
        if skippedLineCount < 0 { return "the number of lines to skip is negative" }
        if !(1..<1 << 30).contains(maximumRecordLength) || bufferSize < 1 {
            return "the longest record must be 1 byte to 1 GiB - 1, the buffer not empty"
        }
        return nil
    }
}

/// The structural bytes.
package enum CSVSyntax {
    package static let quote = UInt8(ascii: "\"")
    package static let lineFeed: UInt8 = 0x0A
    package static let carriageReturn: UInt8 = 0x0D
}

/// The special bytes of a dialect other than RFC 4180's.
struct CSVDialect {
    let delimiter: [UInt8]
    let quote: UInt8?
    let escape: UInt8?
    let comment: UInt8?
    let isLenient: Bool
    let trims: Bool

    init(_ options: CSVOptions) {
        delimiter = Array(options.delimiter.utf8)
        quote = options.quote
        escape = options.escape == options.quote ? nil : options.escape
        comment = options.comment
        isLenient = options.hasLenientQuotes
        trims = options.trimsFields
    }

    /// Whether blanks may stand between a delimiter and a quote.
    var allowsBlanksAroundQuotes: Bool { isLenient || trims }

    /// Whether a byte is a blank that may be dropped.
    @inline(__always)
    func isBlank(_ byte: UInt8) -> Bool {
        (byte == 0x20 || byte == 0x09) && byte != delimiter[0]
    }
}

/// A field of a record: the position of its bytes, and how to read them. 8 bytes.
public struct CSVField: Sendable, Hashable {
    /// Offset of the first byte after any quote, from the record's first byte, in the lower 30
    /// bits. The highest bit means that text follows the closing quote, the next one that the
    /// record lacks the field.
    @usableFromInline let startAndFlags: UInt32
    /// Length in the lower 30 bits. The highest bit means quoted, the next one that quotes are
    /// doubled or characters escaped.
    @usableFromInline let lengthAndFlags: UInt32

    @inlinable
    init(start: Int, length: Int, isQuoted: Bool, needsUnescape: Bool) {
        startAndFlags = UInt32(truncatingIfNeeded: start)
        lengthAndFlags =
            UInt32(truncatingIfNeeded: length)
            | (isQuoted ? 1 << 31 : 0) | (needsUnescape ? 1 << 30 : 0)
    }

    /// A quoted field from `start` on, within whose `length` bytes the closing quote stands.
    init(start: Int, lengthWithTail length: Int) {
        startAndFlags = UInt32(truncatingIfNeeded: start) | 1 << 31
        lengthAndFlags = UInt32(truncatingIfNeeded: length) | 1 << 31 | 1 << 30
    }

    /// A field that the record lacks, which ends at `start`.
    init(missingAt start: Int) {
        startAndFlags = UInt32(truncatingIfNeeded: start) | 1 << 30
        lengthAndFlags = 0
    }

    /// Offset of the first byte after any quote, from the record's first byte.
    @inlinable public var offset: Int { Int(startAndFlags & (1 << 30 - 1)) }
    /// Number of bytes between the quotes. Doubled quotes count twice.
    @inlinable public var length: Int { Int(lengthAndFlags & (1 << 30 - 1)) }
    /// Whether the field was quoted.
    @inlinable public var isQuoted: Bool { lengthAndFlags >> 31 != 0 }
    /// Whether quotes are doubled or characters escaped within it.
    @inlinable public var needsUnescape: Bool { lengthAndFlags & 1 << 30 != 0 }
    /// Whether the record lacks it.
    @inlinable public var isMissing: Bool { startAndFlags & 1 << 30 != 0 }
    /// Whether the closing quote stands within it.
    var hasTail: Bool { startAndFlags >> 31 != 0 }
}
