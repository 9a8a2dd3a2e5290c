import RowText
import Strata

/// What a load takes its rows from: one record after the other, each encoded once or twice.
protocol RecordSource: ~Copyable {
    /// The source's name in messages.
    var sourceName: String { get }
    /// Bytes of the source consumed so far.
    var consumedByteCount: Int { get }
    /// Bytes of the source, if known.
    var totalByteCount: Int? { get }

    /// Moves to the next record. Returns false behind the last.
    mutating func advance() throws(LoaderError) -> Bool

    /// Encodes the present record.
    ///
    /// - Throws: ``LoaderError/text(_:)`` if it cannot be loaded.
    mutating func encode(into encoder: inout RowEncoder) throws(LoaderError)

    /// Wider types for the inferred ones that do not keep the present record; nil if all keep it.
    mutating func widened(_ schema: Schema) throws(SchemaError) -> Schema?

    /// Adds the present record to those that were skipped.
    mutating func reject(_ failure: LoadError, to file: inout RejectsFile) throws(LoadError)

    /// Starts threads that encode what follows; nil if they would not help.
    func makeTeam(_ schema: Schema, threadCount: Int) -> EncodingTeam?

    /// Takes the team's next rows; waits for them. Returns nil once the records must be read one by
    /// one again.
    ///
    /// - Throws: what reading the source throws.
    mutating func next(of team: EncodingTeam) throws(LoadError) -> EncodingTeam.Chunk?

    /// Ends the team's work. The next record is the first that it has not encoded.
    ///
    /// - Parameter chunk: the rows with the record that could not be encoded; nil if there is none.
    mutating func dismiss(_ team: EncodingTeam, at chunk: EncodingTeam.Chunk?)
}

/// Rows that only the loading thread encodes.
extension RecordSource where Self: ~Copyable {
    func makeTeam(_ schema: Schema, threadCount: Int) -> EncodingTeam? { nil }

    mutating func next(of team: EncodingTeam) -> EncodingTeam.Chunk? { nil }

    mutating func dismiss(_ team: EncodingTeam, at chunk: EncodingTeam.Chunk?) {}
}

extension CSVReader: RecordSource {
    @inline(__always)
    mutating func advance() throws(LoaderError) -> Bool {
        do throws(LoadError) { return try next() } catch { throw .text(error) }
    }

    @inline(__always)
    mutating func encode(into encoder: inout RowEncoder) throws(LoaderError) {
        do throws(LoadError) { try encoder.encode(&self) } catch { throw .text(error) }
    }

    mutating func widened(_ schema: Schema) throws(SchemaError) -> Schema? {
        try TypeWidening.schema(from: schema, keepingRecordOf: &self)
    }

    mutating func reject(_ failure: LoadError, to file: inout RejectsFile) throws(LoadError) {
        try file.add(recordBytes, failure)
    }

    func makeTeam(_ schema: Schema, threadCount: Int) -> EncodingTeam? {
        guard threadCount > 1, canTakeRecords,
            (totalByteCount ?? .max) - consumedByteCount >= EncodingTeam.leastLength
        else { return nil }
        return EncodingTeam(self, schema, threadCount: threadCount)
    }

    mutating func next(of team: EncodingTeam) throws(LoadError) -> EncodingTeam.Chunk? {
        try team.next(&self)
    }

    mutating func dismiss(_ team: EncodingTeam, at chunk: EncodingTeam.Chunk?) {
        team.end(&self, at: chunk)
    }
}

/// The rows of a ``RowSource``. Belongs to one thread.
struct BatchRecords: ~Copyable, RecordSource {
    private var source: any RowSource
    private let textColumns: Set<Int>
    private var batch = RowBatch()
    /// Where the next row begins in the batch.
    private var offset = 0
    private var rowNumber = 0
    private(set) var consumedByteCount = 0

    init(_ source: any RowSource) {
        self.source = source
        textColumns = source.textColumns
    }

    var sourceName: String { source.name }
    var totalByteCount: Int? { nil }

    @inline(__always)
    mutating func advance() throws(LoaderError) -> Bool {
        while offset == batch.bytes.count {
            guard let next = try source.next() else { return false }
            consumedByteCount += offset
            batch = next
            offset = 0
        }
        return true
    }

    @inline(__always)
    mutating func encode(into encoder: inout RowEncoder) throws(LoaderError) {
        rowNumber += 1
        do throws(LoadError) {
            try encoder.encode(batch, at: &offset, textColumns: textColumns)
        } catch {
            throw located(error)
        }
    }

    /// The error with the row's place.
    private func located(_ error: LoadError) -> LoaderError {
        var error = error
        error.source = "\(sourceName), row \(rowNumber)"
        if let column = error.column { error.source += ", column \"\(column)\"" }
        return .text(error)
    }

    /// The types of rows are given.
    mutating func widened(_ schema: Schema) -> Schema? { nil }

    mutating func reject(_ failure: LoadError, to file: inout RejectsFile) throws(LoadError) {
        throw failure
    }
}
