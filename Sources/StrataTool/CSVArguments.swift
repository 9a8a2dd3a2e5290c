internal import ArgumentParser
internal import RelationLoader

/// How CSV is written: what reading and writing have in common.
struct CSVArguments: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "What stands between fields: one to eight ASCII characters; \\t is a tab.",
            valueName: "characters"))
    var delimiter: String?

    @Flag(help: "The first line of the CSV does not name the columns.")
    var noHeader = false

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "The text that means NULL, outside quotes; by default an empty one.",
            discussion: "A load can be given several.", valueName: "text"),
        transform: TextArgument.plain)
    var null: [String] = []

    func validate() throws {
        guard let delimiter else { return }
        let bytes = Self.unescaped(delimiter).utf8
        guard (1...8).contains(bytes.count), bytes.allSatisfy({ $0 < 0x80 }) else {
            throw ValidationError(
                "--delimiter must be one to eight ASCII characters, or \\t, not \"\(delimiter)\".")
        }
    }

    /// The arguments as the loader's options.
    var options: CSVOptions {
        var options = CSVOptions()
        if let delimiter { options.delimiter = Self.unescaped(delimiter) }
        options.hasHeader = !noHeader
        if !null.isEmpty { options.nulls = null }
        return options
    }

    private static func unescaped(_ text: String) -> String {
        text.replacing("\\t", with: "\t")
    }

    /// Splits a list of names, which is one CSV record.
    static func names(_ text: String) throws -> [String] {
        var options = CSVOptions()
        options.hasHeader = false
        var reader = try CSVReader(
            source: MemorySource(text, name: "--columns"), options: options)
        var names: [String] = []
        if try reader.next() {
            for index in 0..<reader.fieldCount { names.append(reader.string(index)) }
        }
        if names.isEmpty || names.contains("") {
            throw ValidationError("--columns must name columns, not \"\(text)\".")
        }
        return names
    }
}
