public import SystemPackage
internal import Threads

/// Where the bytes of a CSV file come from: a file, standard input, memory.
///
/// A source is read by one thread at a time, from its beginning to its end, once.
public protocol ByteSource {
    /// What messages call the source, such as the path of its file.
    var name: String { get }

    /// How many bytes there are in all, where that is known beforehand.
    var totalByteCount: Int? { get }

    /// Appends some bytes to `buffer`, at least one unless the source has ended or the buffer is
    /// full, and returns how many.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/read(code:)``.
    mutating func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int
}

/// Reads a file, a pipe or standard input.
///
/// Owns its descriptor, unless that is standard input. A pipe without a writer is waited for. Not
/// thread-safe.
public final class FileSource: ByteSource {
    public let name: String
    public let totalByteCount: Int?
    private let descriptor: Int32
    private let isOwned: Bool
    private let cancellation: Cancellation?
    /// How long a pipe is waited for between two looks at the cancellation.
    private static let waitMilliseconds: Int32 = 50

    /// Opens the file at `path`, or standard input when `path` is `-`.
    ///
    /// - Throws: as ``init(path:cancellation:)-(FilePath,_)``.
    public convenience init(
        path: String, cancellation: Cancellation? = nil
    ) throws(LoadError) {
        try self.init(path: try FilePath(ofInput: path), cancellation: cancellation)
    }

    /// Opens the file at `path`, or standard input when `path` is `-`.
    ///
    /// - Parameters:
    ///   - path: the file, which may be a pipe.
    ///   - cancellation: ends the wait for a pipe to have something; the read then throws
    ///     ``LoadError/Reason/read(code:)`` with `ECANCELED`.
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)`` when it cannot be opened for
    ///   reading or is a directory.
    public init(path: FilePath, cancellation: Cancellation? = nil) throws(LoadError) {
        isOwned = path.string != "-"
        name = isOwned ? path.string : "standard input"
        self.cancellation = cancellation
        // The opening of a pipe would wait for its writer; the first read does.
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

    /// Waits until a pipe has something to read, or its writers are gone.
    private func waitUntilReadable() throws(LoadError) {
        if totalByteCount != nil { return }
        let timeout = cancellation == nil ? -1 : Self.waitMilliseconds
        while true {
            if cancellation?.isCancelled ?? false {
                throw LoadError(.read(code: ECANCELED), source: name)
            }
            var wish = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let count = unsafe poll(&wish, 1, timeout)
            // Of what is wrong the read will tell.
            if count > 0 || (count < 0 && errno != EINTR) { return }
        }
    }

    public func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
        while true {
            try waitUntilReadable()
            if let count = try readOnce(into: &buffer) { return count }
        }
    }

    /// Nil where there is nothing yet.
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
        // Somebody else has made the pipe non-blocking, and a third has emptied it.
        if count < 0 && code == EAGAIN && totalByteCount == nil { return nil }
        if count < 0 { throw LoadError(.read(code: code), source: name) }
        return count
    }
}

extension FilePath {
    /// The path that some text spells.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)`` for text with a NUL character,
    ///   with which the path would end early.
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

/// Reads bytes that lie in memory, a settable number at a time.
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
