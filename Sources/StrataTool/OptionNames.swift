/// Replaces the library's remedies by the tool's own options.
enum OptionNames {
    /// What the library says, and what a user of the tool can do instead.
    private static let phrases: [(library: String, tool: String)] = [
        ("Set EngineOptions.poolBytes to", "Set --buffers to"),
        ("Set PostgresOptions.poolBytes to", "Set --buffers to"),
        ("Lower the number of buffers", "Lower --buffers"),
        ("raise BufferConfiguration.bufferCount", "raise --buffers"),
        (", or lower FileAccessConfiguration.maximumOpenFiles", ""),
        ("Add it to EngineOptions.storageManagers.", "Use a program that has it."),
        (
            "Open it with EngineOptions.access set to readWrite.",
            "Use a command that changes stores."
        ),
        (
            "Drop or truncate one, or raise MemoryDiskConfiguration.maximumBytes.",
            "Keep it with --manager magnetic or compressed."
        ),
        ("with Engine.acceptCatalog(session:)", "with strata recover --accept-catalog"),
        ("Turn direct IO off", "Omit --direct-io"),
        ("Run verify to find", "Run strata verify to find"),
        (
            "or read with zeroesDamagedPages to go on without",
            "or use strata scan --on-damage skip or strata postgres salvage to go on without"
        ),
        (
            "or rescue what is left of it.",
            "or rescue what is left of it with strata postgres salvage."
        ),
        (
            "or give options for misplaced quotes.",
            "or load with --quote '' (quotes are ordinary characters), --escape '\\' (a backslash"
                + " stands before them), --trim (blanks do), or --lenient-quotes."
        ),
        ("or let quotes be ordinary characters.", "or load with --quote ''."),
        ("fill missing fields with NULL,", "fill them with --fill-missing,"),
        (
            "give its encoding;",
            "name it with --encoding windows-1252, latin1 or utf-16;"
        ),
        ("Give the encoding ", "Name it with --encoding "),
        ("Check the encoding,", "Check --encoding,"),
        (
            "Match columns by name, or match them by position if they are the same.",
            "Load with --match name to go by the header's names, or with --match position if only"
                + " the names differ."
        ),
        ("match columns by name", "use --match name"),
        ("load without a header", "load with --no-header"),
        (" | …", " | strata load - …"),
        ("or let the load skip such records", "or skip such records with --on-error skip"),
        ("or give the schema", "or give the columns with --schema"),
        ("turn off the recognition of dialects.", "load it as it is with --dialect none."),
        ("; give a schema", "; give them with --schema"),
    ]

    /// A message of the library in the tool's terms: with the tool's names for its options, and
    /// without advice about settings that the tool does not have.
    static func translated(_ message: String) -> String {
        let text = phrases.reduce(message) { $0.replacing($1.library, with: $1.tool) }
        guard text.contains("Options.") || text.contains("Configuration.") else { return text }
        // The first sentence says what happened, the others what helps.
        var sentences = text.split(separator: ". ", omittingEmptySubsequences: false)
        let advice = sentences.dropFirst().filter { !$0.contains(setting) }
        sentences = sentences.prefix(1) + advice
        var rest = sentences.joined(separator: ". ")
        while rest.hasSuffix(".") { rest.removeLast() }
        return text.hasSuffix(".") && sentences.count > 1 ? rest + "." : rest
    }

    /// The name of a setting of the library.
    private static var setting: Regex<(Substring, Substring)> {
        /[A-Z][A-Za-z]*(Options|Configuration)\.[a-z]/
    }
}
