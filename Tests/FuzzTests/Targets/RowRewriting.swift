import PageFormat
import RowSchema
import RowText

/// Converts CSV to heap tuples and back.
struct RowRewriting {
    /// The result for a text.
    struct Outcome {
        /// The rows, written again.
        var text: [UInt8] = []
        var rows = 0
        /// The records that were rejected.
        var refusals = 0
        var fault: String?
    }

    let schema: Schema
    let options: CSVOptions

    /// Reads at most `limit` records of `source`, skipping bad ones.
    func rewritten(_ source: any ByteSource, limit: Int = 200) throws(LoadError) -> Outcome {
        var reader = try CSVReader(
            source: source, options: options, expectedFieldCount: schema.columns.count)
        reader.columnNames = schema.columns.map(\.name)
        if options.hasHeader { _ = try reader.readHeader() }
        var encoder = RowEncoder(schema: schema)
        var writer = RowWriter(schema: schema, options: options)
        var outcome = Outcome()
        var output = ByteOutput(capacity: 64)
        if options.hasHeader { writer.writeHeader(to: &output) }
        while outcome.rows + outcome.refusals < limit {
            do throws(LoadError) {
                guard try reader.next() else { break }
                _ = (reader.recordBytes.count, reader.line, reader.byteOffset)
                try encoder.encode(&reader)
            } catch {
                _ = "\(error)"
                guard error.reason.isWithinRecord else { break }
                outcome.refusals += 1
                continue
            }
            outcome.rows += 1
            if let fault = Self.place(&encoder.builder, &writer, &output) {
                outcome.fault = fault
                break
            }
        }
        outcome.text = output.span.indices.map { output.span[$0] }
        return outcome
    }

    /// Puts a row on an empty page and writes what is found there.
    private static func place(
        _ builder: inout HeapTupleBuilder, _ writer: inout RowWriter, _ output: inout ByteOutput
    ) -> String? {
        let page = UnsafeMutableRawBufferPointer.allocate(byteCount: PageLayout.size, alignment: 8)
        defer { page.deallocate() }
        guard var editor = PageEditor(page.mutableBytes) else { return "no page" }
        editor.initialize()
        guard (try? builder.place(on: &editor, block: 0)) == 1 else {
            return "a row that was accepted does not fit an empty page"
        }
        do {
            guard let tuple = try editor.view.tuple(1) else { return "a row is not on its page" }
            try writer.write(tuple, to: &output)
            return nil
        } catch {
            return "a row that was accepted cannot be read: \(error)"
        }
    }
}
