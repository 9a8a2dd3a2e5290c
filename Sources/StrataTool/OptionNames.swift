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
        ("or let the load skip such records", "or skip such records with --on-error skip"),
        ("or give the schema", "or give the columns with --schema"),
        ("; give a schema", "; give them with --schema"),
        ("; give the schema", "; give --schema"),
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
