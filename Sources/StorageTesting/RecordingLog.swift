internal import AsyncIO
public import Logging
internal import Threads

/// A log that keeps its messages for tests. Safe to use from any thread.
public final class RecordingLog: Sendable {
    /// One message.
    public struct Entry: Sendable {
        /// The severity.
        public let level: Logger.Level
        /// The text.
        public let message: String
        /// The logger's metadata and the message's own.
        public let metadata: [String: String]
        /// The label of the logger.
        public let label: String
    }

    private let recorded = Lock<[Entry]>([], rank: .observer)

    /// Makes an empty log.
    public init() {}

    /// All messages so far, oldest first.
    public var entries: [Entry] { recorded.withLock { $0 } }

    /// All texts so far, oldest first.
    public var messages: [String] { entries.map(\.message) }

    /// Forgets all messages.
    public func removeAll() { recorded.withLock { $0.removeAll() } }

    /// The number of messages that contain a text.
    public func count(containing text: String) -> Int {
        messages.count { $0.contains(text) }
    }

    /// Whether a message contains a text.
    public func contains(_ text: String) -> Bool { count(containing: text) > 0 }

    /// Makes a logger that writes to this log, from `trace` on.
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
