internal import Synchronization
internal import Threads

/// A stream for text that people read. The tool prints such text only through it.
///
/// Text is sanitised, so that no name or value in it can control a terminal. A failed write stops
/// nothing; it is recorded and makes the command end with an error. A closed reader is not a
/// failure: like `head`, it has seen what it wanted. Any thread.
final class ToolOutput: Sendable {
    /// The stream's name in messages.
    let name: String
    /// Where it goes.
    let descriptor: CInt
    /// The `errno` of the first write that failed, or zero.
    private let firstFailure = Atomic<CInt>(0)

    /// Prints to a descriptor that the caller keeps owning.
    init(_ descriptor: CInt, name: String) {
        self.descriptor = descriptor
        self.name = name
    }

    /// Whether the output is a terminal.
    var isTerminal: Bool { isatty(descriptor) == 1 }

    /// The reason of the first failed write; nil if none failed.
    var failure: String? {
        let number = firstFailure.load(ordering: .relaxed)
        if number == 0 { return nil }
        if number == EBADF { return "it is closed" }
        return unsafe String(cString: strerror(number))
    }

    /// Writes a line, replacing a progress line.
    func write(_ line: String) {
        put((isTerminal ? "\r\u{1B}[K" : "") + PrintableText.line(line) + "\n")
    }

    /// Writes several lines, which end with line feeds.
    func write(lines: String) {
        if lines.utf8.allSatisfy({ PrintableText.isPlain($0) || $0 == UInt8(ascii: "\n") }) {
            return put(lines)
        }
        put(
            lines.split(separator: "\n", omittingEmptySubsequences: false).map {
                PrintableText.line(String($0))
            }.joined(separator: "\n"))
    }

    /// Shows a line that the next one replaces. Use it only on a terminal.
    func replaceLine(_ line: String) {
        put("\r\u{1B}[K" + PrintableText.line(line))
    }

    /// Checks for errors that only show at the end: some file systems report a lack of space when a
    /// file is closed.
    func finish() {
        let copy = dup(descriptor)
        guard copy >= 0 else { return }
        if close(copy) != 0 { note(errno) }
    }

    private func note(_ number: CInt) {
        guard number != EPIPE, number != EINTR else { return }
        _ = firstFailure.compareExchange(expected: 0, desired: number, ordering: .relaxed)
    }

    private func put(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var done = 0
            while let base = bytes.baseAddress, done < bytes.count {
                let count = unsafe systemWrite(descriptor, base + done, bytes.count - done)
                if count >= 0 {
                    done += count
                } else if errno == EAGAIN {
                    // Another process has made the pipe non-blocking.
                    var wish = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&wish, 1, -1)
                } else if errno != EINTR {
                    note(errno)
                    return
                }
            }
        }
    }
}

/// The C function, which the type's own methods hide.
private func systemWrite(
    _ descriptor: CInt, _ buffer: UnsafePointer<UInt8>, _ count: Int
) -> Int {
    unsafe write(descriptor, buffer, count)
}
