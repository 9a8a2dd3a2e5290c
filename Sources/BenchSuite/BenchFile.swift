package import Strata
internal import Threads

/// A file that is read without Strata.
package struct BenchFile: ~Copyable {
    private let path: String
    private let descriptor: CInt

    /// - Parameter direct: reads past the kernel's cache, if the system supports it.
    init(_ path: String, direct: Bool = false) throws(BenchFailure) {
        self.path = path
        var flags = O_RDONLY | O_CLOEXEC
        #if os(Linux)
            /// `O_DIRECT`, which headers show only to GNU sources.
            #if arch(arm64)
                let directFlag: CInt = 0o200000
            #else
                let directFlag: CInt = 0o40000
            #endif
            if direct { flags |= directFlag }
        #endif
        descriptor = unsafe open(path, flags)
        if descriptor < 0 {
            throw .storage(
                StorageError(
                    .inputOutput, "cannot open \"\(path)\"",
                    remedy: direct ? "Choose a --directory on a disk that allows direct IO." : nil,
                    errorNumber: errno))
        }
    }

    /// The descriptor, open as long as this value exists.
    var number: CInt { descriptor }

    func failure(at offset: Int, _ errorNumber: CInt) -> BenchFailure {
        .storage(
            StorageError(
                .inputOutput, "cannot read \"\(path)\" at byte \(offset)",
                errorNumber: errorNumber))
    }

    deinit { close(descriptor) }

    /// The size of the file in bytes.
    var byteCount: Int {
        get throws(BenchFailure) {
            let end = lseek(descriptor, 0, SEEK_END)
            if end < 0 { throw failure(at: 0, errno) }
            return Int(end)
        }
    }

    /// Reads that many bytes, which the file must have.
    ///
    /// Unsafe: `target` must have room for them.
    @unsafe
    func read(
        into target: UnsafeMutableRawPointer, from offset: Int, count: Int
    ) throws(BenchFailure) {
        var done = 0
        while done < count {
            let result = unsafe pread(
                descriptor, target + done, count - done, off_t(offset + done))
            if result < 0 && errno == EINTR { continue }
            guard result > 0 else {
                throw failure(at: offset + done, result < 0 ? errno : EIO)
            }
            done += result
        }
    }

    /// Makes the kernel drop its cache of this file, which has been synced. Needs no rights except
    /// to the file. Does nothing on systems other than Linux.
    func dropFromPageCache() {
        #if os(Linux)
            _ = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        #endif
    }

    /// Makes a file with this text, or replaces its contents.
    package static func save(_ words: String, to path: String) throws(StorageError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw failedWriting(path) }
        defer { close(descriptor) }
        var rest = Array(words.utf8)[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { bytes in
                unsafe write(descriptor, bytes.baseAddress, bytes.count)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw failedWriting(path) }
            rest = rest.dropFirst(written)
        }
    }

    private static func failedWriting(_ path: String) -> StorageError {
        StorageError(
            .inputOutput, "cannot write \"\(path)\"", remedy: "Choose another --plot.",
            errorNumber: errno)
    }
}
