internal import AsyncIO
public import Logging

/// A log that keeps what is written to it, for tests to look at. Any thread.
public final class RecordingLog: Sendable {
    /// One message.
    public struct Entry: Sendable {
        /// How serious it is.
        public let level: Logger.Level
        /// The text.
        public let message: String
        /// The logger's metadata and the message's own.
        public let metadata: [String: String]
        /// The label of the logger.
        public let label: String
    }

    private let recorded = Lock<[Entry]>([])

    /// Makes an empty log.
    public init() {}

    /// All messages so far, oldest first.
    public var entries: [Entry] { recorded.withLock { $0 } }

    /// All texts so far, oldest first.
    public var messages: [String] { entries.map(\.message) }

    /// Forgets all messages.
    public func removeAll() { recorded.withLock { $0.removeAll() } }

    /// How many messages contain that text.
    public func count(containing text: String) -> Int {
        messages.count { $0.contains(text) }
    }

    /// Whether a message contains that text.
    public func contains(_ text: String) -> Bool { count(containing: text) > 0 }

    /// A logger that writes here, from `trace` on.
    public func logger(label: String = "test", level: Logger.Level = .trace) -> Logger {
        var logger = Logger(label: label) { Handler(log: self, label: $0) }
        logger.logLevel = level
        return logger
    }

    private struct Handler: LogHandler {
        let log: RecordingLog
        let label: String
        var metadata: Logger.Metadata = [:]
        var metadataProvider: Logger.MetadataProvider?
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            let entry = Entry(
                level: event.level, message: "\(event.message)",
                metadata: all.mapValues { "\($0)" }, label: label)
            log.recorded.withLock { $0.append(entry) }
        }
    }
}
