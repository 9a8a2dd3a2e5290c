import RowText

/// An arbitrary file in an unknown dialect. However it is read, part by part or at once, through a
/// small buffer or a large one, its dialect and its records must be the same.
///
/// | bytes | |
/// |---|---|
/// | 2 | the options, from which the dialect may differ |
/// | 1 | how many bytes are read at once, minus one |
/// | the rest | the file |
enum DialectInput {
    /// The dialect, the records, and the error that ended them.
    private struct Reading: Equatable {
        var options = CSVOptions()
        var findings: [CSVDetection.Finding] = []
        var records: [[[UInt8]?]] = []
        var lines: [Int] = []
        var errors: [LoadError] = []
    }

    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let way = reader.word()
        let chunkSize = Int(reader.byte()) + 1
        let file = reader.remainder()
        var options = CSVOptions()
        if way & 1 != 0 { options.escape = UInt8(ascii: "\\") }
        if way & 2 != 0 { options.hasLenientQuotes = true }
        if way & 4 != 0 { options.trimsFields = true }
        if way & 8 != 0 { options.comment = UInt8(ascii: "#") }
        if way & 16 != 0 { options.quote = way & 32 != 0 ? nil : UInt8(ascii: "'") }
        if way & 64 != 0 { options.fillsMissingFields = true }
        if way & 128 != 0 { options.quotedFieldsCanBeNull = true }
        if way & 256 != 0 { options.nulls = ["NULL", "-"] }
        if way & 512 != 0 { options.delimiter = "||" }
        options.skippedLineCount = way >> 10 & 3
        let encoding = InputEncoding.allCases[safe: way >> 12 & 7]
        let unknowns: CSVDetection.Unknowns = way & 0x8000 != 0 ? [] : .all
        func read(_ bufferSize: Int, _ chunkSize: Int) -> Reading {
            var options = options
            options.bufferSize = bufferSize
            var reading = Reading()
            do throws(LoadError) {
                let source = MemorySource(file, chunkSize: chunkSize)
                let found = try CSVDetection.open(
                    source, options: options, encoding: encoding, recognising: unknowns)
                reading.findings = found.findings
                reading.options = found.options
                reading.options.bufferSize = 1
                var reader = try CSVReader(source: found.source, options: found.options)
                if options.fillsMissingFields { reader.expectedFieldCount = 3 }
                fill(&reading, &reader)
            } catch {
                reading.errors.append(error)
            }
            return reading
        }
        let whole = read(1 << 16, .max)
        _ = whole.errors.map(\.description)
        return whole == read(1, chunkSize) ? nil : "the buffer's size changes the result"
    }

    private static func fill(_ reading: inout Reading, _ reader: inout CSVReader) {
        while reading.records.count + reading.errors.count < 500 {
            do throws(LoadError) {
                guard try reader.next() else { return }
            } catch {
                // How much of the text is at hand depends on the buffer.
                var error = error
                if !error.reason.isWithinRecord { error.excerpt = nil }
                reading.errors.append(error)
                continue
            }
            reading.lines.append(reader.line)
            var record: [[UInt8]?] = []
            for index in 0..<reader.fieldCount {
                if reader.isNull(index) {
                    record.append(nil)
                } else {
                    let bytes = reader.bytes(index)
                    record.append(bytes.indices.map { bytes[$0] })
                }
            }
            reading.records.append(record)
        }
    }
}

extension Collection {
    fileprivate subscript(safe index: Index) -> Element? {
        indices.contains(index) ? self[index] : nil
    }
}
