internal import Logging

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Log messages as lines that a user of the tool can read.
struct StandardErrorLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.notice
    let label: String

    init(label: String) { self.label = label }

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
        StandardError.write(line)
    }
}

/// The tool's messages.
enum StandardError {
    /// Writes a line; over the progress line, where there is one.
    static func write(_ line: String) {
        var text = (isTerminal ? "\r\u{1B}[K" : "") + line + "\n"
        put(&text)
    }

    /// Shows a line that the next one replaces. To be used on a terminal only.
    static func replaceLine(_ line: String) {
        var text = "\r\u{1B}[K" + line
        put(&text)
    }

    /// Whether somebody watches.
    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    private static func put(_ text: inout String) {
        text.withUTF8 { bytes in
            var done = 0
            while let base = bytes.baseAddress, done < bytes.count {
                let count = unsafe systemWrite(
                    STDERR_FILENO, base + done, bytes.count - done)
                if count < 0 && errno != EINTR { return }
                done += max(count, 0)
            }
        }
    }
}

/// The C function, which ``StandardError/write(_:)`` hides within its type.
private func systemWrite(
    _ descriptor: Int32, _ buffer: UnsafePointer<UInt8>, _ count: Int
) -> Int {
    unsafe write(descriptor, buffer, count)
}
