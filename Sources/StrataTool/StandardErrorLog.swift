internal import Logging

/// Prints log messages as lines for the tool's users.
struct StandardErrorLog: LogHandler {
    /// A logger that prints messages from a level on.
    static func logger(_ level: Logger.Level) -> Logger {
        var logger = Logger(label: "strata") { StandardErrorLog(label: $0) }
        logger.logLevel = level
        return logger
    }

    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.notice
    let label: String
    private let output: ToolOutput

    /// Logs to the standard error of the command that the calling thread runs.
    init(label: String) {
        self.label = label
        output = ToolEnvironment.current.standardError
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "\(label): \(event.level): \(event.message)"
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        if !all.isEmpty {
            let pairs = all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            line += " (\(pairs.joined(separator: ", ")))"
        }
        output.write(OptionNames.translated(line))
    }
}
