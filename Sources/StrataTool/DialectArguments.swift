internal import ArgumentParser
internal import RelationLoader
internal import Strata

/// How the file to load differs from plain CSV.
struct DialectArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Whether to recognise the dialect; none or rfc4180 go by the options alone.",
            discussion: """
                Recognised from the first 64 KiB, and reported: the delimiter among comma, \
                semicolon, tab and vertical bar, or the one of a first line such as sep=; escaped \
                quotes, and quotes that are ordinary characters; byte order marks. An option that \
                is given is taken as it is.
                """,
            valueName: "auto|none|rfc4180"))
    var dialect = Dialect.auto

    @Option(
        help: ArgumentHelp(
            "How many lines before the header, or the first record, to skip.", valueName: "lines"))
    var skip = 0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Lines that begin with this character are no records.", valueName: "character"))
    var comment: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The character around quoted fields, by default \"; '' if none is.",
            discussion: "With '', quotes are ordinary characters.", valueName: "character"))
    var quote: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The character, such as \\, that makes a quote or delimiter behind it ordinary.",
            valueName: "character"))
    var escape: String?

    @Flag(
        help: ArgumentHelp(
            "Accept misplaced quotes.",
            discussion: """
                A quote within an unquoted field is part of it. Blanks around a quoted field are \
                dropped. Text behind a closing quote is added to the value, unless the field ends \
                in a quote: those between are then parts of the value.
                """))
    var lenientQuotes = false

    @Flag(help: "Drop blanks and tabs around fields, except within quotes.")
    var trim = false

    @Flag(help: "Quoted fields can be NULL too.")
    var quotedNull = false

    @Flag(
        help: ArgumentHelp(
            "Fill fields that a record lacks at its end with NULL.",
            discussion: """
                Names that the header lacks are made; empty fields behind the last column are \
                ignored.
                """))
    var fillMissing = false

    @Option(
        help: ArgumentHelp(
            "The encoding: utf-8, utf-16, utf-16le, utf-16be, latin1 or windows-1252.",
            discussion: "By default UTF-8, or UTF-16 if there is a byte order mark.",
            valueName: "name"))
    var encoding: Encoding?

    enum Dialect: String, ExpressibleByArgument, CaseIterable { case auto, none, rfc4180 }

    /// The argument's spelling of an encoding.
    struct Encoding: ExpressibleByArgument {
        let value: InputEncoding

        init?(argument: String) {
            let name = argument.lowercased()
            let others: [String: InputEncoding] = [
                "utf8": .utf8, "utf16": .utf16, "utf-16-le": .utf16LittleEndian,
                "utf16le": .utf16LittleEndian, "utf-16-be": .utf16BigEndian,
                "utf16be": .utf16BigEndian, "iso-8859-1": .latin1, "latin-1": .latin1,
                "cp1252": .windows1252,
            ]
            guard let value = InputEncoding(rawValue: name) ?? others[name] else { return nil }
            self.value = value
        }
    }

    func validate() throws {
        if skip < 0 { throw ValidationError("--skip must be 0 or more, not \(skip).") }
        for (name, text) in [("comment", comment), ("escape", escape), ("quote", quote)] {
            guard let text, !(name == "quote" && text.isEmpty) else { continue }
            if text.utf8.count != 1 || text.utf8.first.map({ $0 >= 0x80 }) ?? true {
                throw ValidationError(
                    "--\(name) must be one ASCII character, not \"\(text)\".")
            }
        }
    }

    /// The options by which lines are no records.
    var passing: [String] {
        (skip > 0 ? ["--skip \(skip)"] : []) + (comment.map { ["--comment '\($0)'"] } ?? [])
    }

    /// Adds the arguments to the options.
    func apply(to options: inout CSVOptions) {
        options.skippedLineCount = skip
        options.comment = comment?.utf8.first
        if let quote { options.quote = quote.utf8.first }
        options.escape = escape?.utf8.first
        options.hasLenientQuotes = lenientQuotes
        options.trimsFields = trim
        options.quotedFieldsCanBeNull = quotedNull
        options.fillsMissingFields = fillMissing
    }

    /// What the arguments leave to be recognised.
    func unknowns(_ csv: CSVArguments) -> CSVDetection.Unknowns {
        guard dialect == .auto else { return [] }
        var unknowns: CSVDetection.Unknowns = []
        if csv.delimiter == nil { unknowns.insert(.delimiter) }
        if quote == nil && escape == nil && !lenientQuotes { unknowns.insert(.quotes) }
        if encoding == nil { unknowns.insert(.encoding) }
        return unknowns
    }
}

/// Which columns a load makes, or fills.
struct ColumnArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The columns, such as \"id bigint, name text NOT NULL\".",
            discussion: """
                They apply to the file's columns by position, unless --match says otherwise. A \
                header must have as many names. Values may be spelled in the ways that \
                PostgreSQL accepts, and scan writes them as PostgreSQL does. Types: boolean, \
                smallint, integer, bigint, real, double precision, numeric(p,s), text, \
                varchar(n), char(n), date, time, timestamp, timestamptz, interval, uuid, json, \
                jsonb, bytea, arrays of these such as integer[], and PostgreSQL's other names \
                for them, such as int4 and float8.
                """,
            valueName: "columns"),
        transform: TextArgument.plain)
    var schema: String?

    @Option(
        name: .customLong("type"),
        help: ArgumentHelp(
            "The type of one column, such as zip=text, instead of the inferred one.",
            discussion: "Can be given several times.", valueName: "column=type"),
        transform: TextArgument.plain)
    var types: [String] = []

    @Flag(help: "All columns are text, except those of --type.")
    var allText = false

    @Option(
        help: ArgumentHelp(
            "With --append or --schema: match columns by position, or by the header's names.",
            discussion: """
                With name, columns that the header lacks become NULL. By default, the header must \
                name the columns of a relation to append to, and those of --schema are matched by \
                position.
                """,
            valueName: "position|name"))
    var match: Match?

    enum Match: String, ExpressibleByArgument, CaseIterable { case position, name }

    func validate() throws {
        if schema != nil && (allText || !types.isEmpty) {
            throw ValidationError("--schema excludes --type and --all-text.")
        }
        for type in types where !type.contains("=") {
            throw ValidationError("--type must be column=type, such as zip=text, not \"\(type)\".")
        }
    }

    /// Adds the arguments to the options.
    func apply(to options: inout LoadOptions) throws {
        if let schema { options.schema = try Schema(parsing: schema) }
        options.isAllText = allText
        options.match = match.map { $0 == .name ? .name : .position }
        for text in types {
            guard let split = text.lastIndex(of: "=") else { continue }
            // The type may be followed by NOT NULL.
            let name = Schema.quoted(String(text[..<split]))
            let columns = try Schema(parsing: "\(name) \(text[text.index(after: split)...])")
                .columns
            guard columns.count == 1 else {
                throw ToolError(description: "--type \"\(text)\" must name one column and one type")
            }
            options.typedColumns += columns
        }
    }
}
