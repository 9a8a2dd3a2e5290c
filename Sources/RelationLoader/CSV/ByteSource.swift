#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

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

/// Reads a file descriptor with `read(2)`.
///
/// Owns its descriptor, unless that is standard input. Not thread-safe.
public final class FileSource: ByteSource {
    public let name: String
    public let totalByteCount: Int?
    private let descriptor: Int32
    private let isOwned: Bool

    /// Opens the file at `path`, or standard input when `path` is `-`.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)`` when it cannot be opened for
    ///   reading or is a directory.
    public init(path: String) throws(LoadError) {
        isOwned = path != "-"
        name = isOwned ? path : "standard input"
        descriptor = isOwned ? unsafe open(path, O_RDONLY | O_CLOEXEC) : 0
        if descriptor < 0 {
            throw LoadError(.open(code: errno), source: path)
        }
        var status = stat()
        var size: Int?
        if unsafe fstat(descriptor, &status) == 0 {
            switch status.st_mode & S_IFMT {
            case S_IFREG: size = Int(status.st_size)
            case S_IFDIR:
                if isOwned { close(descriptor) }
                throw LoadError(.open(code: EISDIR), source: path)
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

    public func read(into buffer: inout OutputSpan<UInt8>) throws(LoadError) -> Int {
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
        if count < 0 { throw LoadError(.read(code: code), source: name) }
        return count
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
