/// Recognises the dialect of a CSV file from its beginning.
///
/// Recognises only what is certain, and says what it was. What is not certain is left as the
/// options say.
public enum CSVDetection {
    /// What to recognise: what the user did not give.
    public struct Unknowns: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// The delimiter: a comma, a semicolon, a tab or a vertical bar; or the one that a first
        /// line such as `sep=;` names.
        public static let delimiter = Unknowns(rawValue: 1)
        /// Whether a backslash escapes quotes, or quotes are ordinary characters.
        public static let quotes = Unknowns(rawValue: 2)
        /// The encoding, by its byte order mark.
        public static let encoding = Unknowns(rawValue: 4)
        /// All of these.
        public static let all: Unknowns = [.delimiter, .quotes, .encoding]
    }

    /// Something that was recognised.
    public enum Finding: Sendable, Hashable {
        /// The encoding that the byte order mark names.
        case encoding(InputEncoding)
        /// The first line is `sep=` and a delimiter, and no part of the table.
        case separatorLine(String)
        /// Splits all records alike, which no other delimiter does.
        case delimiter(String)
        /// A backslash makes a quote a part of its field.
        case escape
        /// Quotes are ordinary characters.
        case noQuotes
        /// This delimiter would also split all records alike, or those behind the first lines; it
        /// was not taken.
        case otherDelimiter(String)
        /// The source begins with the byte order mark of another encoding than the given one, which
        /// was taken.
        case otherMark(InputEncoding)
    }

    /// A source ready to be read.
    public struct Outcome {
        /// Yields all bytes of the given source, as UTF-8.
        public let source: any ByteSource
        /// The given options, with what was recognised.
        public let options: CSVOptions
        /// What was recognised.
        public let findings: [Finding]
    }

    /// How many bytes are looked at.
    public static let sampleSize = 64 << 10

    /// Opens a source: refuses what is no text, turns it into UTF-8, and recognises its dialect.
    ///
    /// - Parameters:
    ///   - source: the input.
    ///   - options: the options that the user gave.
    ///   - encoding: the encoding; nil for UTF-8, or the one that is recognised.
    ///   - unknowns: what to recognise.
    ///   - columnCount: how many fields the records should have; nil if that is not known. A
    ///     delimiter that splits all of them into so many goes before others.
    /// - Throws: ``LoadError`` if the source cannot be read, is compressed or no text, or text of
    ///   another kind than CSV, is in an encoding that was not given, or if the options contradict
    ///   each other.
    public static func open(
        _ source: any ByteSource, options: CSVOptions, encoding: InputEncoding? = nil,
        recognising unknowns: Unknowns = .all, columnCount: Int? = nil
    ) throws(LoadError) -> Outcome {
        try options.validate(source: source.name)
        var start = try SourceStart(source, length: sampleSize)
        if let kind = FileKind.of(start.bytes) {
            if kind != .utf32 || encoding == nil {
                throw LoadError(.fileKind(kind), source: source.name)
            }
        }
        var findings: [Finding] = []
        var found = InputEncoding.utf8
        if let encoding {
            found = encoding
            try Self.compare(encoding, with: start, &findings)
        } else {
            found = try Self.encoding(of: start, unknowns, &findings)
        }
        if found != .utf8 {
            start = try SourceStart(
                TranscodingSource(start.whole, from: found), length: sampleSize)
        }
        // Lines before the table may be anything.
        if unknowns.contains(.quotes), options.skippedLineCount == 0, options.comment == nil,
            let kind = FileKind.ofText(start.bytes)
        {
            throw LoadError(.fileKind(kind), source: source.name)
        }
        var trial = DialectTrial(start, options, unknowns, columnCount: columnCount)
        try trial.run()
        return Outcome(
            source: start.whole, options: trial.options, findings: findings + trial.findings)
    }

    /// Notes a mark of another encoding than the given one. In UTF-16 of the other byte order it is
    /// no character at all, so that there is no text.
    private static func compare(
        _ encoding: InputEncoding, with start: SourceStart, _ findings: inout [Finding]
    ) throws(LoadError) {
        guard let marked = InputEncoding.marked(start.bytes), marked != encoding else { return }
        switch encoding {
        case .utf8, .utf16: break
        case .latin1, .windows1252: findings.append(.otherMark(marked))
        case .utf16LittleEndian, .utf16BigEndian:
            guard marked == .utf8 else {
                throw LoadError(.otherEncoding(marked), source: start.whole.name)
            }
            findings.append(.otherMark(marked))
        }
    }

    /// The encoding of a source that was not told.
    private static func encoding(
        of start: SourceStart, _ unknowns: Unknowns, _ findings: inout [Finding]
    ) throws(LoadError) -> InputEncoding {
        if let marked = InputEncoding.marked(start.bytes) {
            if marked == .utf8 { return marked }
            if unknowns.contains(.encoding) {
                findings.append(.encoding(marked))
                return marked
            }
            throw LoadError(.otherEncoding(marked), source: start.whole.name)
        }
        if let likely = InputEncoding.unmarked(start.bytes) {
            throw LoadError(.otherEncoding(likely), source: start.whole.name)
        }
        if FileKind.isBinary(start.bytes) {
            throw LoadError(.fileKind(.binary), source: start.whole.name)
        }
        return .utf8
    }
}

/// The first bytes of a source, which are read once more with the rest.
package struct SourceStart {
    /// The first bytes.
    package let bytes: [UInt8]
    /// Whether there are no others.
    package let isWhole: Bool
    /// The source from its beginning.
    package let whole: any ByteSource

    /// Reads up to `length` bytes.
    ///
    /// - Throws: what reading the source throws.
    package init(_ source: any ByteSource, length: Int) throws(LoadError) {
        var source = source
        var hasEnded = false
        bytes = try [UInt8](capacity: length) { span throws(LoadError) in
            while !span.isFull {
                if try source.read(into: &span) == 0 {
                    hasEnded = true
                    break
                }
            }
        }
        isWhole = hasEnded
        whole = PrefixedSource(prefix: bytes, rest: hasEnded ? nil : source, of: source)
    }
}
