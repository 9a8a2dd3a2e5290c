/// Tries dialects on the beginning of a source.
struct DialectTrial {
    /// The given options, with what was recognised.
    private(set) var options: CSVOptions
    /// What was recognised.
    private(set) var findings: [CSVDetection.Finding] = []
    private let start: SourceStart
    private let unknowns: CSVDetection.Unknowns
    /// How many fields the records should have; nil if that is not known.
    private let columnCount: Int?

    /// The delimiters that are recognised. The first is the one that needs no certainty.
    private static let delimiters = [",", ";", "\t", "|"]

    /// Options, and how they split the sample.
    private struct Attempt {
        var options: CSVOptions
        var records: SampledRecords
        var finding: CSVDetection.Finding?
    }

    init(
        _ start: SourceStart, _ options: CSVOptions, _ unknowns: CSVDetection.Unknowns,
        columnCount: Int?
    ) {
        self.columnCount = columnCount
        self.start = start
        self.options = options
        self.unknowns = unknowns
    }

    /// Recognises what is unknown.
    ///
    /// - Throws: ``LoadError/Reason/option(_:)`` if the options contradict each other.
    mutating func run() throws(LoadError) {
        if unknowns.isDisjoint(with: [.delimiter, .quotes]) || start.bytes.isEmpty { return }
        if takeSeparatorLine() && unknowns.contains(.delimiter) {
            return use(try attempt(options))
        }
        if !unknowns.contains(.delimiter) { return use(try attempt(options)) }
        var attempts: [Attempt] = []
        for delimiter in Self.delimiters {
            var tried = options
            tried.delimiter = delimiter
            // It may be another special character.
            do throws(LoadError) { attempts.append(try attempt(tried)) } catch { continue }
        }
        guard let first = attempts.first else { return }
        if let columnCount {
            let fitting = attempts.filter { $0.records.haveAll(columnCount) }
            // The usual delimiter needs no certainty.
            if fitting.first?.options.delimiter == first.options.delimiter || fitting.count == 1 {
                return use(fitting[0])
            }
        }
        let even = attempts.filter(\.records.isEven)
        if even.contains(where: { $0.options.delimiter == options.delimiter }) {
            use(first)
            if let other = even.max(by: { $0.records.headerCount < $1.records.headerCount }),
                other.records.headerCount > first.records.headerCount
            {
                findings.append(.otherDelimiter(other.options.delimiter))
            }
        } else if even.count == 1 {
            use(even[0])
        } else if even.isEmpty {
            let splitting = attempts.filter(\.records.splits)
            if splitting.count == 1 && splitting[0].records.mostlySplits {
                return use(splitting[0])
            }
            use(first)
            for attempt in attempts.dropFirst() where attempt.records.splitsLater {
                findings.append(.otherDelimiter(attempt.options.delimiter))
            }
        } else {
            use(first)
            for attempt in even { findings.append(.otherDelimiter(attempt.options.delimiter)) }
        }
    }

    private mutating func use(_ attempt: Attempt) {
        if attempt.options.delimiter != options.delimiter {
            findings.append(.delimiter(attempt.options.delimiter))
        }
        if let finding = attempt.finding { findings.append(finding) }
        options = attempt.options
    }

    /// Splits the sample, with other rules for quotes if those of the options do not fit and are
    /// not given.
    private func attempt(_ options: CSVOptions) throws(LoadError) -> Attempt {
        let plain = Attempt(options: options, records: try records(options))
        guard unknowns.contains(.quotes), options.quote == CSVSyntax.quote,
            options.escape == nil, !options.hasLenientQuotes
        else { return plain }
        switch plain.records.failure {
        case .strayQuote, .textAfterQuote, .unterminatedQuote: break
        default: return plain
        }
        var escaping = plain
        escaping.finding = .escape
        escaping.options.escape = UInt8(ascii: "\\")
        escaping.records = try records(escaping.options)
        var bare = plain
        bare.finding = .noQuotes
        bare.options.quote = nil
        bare.records = try records(bare.options)
        // Where no field is quoted, both characters may be ordinary ones.
        if hasEscapedQuote && escaping.records.isEven && bare.records.looksQuoted {
            return escaping
        }
        // Behind the sample, quotes may have their usual meaning; in columns between tabs they
        // hardly ever do.
        guard start.isWhole || options.delimiter == "\t" else { return plain }
        return bare.records.isEven && !bare.records.looksQuoted ? bare : plain
    }

    private func records(_ options: CSVOptions) throws(LoadError) -> SampledRecords {
        try SampledRecords(start.bytes, isWhole: start.isWhole, options)
    }

    private var hasEscapedQuote: Bool {
        let bytes = start.bytes
        return bytes.indices.dropFirst().contains {
            bytes[$0] == CSVSyntax.quote && bytes[$0 - 1] == UInt8(ascii: "\\")
        }
    }

    /// Skips a first line such as `sep=;`, and takes its delimiter. Returns whether there is one.
    private mutating func takeSeparatorLine() -> Bool {
        guard options.skippedLineCount == 0 else { return false }
        var line = start.bytes.prefix(32)
        if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
        let end = line.firstIndex { $0 == CSVSyntax.lineFeed || $0 == CSVSyntax.carriageReturn }
        guard let end else { return false }
        line = line[..<end]
        if line.count > 2 && line.first == CSVSyntax.quote && line.last == CSVSyntax.quote {
            line = line.dropFirst().dropLast()
        }
        let text = String(decoding: line, as: UTF8.self)
        guard text.count == 5, text.lowercased().hasPrefix("sep="), let last = text.last,
            last.isASCII, !last.isLetter, !last.isNumber, last != "\""
        else { return false }
        options.skippedLineCount = 1
        if unknowns.contains(.delimiter) { options.delimiter = String(last) }
        findings.append(.separatorLine(String(last)))
        return true
    }
}
