import RowText
import Strata

/// The text of one value, or of a schema.
///
/// | bytes | |
/// |---|---|
/// | 1 | its type; the number after the last type means a list of columns |
/// | the rest | the text |
enum ValueInput {
    static func run(_ input: [UInt8]) -> String? {
        var reader = InputReader(input)
        let types = ColumnType.allCases
        let choice = Int(reader.byte()) % (types.count + 1)
        let text = reader.remainder()
        if choice == types.count { return parse(String(decoding: text, as: UTF8.self)) }
        guard let schema = try? Schema([Column(name: "a", type: types[choice])]) else {
            return "no schema of one column"
        }
        var options = CSVOptions()
        options.hasHeader = false
        let rows = RowRewriting(schema: schema, options: options)
        let quote = UInt8(ascii: "\"")
        let field = [quote] + text.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
        guard let first = try? rows.rewritten(MemorySource(field)), first.rows == 1 else {
            return nil
        }
        if let fault = first.fault { return fault }
        guard let second = try? rows.rewritten(MemorySource(first.text)), second.rows == 1 else {
            return "a value that was written cannot be read"
        }
        return second.text == first.text ? second.fault : "a value is read as another"
    }

    private static func parse(_ text: String) -> String? {
        do throws(SchemaError) {
            let schema = try Schema(parsing: text)
            return schema.layout.count == schema.columns.count ? nil : "columns without a layout"
        } catch {
            return "\(error)".isEmpty ? "an error that says nothing" : nil
        }
    }
}
