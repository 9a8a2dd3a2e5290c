import RowText
import Testing

/// A record as tests compare it: nil for NULL.
typealias Record = [String?]

/// Reads all records of `bytes`, in chunks of `chunkSize` through a buffer of `bufferSize` bytes.
func records(
    _ bytes: [UInt8], _ change: (inout CSVOptions) -> Void = { _ in }, expecting: Int? = nil,
    chunkSize: Int = .max
) throws -> [Record] {
    var options = CSVOptions()
    options.hasHeader = false
    change(&options)
    var reader = try CSVReader(
        source: MemorySource(bytes, chunkSize: chunkSize), options: options,
        expectedFieldCount: expecting)
    var result: [Record] = []
    while try reader.next() {
        var record: Record = []
        for index in 0..<reader.fieldCount {
            record.append(reader.isNull(index) ? nil : reader.string(index))
        }
        result.append(record)
    }
    return result
}

/// Reads all records of `text`.
func records(
    _ text: String, _ change: (inout CSVOptions) -> Void = { _ in }, expecting: Int? = nil,
    chunkSize: Int = .max
) throws -> [Record] {
    try records(Array(text.utf8), change, expecting: expecting, chunkSize: chunkSize)
}

/// The error that reading `text` throws.
func failure(
    _ bytes: [UInt8], _ change: (inout CSVOptions) -> Void = { _ in }, expecting: Int? = nil
) -> LoadError? {
    do {
        _ = try records(bytes, change, expecting: expecting)
        return nil
    } catch {
        return error as? LoadError
    }
}

/// The error that reading `text` throws.
func failure(
    _ text: String, _ change: (inout CSVOptions) -> Void = { _ in }, expecting: Int? = nil
) -> LoadError? {
    failure(Array(text.utf8), change, expecting: expecting)
}
