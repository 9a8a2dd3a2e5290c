internal import Threads

/// A new directory for a test, removed with its contents when this object is destroyed.
///
/// Keep the object in a suite's property, or use ``with(_:)``: code that only uses ``path`` does
/// not keep the directory alive. Safe to use from any thread.
public final class TemporaryDirectory: Sendable {
    /// The absolute path, without a trailing slash.
    public let path: String

    /// Makes a directory below `$TMPDIR`, or below `/tmp` if that is not set.
    public init() {
        var base = "/tmp"
        if let value = unsafe getenv("TMPDIR"), unsafe value[0] != 0 {
            base = unsafe String(cString: value)
        }
        var template = Array("\(base)/strata-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe mkdtemp(buffer.baseAddress!).map { unsafe String(cString: $0) }
        }
        guard let made else {
            preconditionFailure("cannot make a directory in \(base), errno \(errno)")
        }
        path = made
    }

    deinit { Self.remove(path) }

    /// Runs `body` with the path of a directory that is removed afterwards.
    public static func with<Result: ~Copyable, Failure>(
        _ body: (_ path: String) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let directory = TemporaryDirectory()
        return try withExtendedLifetime(directory) { () throws(Failure) in
            try body(directory.path)
        }
    }

    /// Removes a file, or a directory with its contents. Removes links, never follows them.
    private static func remove(_ path: String) {
        if unsafe unlink(path) == 0 || errno == ENOENT { return }
        unsafe chmod(path, 0o700)
        if let directory = unsafe opendir(path) {
            var names: [String] = []
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                    unsafe field.withMemoryRebound(to: CChar.self, capacity: 256) {
                        unsafe String(cString: $0)
                    }
                }
                if name != "." && name != ".." { names.append(name) }
            }
            unsafe closedir(directory)
            for name in names { remove("\(path)/\(name)") }
        }
        unsafe rmdir(path)
    }
}
