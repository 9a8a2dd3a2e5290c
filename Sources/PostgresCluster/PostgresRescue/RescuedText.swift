internal import AsyncIO
public import PostgresCluster
internal import PostgresTypes
internal import RowText

/// Writes rescued rows as text. Belongs to one thread at a time.
public struct RescuedText {
    /// What to add to the columns of a row.
    public struct Marks: OptionSet, Sendable {
        /// A bit for each.
        public let rawValue: UInt8
        /// Makes marks from bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The row's inserting and deleting transactions and its state.
        public static let version = Marks(rawValue: 1)
        /// Its file.
        public static let file = Marks(rawValue: 2)
        /// Its block and line pointer, as the server's `ctid`, and how sure it is.
        public static let confidence = Marks(rawValue: 4)
    }

    private let columns: [RescueColumn]
    private let format: RowTextFormat
    private let marks: Marks
    private let csv: CSVText
    private let names: [String]
    /// The names as keys of JSON. A column may be called like one of those that are added.
    private let keys: [String]

    /// Makes a writer of rows with these columns.
    public init(_ columns: [RescueColumn], _ format: RowTextFormat, marks: Marks) {
        self.columns = columns
        self.format = format
        self.marks = marks
        var names = columns.map(\.name)
        if marks.contains(.version) { names += ["xmin", "xmax", "state"] }
        if marks.contains(.file) { names += ["file"] }
        if marks.contains(.confidence) { names += ["ctid", "confidence"] }
        self.names = names
        keys = JSONKeys.unique(names)
        var null = ""
        if case .csv(let text, _) = format { null = text }
        csv = CSVText(null: null, isSingleColumn: names.count == 1)
    }

    /// The header line; empty if the format has none.
    public var header: [UInt8] {
        guard case .csv(_, header: true) = format else { return [] }
        var output = TextOutput()
        writeCSV(names.map { Array($0.utf8) }, &output)
        return output.bytes
    }

    /// A row's text, with a line feed; empty if the format is none.
    public func text(of row: RescuedRow) -> [UInt8] {
        var output = TextOutput()
        switch format {
        case .none: break
        case .csv: writeCSV(row.fields + added(row), &output)
        case .json: writeJSON(row, &output)
        }
        return output.bytes
    }

    private func added(_ row: RescuedRow) -> [[UInt8]?] {
        var texts: [String] = []
        if marks.contains(.version) {
            texts += ["\(row.insertedBy)", "\(row.deletedBy)", row.state.rawValue]
        }
        if marks.contains(.file) { texts += [row.file] }
        if marks.contains(.confidence) {
            texts += ["(\(row.block),\(row.linePointer))", row.confidence.rawValue]
        }
        return texts.map { Array($0.utf8) }
    }

    private func writeCSV(_ fields: [[UInt8]?], _ output: inout TextOutput) {
        for (index, field) in fields.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            if let field {
                unsafe csv.write(field.span.bytes, to: &output)
            } else {
                output.append(csv.null)
            }
        }
        output.append(UInt8(ascii: "\n"))
    }

    private func writeJSON(_ row: RescuedRow, _ output: inout TextOutput) {
        let fields = row.fields + added(row)
        for (index, field) in fields.enumerated() {
            output.append(UInt8(ascii: index == 0 ? "{" : ","))
            JSONString.write(keys[index], to: &output)
            output.append(UInt8(ascii: ":"))
            let column = index < columns.count ? columns[index] : nil
            guard let field else {
                output.append(string: "null")
                continue
            }
            if column?.isBoolean == true {
                output.append(string: field.first == UInt8(ascii: "t") ? "true" : "false")
            } else if column?.isNumber == true,
                field.last.map({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) == true
            {
                output.append(field)
            } else {
                JSONString.write(field, to: &output)
            }
        }
        output.append(string: fields.isEmpty ? "{}\n" : "}\n")
    }
}
