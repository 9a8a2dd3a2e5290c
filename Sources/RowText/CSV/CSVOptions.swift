/// How a CSV file is written.
public struct CSVOptions: Sendable, Hashable {
    /// The byte between fields: any ASCII character but a quote, a line break or NUL.
    public var delimiter: UInt8 = UInt8(ascii: ",")
    /// What an unquoted field contains to be NULL; a quoted one never is.
    public var null: String = ""
    /// Whether the first record names the columns.
    public var hasHeader = true
    /// The longest record in bytes, quotes and line breaks included. At most 1 GiB − 1.
    public var maximumRecordLength = 64 << 20
    /// How many bytes are read at once to begin with; the buffer grows for longer records.
    public var bufferSize = 1 << 20

    /// Comma, NULL as nothing, a header.
    public init() {}

    /// - Throws: ``LoadError/Reason/option(_:)`` when the options contradict the syntax.
    package func validate(source: String) throws(LoadError) {
        let excluded: [UInt8] = [CSVSyntax.quote, CSVSyntax.lineFeed, CSVSyntax.carriageReturn, 0]
        if excluded.contains(delimiter) || delimiter >= 0x80 {
            throw LoadError(
                .option("the delimiter must be one ASCII character, no quote and no line break"),
                source: source)
        }
        let nullBytes = null.utf8
        if nullBytes.contains(delimiter) || nullBytes.contains(where: excluded.contains) {
            throw LoadError(
                .option("the text for NULL contains a delimiter, a quote or a line break"),
                source: source)
        }
        if !(1..<1 << 30).contains(maximumRecordLength) || bufferSize < 1 {
            throw LoadError(
                .option("the longest record must be 1 byte to 1 GiB - 1, the buffer not empty"),
                source: source)
        }
    }
}

/// The bytes with a meaning of their own.
package enum CSVSyntax {
    package static let quote = UInt8(ascii: "\"")
    package static let lineFeed: UInt8 = 0x0A
    package static let carriageReturn: UInt8 = 0x0D
}

/// A field of a record: where its bytes lie and how they are to be read. 8 bytes.
public struct CSVField: Sendable, Hashable {
    /// Offset of the first byte, without its quote, from the record's first byte.
    @usableFromInline let start: UInt32
    /// Length in the lower 30 bits; the highest says quoted, the next says that quotes are doubled.
    @usableFromInline let lengthAndFlags: UInt32

    @inlinable
    init(start: Int, length: Int, isQuoted: Bool, needsUnescape: Bool) {
        self.start = UInt32(truncatingIfNeeded: start)
        lengthAndFlags =
            UInt32(truncatingIfNeeded: length)
            | (isQuoted ? 1 << 31 : 0) | (needsUnescape ? 1 << 30 : 0)
    }

    /// Offset of the first byte, without its quote, from the record's first byte.
    @inlinable public var offset: Int { Int(start) }
    /// Bytes between the quotes, doubled quotes counted twice.
    @inlinable public var length: Int { Int(lengthAndFlags & (1 << 30 - 1)) }
    /// Whether the field stood in quotes.
    @inlinable public var isQuoted: Bool { lengthAndFlags >> 31 != 0 }
    /// Whether quotes are doubled within it.
    @inlinable public var needsUnescape: Bool { lengthAndFlags & 1 << 30 != 0 }
}
