public import RowSchema

/// Infers a schema for a CSV file from its beginning.
///
/// Each column gets the narrowest type from which the text of each of its values in the sample
/// comes back the same: boolean, integer, bigint, double precision, numeric, date, time, timestamp,
/// timestamptz, uuid or text. The column also gets the spelling of its values (`Spelling`): the
/// pair of words of a boolean, a blank or `T` between date and time, `Z`, `+00` or `+00:00` for
/// UTC, the letter case of a UUID. A column whose values are spelled in several ways is text, and
/// so is one without values, and one of a single word such as `f` or `no`. All columns may be NULL.
///
/// Values after the sample may break the rule. The encoder then throws an error that names the
/// value, and ``TypeWidening`` finds types that keep it.
public enum SchemaInference {
    /// How much of the source is sampled.
    public struct Limits: Sendable {
        /// The most records.
        public var records = 10_000
        /// The most bytes.
        public var bytes = 4 << 20

        /// 10,000 records within 4 MiB.
        public init() {}
    }

    /// The result, and a source that starts from the beginning.
    public struct Outcome {
        /// The schema.
        public let schema: Schema
        /// The names in the header, unchanged; nil if there is no header.
        public let header: [String]?
        /// How many records it was inferred from.
        public let recordCount: Int
        /// Yields all bytes of the given source, including the sample.
        public let source: any ByteSource
    }

    /// Reads the beginning of `source` and infers a schema. The header names the columns; without
    /// one they are `column1`, `column2` …
    ///
    /// - Parameters:
    ///   - source: the text.
    ///   - options: the CSV options.
    ///   - limits: how much of it to sample.
    ///   - onError: what the load will do about a bad record. A record that the load skips does not
    ///     influence the types.
    /// - Throws: ``LoadError`` if the source cannot be read, lacks even a header, or its first
    ///   records cannot be split. Later errors are left to the load.
    public static func infer(
        from source: any ByteSource, options: CSVOptions = CSVOptions(),
        limits: Limits = Limits(), onError: BadRecordPolicy = .stop
    ) throws(LoadError) -> Outcome {
        var source = source
        let (sample, isWhole) = try read(&source, atMost: limits.bytes)
        var reader = try CSVReader(
            source: PrefixedSource(prefix: sample, rest: nil, of: source), options: options)
        var names: [String]?
        if options.hasHeader {
            names = try reader.readHeader()
            if let position = names.flatMap(ColumnNames.firstWithControls) {
                throw reader.failure(.controlCharacters, field: position)
            }
            reader.expectedFieldCount = names?.count
        }
        if options.fillsMissingFields {
            // Names may be missing too.
            let widest = try SampledRecords(sample, isWhole: isWhole, options).widest
            reader.expectedFieldCount = max(widest, names?.count ?? 0)
        }
        var columns = [ColumnEvidence](
            repeating: ColumnEvidence(), count: reader.expectedFieldCount ?? 0)
        var count = 0
        while count < limits.records {
            do throws(LoadError) {
                guard try reader.next() else { break }
            } catch {
                if onError == .skip && error.reason.isWithinRecord { continue }
                // The load will meet and report it, or it is an effect of the sample's end.
                if count == 0 && isWhole { throw error }
                break
            }
            // A record that ends with the sample may continue after it.
            if !isWhole && reader.consumedByteCount == sample.count && count > 0 { break }
            if columns.isEmpty {
                columns = Array(repeating: ColumnEvidence(), count: reader.fieldCount)
                reader.expectedFieldCount = reader.fieldCount
            }
            for index in columns.indices where !reader.isNull(index) {
                columns[index].observe(reader.bytes(index))
            }
            count += 1
        }
        if columns.isEmpty { throw LoadError(.noRecords, source: source.name) }
        let forms = columns.map(\.form)
        let valid = ColumnNames.valid(names ?? [], count: forms.count)
        let schema: Schema
        do throws(SchemaError) {
            schema = try Schema(
                zip(valid, forms).map {
                    Column(name: $0, type: $1.type, spelling: $1.spelling)
                })
        } catch {
            throw LoadError(.schema(error), source: source.name)
        }
        return Outcome(
            schema: schema, header: names, recordCount: count,
            source: PrefixedSource(prefix: sample, rest: isWhole ? nil : source, of: source))
    }

    private static func read(
        _ source: inout any ByteSource, atMost limit: Int
    ) throws(LoadError) -> (sample: [UInt8], isWhole: Bool) {
        let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(limit, 1))
        defer { unsafe buffer.deallocate() }
        var length = 0
        while length < buffer.count {
            var span = unsafe OutputSpan(
                buffer: UnsafeMutableBufferPointer(rebasing: buffer[length...]),
                initializedCount: 0)
            let count = try source.read(into: &span)
            if count == 0 { return (unsafe Array(buffer[..<length]), true) }
            length += count
        }
        return (unsafe Array(buffer[..<length]), false)
    }
}

/// Yields bytes that were read before, then the bytes that follow them.
struct PrefixedSource: ByteSource {
    let name: String
    let totalByteCount: Int?
    let encoding: InputEncoding
    private var prefix: MemorySource
    private var rest: (any ByteSource)?

    init(prefix: [UInt8], rest: (any ByteSource)?, of whole: any ByteSource) {
        name = whole.name
        totalByteCount = whole.totalByteCount
        encoding = whole.encoding
        self.prefix = MemorySource(prefix)
        self.rest = rest
    }

    mutating func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
        let count = try prefix.read(into: &buffer)
        if count > 0 { return count }
        return try rest?.read(into: &buffer) ?? 0
    }
}
