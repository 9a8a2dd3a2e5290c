internal import ValueText

/// Splits CSV into records and fields, as RFC 4180 describes them, in constant memory.
///
/// Works on bytes. ``next()`` finds the next record and leaves its fields as offsets into the
/// reader's buffer; nothing is copied or allocated. The bytes of a record are valid until the next
/// call of ``next()``.
///
/// - A field in quotes may hold delimiters and line breaks; a quote within it is doubled.
/// - Other dialects are read as ``CSVOptions`` says, by a slower scanner.
/// - LF and CRLF end a record. A lone CR does so in a file whose first line ends in one; in any
///   other it is an error, as in PostgreSQL's COPY.
/// - A byte order mark at the beginning is skipped. The last record needs no line break.
/// - An empty line is a record of one empty field if one column is expected; otherwise it is
///   skipped.
/// - A quote in the middle of an unquoted field is an error, which is stricter than PostgreSQL.
///
/// Owned by one thread at a time. The buffer grows to twice the longest record, within
/// ``CSVOptions/maximumRecordLength``.
@safe
public struct CSVReader: ~Copyable {
    /// The CSV options.
    public let options: CSVOptions
    /// How many fields each record must have; nil accepts any number.
    public var expectedFieldCount: Int?
    /// The columns' names for messages; may be empty.
    public var columnNames: [String] = []
    /// How many fields the current record has.
    public internal(set) var fieldCount = 0
    /// The current record's number, counted from one without the header; 0 before the first.
    public internal(set) var recordNumber = 0
    /// The physical line, from one, on which the current record starts.
    public internal(set) var line = 1

    var source: any ByteSource
    let scanner: StructuralScanner
    /// The delimiter, or its first byte.
    let delimiter: UInt8
    /// The special bytes; nil for those of RFC 4180, which the fast scanner knows.
    let dialect: CSVDialect?
    /// The texts that mean NULL.
    let nulls: [[UInt8]]
    /// The length of the only text that means NULL; nil if there are more ways to be NULL.
    var nullLength: Int?
    /// How many lines are still to be skipped before the first record.
    var linesToSkip: Int
    /// The field of a record that each column takes; nil if they stand in the columns' order.
    var arrangement: FieldArrangement?

    /// The kind of line breaks; known once the first was seen.
    var lineBreak = LineBreak.unknown
    /// The line after the current record.
    var nextLine = 1

    var buffer: UnsafeMutablePointer<UInt8>
    /// The buffer's capacity in bytes, without the cursor's padding.
    var capacity: Int
    var cursor: CSVCursor
    var sourceEnded = false
    /// Offset in the source of the buffer's first byte.
    var bufferOffset = 0
    /// Offsets in the buffer of the current record, without its line break, and of the next.
    var recordStart = 0
    var recordEnd = 0
    var nextStart = 0
    /// Whether the current record contains a NUL byte.
    var hasNul = false
    /// Whether the slower scanner has seen bytes beyond ASCII in the current record.
    var hasHighBytes = false
    /// The offset in the buffer of a carriage return in the current record that breaks no line.
    var strayReturn: Int?

    var fields: UnsafeMutablePointer<CSVField>
    var fieldCapacity = 64
    var scratch = ByteOutput(capacity: 256)

    enum LineBreak {
        case unknown, lineFeed, carriageReturn
    }

    /// Makes a reader. Nothing is read yet.
    ///
    /// - Throws: ``LoadError/Reason/option(_:)`` if the options contradict CSV's syntax.
    public init(
        source: any ByteSource, options: CSVOptions = CSVOptions(), expectedFieldCount: Int? = nil
    ) throws(LoadError) {
        try options.validate(source: source.name)
        self.source = source
        self.options = options
        self.expectedFieldCount = expectedFieldCount
        delimiter = options.delimiter.utf8.first ?? UInt8(ascii: ",")
        scanner = StructuralScanner(delimiter: delimiter)
        dialect = options.isPlain ? nil : CSVDialect(options)
        nulls = options.nulls.map { Array($0.utf8) }
        let isSimple =
            nulls.count == 1 && !options.quotedFieldsCanBeNull && !options.fillsMissingFields
        nullLength = isSimple ? nulls[0].count : nil
        linesToSkip = options.skippedLineCount
        capacity = max(options.bufferSize, 64)
        unsafe buffer = .allocate(capacity: capacity + CSVCursor.padding)
        unsafe fields = .allocate(capacity: fieldCapacity)
        unsafe cursor = CSVCursor(base: buffer, start: 0, limit: 0, scanner: scanner)
    }

