public import SystemPackage
internal import Threads

/// The source of a CSV file's bytes: a file, standard input, memory.
///
/// One thread at a time reads a source, once, from its beginning to its end.
public protocol ByteSource {
    /// The source's name in messages, such as the path of its file.
    var name: String { get }

    /// How many bytes there are in all, if known beforehand.
    var totalByteCount: Int? { get }

    /// The encoding that the bytes had before they were made UTF-8; for messages.
    var encoding: InputEncoding { get }

    /// Appends bytes to `buffer` and returns how many: at least one, unless the source has ended or
    /// the buffer is full.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/read(code:)``.
    mutating func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int
}

extension ByteSource {
    /// UTF-8: the bytes are as they were.
    public var encoding: InputEncoding { .utf8 }
}

/// Reads a file, a pipe or standard input.
///
/// Owns its descriptor, unless that is standard input. Waits for a pipe without a writer. Not
/// thread-safe.
public final class FileSource: ByteSource {
    public let name: String
    public let totalByteCount: Int?
    private let descriptor: Int32
    private let isOwned: Bool
    private let cancellation: Cancellation?
    /// How often the cancellation is checked while waiting for a pipe.
    private static let waitMilliseconds: Int32 = 50

    /// Opens the file at `path`, or standard input if `path` is `-`.
    ///
    /// - Throws: what ``init(path:cancellation:)-(FilePath,_)`` throws.
    public convenience init(
        path: String, cancellation: Cancellation? = nil
    ) throws(LoadError) {
        try self.init(path: try FilePath(ofInput: path), cancellation: cancellation)
    }

    /// Opens the file at `path`, or standard input if `path` is `-`.
    ///
    /// - Parameters:
    ///   - path: the file, which may be a pipe.
    ///   - cancellation: ends the wait for a pipe; the read then throws
    ///     ``LoadError/Reason/read(code:)`` with `ECANCELED`.
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)`` if the file cannot be opened
    ///   for reading or is a directory.
    public init(path: FilePath, cancellation: Cancellation? = nil) throws(LoadError) {
        isOwned = path.string != "-"
        name = isOwned ? path.string : "standard input"
        self.cancellation = cancellation
        // Opening a pipe must not wait for its writer; the first read does.
        descriptor =
            isOwned
            ? Descriptors.lifted(
                unsafe path.withPlatformString {
                    unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
                }) : 0
        if descriptor < 0 { throw LoadError(.open(code: errno), source: name) }
        if isOwned { _ = fcntl(descriptor, F_SETFL, 0) }
        var status = stat()
        var size: Int?
        if unsafe fstat(descriptor, &status) == 0 {
            switch status.st_mode & S_IFMT {
            case S_IFREG: size = Int(status.st_size)
            case S_IFDIR:
                if isOwned { close(descriptor) }
                throw LoadError(.open(code: EISDIR), source: name)
            default: break
            }
        }
        totalByteCount = size
        #if os(Linux)
            if size != nil { posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL) }
        #endif
    }

    deinit {
        if isOwned { close(descriptor) }
    }

    /// Waits until a pipe has data, or its writers are gone.
    private func waitUntilReadable() throws(LoadError) {
        if totalByteCount != nil { return }
        let timeout = cancellation == nil ? -1 : Self.waitMilliseconds
        while true {
            if cancellation?.isCancelled ?? false {
                throw LoadError(.read(code: ECANCELED), source: name)
            }
            var wish = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = unsafe poll(&wish, 1, timeout)
            // The read will report the error.
            if count > 0 || (count < 0 && errno != EINTR) { return }
        }
    }

    public func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
        while true {
            try waitUntilReadable()
            if let count = try readOnce(into: &buffer) { return count }
        }
    }

    /// Returns nil if there is no data yet.
    private func readOnce(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int? {
        var code: Int32 = 0
        let count = unsafe buffer.withUnsafeMutableBufferPointer { bytes, initialized in
            guard let base = bytes.baseAddress else { return 0 }
            let room = bytes.count - initialized
            while true {
                let result = unsafe systemRead(descriptor, base + initialized, room)
                if result >= 0 {
                    initialized += result
                    return result
                }
                code = errno
                if code != EINTR { return -1 }
            }
        }
        // Another process has made the pipe non-blocking, and it is empty.
        if count < 0 && code == EAGAIN && totalByteCount == nil { return nil }
        if count < 0 { throw LoadError(.read(code: code), source: name) }
        return count
    }
}

extension FilePath {
    /// Makes a path from text.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)`` if the text has a NUL
    ///   character, which would end the path early.
    init(ofInput text: String) throws(LoadError) {
        if text.utf8.contains(0) { throw LoadError(.open(code: EINVAL), source: text) }
        self.init(text)
    }
}

/// The C function, which ``FileSource/read(into:)`` hides within its type.
private func systemRead(
    _ descriptor: Int32, _ buffer: UnsafeMutablePointer<UInt8>, _ count: Int
) -> Int {
    unsafe read(descriptor, buffer, count)
}

/// Reads bytes from memory, a limited number at a time.
public struct MemorySource: ByteSource {
    public let name: String
    private let bytes: [UInt8]
    private let chunkSize: Int
    private var position = 0

    public var totalByteCount: Int? { bytes.count }

    /// Makes a source of `bytes` that yields at most `chunkSize` of them per read.
    public init(_ bytes: [UInt8], chunkSize: Int = .max, name: String = "memory") {
        self.bytes = bytes
        self.chunkSize = max(1, chunkSize)
        self.name = name
    }

    /// Makes a source of the UTF-8 of `text`.
    public init(_ text: String, chunkSize: Int = .max, name: String = "memory") {
        self.init(Array(text.utf8), chunkSize: chunkSize, name: name)
    }

    public mutating func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
        let count = min(buffer.freeCapacity, chunkSize, bytes.count - position)
        for index in position..<position + count { buffer.append(bytes[index]) }
        position += count
        return count
    }
}
