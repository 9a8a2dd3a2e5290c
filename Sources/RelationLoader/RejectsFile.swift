internal import RowText
internal import SystemPackage

/// Where a load puts skipped records: a CSV file of four columns.
///
/// | column | |
/// |---|---|
/// | `line` | the line of the source on which the record starts |
/// | `column` | the column at fault; empty if the record as a whole is |
/// | `reason` | what is wrong |
/// | `record` | the record as it is in the source, without its line break |
///
/// The records' bytes are kept even if they are not UTF-8. Owned by one thread at a time.
struct RejectsFile: ~Copyable {
    private let output: DescriptorOutput?
    private var buffer = ByteOutput()
    private static let bufferSize = 256 << 10

    /// Creates the file. Without a path, records are discarded.
    ///
    /// - Throws: `LoadError` if the file cannot be opened, has contents, or is in the store's
    ///   directory.
    init(path: FilePath?, store: FilePath) throws(LoadError) {
        if let path {
            try StorePath(store).refuse(path)
            output = try DescriptorOutput(adding: path, purpose: "rejected records")
        } else {
            output = nil
        }
        buffer.append("line,column,reason,record\n")
    }

    /// Adds a record that `error` describes.
    mutating func add(_ record: Span<UInt8>, _ error: LoadError) throws(LoadError) {
        guard let output else { return }
        buffer.append(string: "\(error.location?.line ?? 0),")
        var column = error.column
        if column == nil, let field = error.location?.field, field > 0 { column = "\(field)" }
        if let column { appendQuoted(Array(column.utf8).span) }
        buffer.append(UInt8(ascii: ","))
        appendQuoted(Array("\(error.reason)".utf8).span)
        buffer.append(UInt8(ascii: ","))
        appendQuoted(record)
        buffer.append(CSVSyntax.lineFeed)
        if buffer.count >= Self.bufferSize { try output.write(&buffer) }
    }

    /// Writes what is still buffered, and closes the file. Nothing may be added afterwards.
    ///
    /// - Throws: what writing throws, even if only closing reports the failure.
    mutating func finish() throws(LoadError) {
        try output?.write(&buffer)
        try output?.finish()
    }

    private mutating func appendQuoted(_ bytes: Span<UInt8>) {
        buffer.append(CSVSyntax.quote)
        for index in bytes.indices {
            if bytes[index] == CSVSyntax.quote { buffer.append(CSVSyntax.quote) }
            buffer.append(bytes[index])
        }
        buffer.append(CSVSyntax.quote)
    }
}
