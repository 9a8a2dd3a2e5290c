import RowSchema
import RowText

/// An arbitrary CSV file. Its schema is inferred, its rows are converted to tuples and written
/// again. Reading the output again must give the same.
///
/// | bytes | |
/// |---|---|
/// | 1 | the CSV options |
/// | 1 | how many bytes are read at once, minus one |
/// | the rest | the file |
enum CSVInput {
    private static let delimiters = [",", ";", "\t", "|"]
    private static let nulls = ["", "NULL", "\\N", "-"]

    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let way = Int(reader.byte())
        var options = CSVOptions()
        options.delimiter = delimiters[way & 3]
        options.nulls = [nulls[way >> 2 & 3]]
        options.hasHeader = way & 16 != 0
        options.bufferSize = way & 32 != 0 ? 1 : 100
        if way & 64 != 0 { options.maximumRecordLength = 50 }
        let chunkSize = Int(reader.byte()) + 1
        let source = MemorySource(reader.remainder(), chunkSize: chunkSize)
        do throws(LoadError) {
            var limits = SchemaInference.Limits()
            if way & 128 != 0 { limits.bytes = 60 }
            let found = try SchemaInference.infer(
                from: source, options: options, limits: limits, onError: .skip)
            let rows = RowRewriting(schema: found.schema, options: options)
            let outcome = try rows.rewritten(found.source)
            if let fault = outcome.fault { return fault }
            if outcome.rows == 0 { return nil }
            return repeats(outcome, found.schema, options)
        } catch {
            _ = "\(error)"
            return nil
        }
    }

    /// The output must read back as the same output.
    private static func repeats(
        _ outcome: RowRewriting.Outcome, _ schema: Schema, _ options: CSVOptions
    ) -> String? {
        var options = options
        // Quotes make a record longer.
        options.maximumRecordLength = CSVOptions().maximumRecordLength
        let rows = RowRewriting(schema: schema, options: options)
        guard let second = try? rows.rewritten(MemorySource(outcome.text), limit: .max) else {
            return "what was written cannot be read"
        }
        return second.text == outcome.text && second.rows == outcome.rows && second.refusals == 0
            ? second.fault : "what was written is read as something else"
    }
}
