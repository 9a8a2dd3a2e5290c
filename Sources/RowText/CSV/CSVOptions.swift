/// How a CSV file is written.
public struct CSVOptions: Sendable, Hashable {
    /// The byte between fields: any ASCII character except a quote, a line break or NUL.
    public var delimiter: UInt8 = UInt8(ascii: ",")
    /// The text of an unquoted field that means NULL. A quoted field is never NULL.
    public var null: String = ""
    /// Whether the first record names the columns.
    public var hasHeader = true
    /// The longest record in bytes, including quotes and line breaks. At most 1 GiB − 1.
    public var maximumRecordLength = 64 << 20
    /// The initial read size in bytes. The buffer grows for longer records.
    public var bufferSize = 1 << 20

    /// Comma, empty text for NULL, a header.
    public init() {}

    /// - Throws: ``LoadError/Reason/option(_:)`` if the options contradict the syntax.
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

/// The structural bytes.
package enum CSVSyntax {
    package static let quote = UInt8(ascii: "\"")
    package static let lineFeed: UInt8 = 0x0A
    package static let carriageReturn: UInt8 = 0x0D
}

/// A field of a record: the position of its bytes, and how to read them. 8 bytes.
public struct CSVField: Sendable, Hashable {
    /// Offset of the first byte after any quote, from the record's first byte.
    @usableFromInline let start: UInt32
    /// Length in the lower 30 bits. The highest bit means quoted, the next one that quotes are
    /// doubled.
    @usableFromInline let lengthAndFlags: UInt32

    @inlinable
    init(start: Int, length: Int, isQuoted: Bool, needsUnescape: Bool) {
        self.start = UInt32(truncatingIfNeeded: start)
        lengthAndFlags =
            UInt32(truncatingIfNeeded: length)
            | (isQuoted ? 1 << 31 : 0) | (needsUnescape ? 1 << 30 : 0)
    }

    /// Offset of the first byte after any quote, from the record's first byte.
    @inlinable public var offset: Int { Int(start) }
    /// Number of bytes between the quotes. Doubled quotes count twice.
    @inlinable public var length: Int { Int(lengthAndFlags & (1 << 30 - 1)) }
    /// Whether the field was quoted.
    @inlinable public var isQuoted: Bool { lengthAndFlags >> 31 != 0 }
    /// Whether quotes are doubled within it.
    @inlinable public var needsUnescape: Bool { lengthAndFlags & 1 << 30 != 0 }
}
