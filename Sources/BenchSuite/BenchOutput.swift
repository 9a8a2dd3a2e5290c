internal import Strata
internal import Threads

/// A file that is overwritten in place without Strata.
struct BenchOutput: ~Copyable {
    private let path: String
    private let descriptor: CInt

    /// - Parameter creating: whether to create the file, or empty it.
    init(_ path: String, creating: Bool = false) throws(BenchFailure) {
        self.path = path
        let flags = O_RDWR | O_CLOEXEC | (creating ? O_CREAT | O_TRUNC : 0)
        descriptor = unsafe open(path, flags, 0o644)
        if descriptor < 0 { throw Self.failure("cannot open \"\(path)\"", errno) }
    }

    deinit { close(descriptor) }

    /// Writes that many bytes where the file has some already.
    ///
    /// Unsafe: `source` must have them.
    @unsafe
    func write(_ source: UnsafeRawPointer, at offset: Int, count: Int) throws(BenchFailure) {
        var done = 0
        while done < count {
            let result = unsafe pwrite(
                descriptor, source + done, count - done, off_t(offset + done))
            if result < 0 && errno == EINTR { continue }
            guard result > 0 else {
                throw Self.failure(
                    "cannot write \"\(path)\" at byte \(offset + done)",
                    result < 0 ? errno : EIO)
            }
            done += result
        }
    }

    /// Asks the kernel, if it can, to begin writing bytes to the disk, so that a later sync finds
    /// little to do.
    func startWriteback(at offset: Int, count: Int) {
        // Advice only; the sync reports what cannot be written.
        _ = KernelFileSystem().startWriteback(
            descriptor, at: Int64(offset), count: Int64(count))
    }

    /// Makes the file durable.
    func sync() throws(BenchFailure) {
        guard fsync(descriptor) == 0 else { throw Self.failure("cannot sync \"\(path)\"", errno) }
    }

    private static func failure(_ message: String, _ number: CInt) -> BenchFailure {
        .storage(StorageError(.inputOutput, message, errorNumber: number))
    }
}