    deinit {
        unsafe buffer.deallocate()
        unsafe fields.deallocate()
    }

    /// The source's name in messages.
    public var sourceName: String { source.name }

    /// The size of the source in bytes, if known.
    public var totalByteCount: Int? { source.totalByteCount }

    /// Offset in the source of the current record's first byte.
    public var byteOffset: Int { bufferOffset + recordStart }

    /// How many bytes of the source precede the next record. Progress is measured by it.
    public var consumedByteCount: Int { bufferOffset + nextStart }

    /// Field `index` of the current record.
    public func field(_ index: Int) -> CSVField {
        precondition(index >= 0 && index < fieldCount)
        return unsafe fields[index]
    }

    /// The bytes of field `index` as in the file, between its quotes.
    @_lifetime(borrow self)
    public func rawBytes(_ index: Int) -> Span<UInt8> {
        let field = field(index)
        let start = unsafe UnsafePointer(buffer + recordStart + field.offset)
        let span = unsafe Span(_unsafeStart: start, count: field.length)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// The value of field `index`: its bytes, with doubled quotes made single. Valid until the next
    /// call of this method.
    @_lifetime(&self)
    @inline(__always)
    public mutating func bytes(_ index: Int) -> Span<UInt8> {
        let field = field(index)
        if field.needsUnescape { unescape(field) }
        let start =
            unsafe field.needsUnescape
            ? scratch.start : UnsafePointer(buffer + recordStart + field.offset)
        let count = field.needsUnescape ? scratch.count : field.length
        let span = unsafe Span(_unsafeStart: start, count: count)
        return unsafe _overrideLifetime(span, mutating: &self)
    }

    /// Copies the field into the scratch, keeping the first of each pair of quotes.
    @inline(never)
    private mutating func unescape(_ field: CSVField) {
        if let dialect { return unescape(field, dialect) }
        scratch.removeAll()
        scratch.reserve(field.length)
        var offset = recordStart + field.offset
        let end = offset + field.length
        while offset < end {
            let byte = byte(offset)
            scratch.append(byte)
            // The scanner has made sure that there is a second quote.
            offset += byte == CSVSyntax.quote ? 2 : 1
        }
    }

    /// The bytes of the current record as in the file, without its line break.
    public var recordBytes: Span<UInt8> {
        @_lifetime(borrow self)
        get {
            let start = unsafe UnsafePointer(buffer + recordStart)
            let span = unsafe Span(_unsafeStart: start, count: recordEnd - recordStart)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Whether field `index` is NULL: equal to a text that means NULL, and unquoted unless
    /// ``CSVOptions/quotedFieldsCanBeNull`` is set; or missing, if missing fields are filled.
    @inline(__always)
    public func isNull(_ index: Int) -> Bool {
        guard let nullLength else { return isNullInSomeWay(index) }
        let field = field(index)
        if field.isQuoted || field.length != nullLength { return false }
        return field.length == 0 || equals(index, nulls[0])
    }

    @inline(never)
    private func isNullInSomeWay(_ index: Int) -> Bool {
        let field = field(index)
        if field.isMissing { return true }
        if field.isQuoted && (!options.quotedFieldsCanBeNull || field.needsUnescape) {
            return false
        }
        return nulls.contains { $0.count == field.length && equals(index, $0) }
    }

    private func equals(_ index: Int, _ text: [UInt8]) -> Bool {
        let bytes = rawBytes(index)
        for position in text.indices where bytes[position] != text[position] { return false }
        return true
    }

    /// The value of field `index` as a string; for headers and messages.
    public mutating func string(_ index: Int) -> String {
        let bytes = bytes(index)
        return unsafe bytes.withUnsafeBufferPointer {
            unsafe String(decoding: $0, as: UTF8.self)
        }
    }

    /// Reads the header and returns its names unchanged. Empty lines before it are skipped. Call it
    /// before the first ``next()``, if ``CSVOptions/hasHeader`` is set.
    ///
    /// - Throws: what ``next()`` throws, and ``LoadError/Reason/missingHeader`` if the source is
    ///   empty.
    public mutating func readHeader() throws(LoadError) -> [String] {
        let expected = expectedFieldCount
        expectedFieldCount = nil
        defer { expectedFieldCount = expected }
        repeat {
            guard try next() else { throw LoadError(.missingHeader, source: sourceName) }
        } while recordEnd == recordStart
        recordNumber = 0
        var names: [String] = []
        for index in 0..<fieldCount { names.append(string(index)) }
        return names
    }
}
