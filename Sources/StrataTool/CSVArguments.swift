internal import ArgumentParser
internal import RelationLoader

/// How CSV is written.
struct CSVArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The character between fields: one ASCII character, or \\t.", valueName: "character"))
    var delimiter = ","

    @Flag(help: "The first line of the CSV does not name the columns.")
    var noHeader = false

    @Option(
        help: ArgumentHelp("The text that means NULL, outside quotes.", valueName: "text"),
        transform: TextArgument.plain)
    var null = ""

    func validate() throws {
        guard Self.byte(delimiter) != nil else {
            throw ValidationError(
                "--delimiter must be one ASCII character, or \\t, not \"\(delimiter)\".")
        }
    }

    /// The arguments as the loader's options.
    var options: CSVOptions {
        var options = CSVOptions()
        options.delimiter = Self.byte(delimiter) ?? options.delimiter
        options.hasHeader = !noHeader
        options.null = null
        return options
    }

    private static func byte(_ text: String) -> UInt8? {
        if text == "\\t" { return UInt8(ascii: "\t") }
        let bytes = Array(text.utf8)
        return bytes.count == 1 && bytes[0] < 0x80 ? bytes[0] : nil
    }

    /// Splits a list of names, which is one CSV record.
    static func names(_ text: String) throws(LoadError) -> [String] {
        var options = CSVOptions()
        options.hasHeader = false
        var reader = try CSVReader(
            source: MemorySource(text, name: "--columns"), options: options)
        var names: [String] = []
        if try reader.next() {
            for index in 0..<reader.fieldCount { names.append(reader.string(index)) }
        }
        return names
    }
}
