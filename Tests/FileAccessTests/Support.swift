import AsyncIO
import FileAccess

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A directory of its own, removed with everything in it at the end.
final class ScratchDirectory {
    let path: String

    init() {
        var template = Array("/tmp/strata-files-XXXXXX".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer {
            unsafe String(cString: mkdtemp($0.baseAddress!))
        }
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        _ = unsafe chmod(path, 0o700)
        if let stream = unsafe opendir(path) {
            var names: [String] = []
            while let entry = unsafe readdir(stream) {
                names.append(
                    unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 1) {
                            unsafe String(cString: $0)
                        }
                    })
            }
            unsafe closedir(stream)
            for name in names where name != "." && name != ".." { remove(path + "/" + name) }
            _ = unsafe rmdir(path)
        } else {
            _ = unsafe unlink(path)
        }
    }
}

extension VirtualFile {
    /// Writes a string's bytes and checks that all were taken.
    func writeText(_ text: String, at offset: Int64 = 0) throws(StorageError) {
        let bytes = Array(text.utf8)
        let count = try unsafe write(bytes.span.bytes, at: offset)
        precondition(count == bytes.count)
    }

    /// Reads at most `count` bytes as text.
    func readText(_ count: Int, at offset: Int64 = 0) throws(StorageError) -> String {
        var bytes = [UInt8](repeating: 0, count: count)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let done = try read(into: &raw, at: offset)
        return String(decoding: bytes[..<done], as: UTF8.self)
    }
}
