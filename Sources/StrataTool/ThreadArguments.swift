internal import ArgumentParser

/// On how many threads a command turns text into rows, or rows into text.
struct ThreadArguments: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How many threads convert rows, 1 or more; by default one for each core.",
            valueName: "count"))
    var threads: String?

    /// Nil for one for each core.
    var count: Int? { threads.flatMap(Int.init) }

    func validate() throws {
        if let threads, Int(threads) ?? 0 < 1 {
            throw ValidationError("--threads must be 1 or more, not \"\(threads)\".")
        }
    }
}
