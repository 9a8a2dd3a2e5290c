public import SystemPackage
internal import Threads
public import ValueText

/// Writes bytes to a file descriptor: a file, a pipe, a terminal.
///
/// Does not buffer: pass it what a `ByteOutput` has gathered. Owns its descriptor unless it was
/// given one. Used by one thread at a time.
public final class DescriptorOutput {
    /// The output's name in messages.
    public let name: String
    /// How many bytes were written.
    public private(set) var byteCount = 0
    private let descriptor: Int32
    /// Whether to close the descriptor.
    private var isOwned: Bool

    /// Writes to a descriptor that the caller keeps owning.
    public init(descriptor: Int32, name: String) {
        self.descriptor = descriptor
        self.name = name
        isOwned = false
    }

    /// Creates a file, or empties an existing one.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)``.
    public convenience init(creating path: String) throws(LoadError) {
        try self.init(creating: try FilePath(ofInput: path))
    }

    /// Creates a file, or empties an existing one.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)``.
    public init(creating path: FilePath) throws(LoadError) {
        name = path.string
        isOwned = true
        descriptor = Self.open(path, O_TRUNC)
        if descriptor < 0 { throw LoadError(.open(code: errno), source: name) }
    }

    private static func open(_ path: FilePath, _ flags: Int32) -> Int32 {
        Descriptors.lifted(
            unsafe path.withPlatformString {
                unsafe systemOpen($0, O_WRONLY | O_CREAT | O_CLOEXEC | flags)
            })
    }

    /// Creates a file, or opens an existing one that is empty. Opens anything other than a regular
    /// file as it is. Never overwrites existing contents.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/open(code:)``, or with
    ///   ``LoadError/Reason/option(_:)`` if the file has contents.
    package init(adding path: FilePath, purpose: String) throws(LoadError) {
        name = path.string
        isOwned = true
        descriptor = Self.open(path, 0)
        if descriptor < 0 { throw LoadError(.open(code: errno), source: name) }
        var status = stat()
        let isKnown = unsafe fstat(descriptor, &status) == 0
        if isKnown && status.st_mode & S_IFMT == S_IFREG && status.st_size > 0 {
            throw LoadError(
                .option(
                    "the file for \(purpose) exists and is not empty; give another name, or"
                        + " remove it"), source: name)
        }
    }

    deinit {
        if isOwned { close(descriptor) }
    }

    /// Closes the file if this object has opened it; some file systems report lost writes only
    /// then. Nothing can be written afterwards. A descriptor that the caller owns stays open.
    /// Calling it again does nothing.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/write(code:)``.
    public func finish() throws(LoadError) {
        guard isOwned else { return }
        isOwned = false
        // Even after an interruption the descriptor is closed.
        if close(descriptor) != 0 && errno != EINTR {
            throw LoadError(.write(code: errno), source: name)
        }
    }

    /// Writes all of `bytes` and empties it. Blocks while a pipe is full.
    ///
    /// - Throws: ``LoadError`` with ``LoadError/Reason/write(code:)``. A closed reader is `EPIPE`,
    ///   in a process that ignores the signal `SIGPIPE`.
    public func write(_ bytes: inout ByteOutput) throws(LoadError) {
        defer { bytes.removeAll() }
        try write(bytes.span)
    }

    /// Writes all of `bytes`, like ``write(_:)-(ByteOutput)``.
    public func write(_ bytes: Span<UInt8>) throws(LoadError) {
        var code: Int32 = 0
        unsafe bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var done = 0
            while done < buffer.count && code == 0 {
                let result = unsafe systemWrite(descriptor, base + done, buffer.count - done)
                if result >= 0 {
                    done += result
                } else if errno == EAGAIN {
                    // Another process has made the pipe non-blocking.
                    var wish = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = unsafe poll(&wish, 1, -1)
                } else if errno != EINTR {
                    code = errno
                }
            }
            byteCount += done
        }
        if code != 0 { throw LoadError(.write(code: code), source: name) }
    }
}

/// The C function, which a method hides.
private func systemOpen(_ path: UnsafePointer<CChar>, _ flags: Int32) -> Int32 {
    unsafe open(path, flags, 0o666)
}

/// The C function, which ``DescriptorOutput/write(_:)`` hides within its type.
private func systemWrite(
    _ descriptor: Int32, _ buffer: UnsafePointer<UInt8>, _ count: Int
) -> Int {
    unsafe write(descriptor, buffer, count)
}
