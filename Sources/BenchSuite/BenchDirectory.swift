internal import Strata
internal import Threads

/// A new directory for the data of one run.
package struct BenchDirectory: ~Copyable {
    /// The path of the directory.
    package let path: String

    /// Makes the directory if there is enough room.
    ///
    /// - Parameters:
    ///   - parent: the directory above; nil: the directory of temporary files.
    ///   - byteCount: the number of bytes that will be put into it.
    package init(in parent: String?, byteCount: Int) throws(BenchFailure) {
        let parent = parent ?? Self.temporary
        var system = statvfs()
        guard unsafe statvfs(parent, &system) == 0 else {
            throw Self.failure("cannot use directory \"\(parent)\"", errno)
        }
        // The block counts have other types on other platforms.
        let free = UInt64(system.f_bavail).multipliedReportingOverflow(by: UInt64(system.f_frsize))
        if !free.overflow && free.partialValue < UInt64(byteCount) {
            let room = Figures.size(Double(free.partialValue))
            throw .storage(
                StorageError(
                    .resourcesExhausted,
                    "directory \"\(parent)\" has room for \(room); the benchmark takes"
                        + " \(Figures.size(Double(byteCount)))",
                    remedy: "Choose another --directory, or a smaller --size."))
        }
        var template = Array("\(parent)/strata-bench-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe mkdtemp(buffer.baseAddress!).map { unsafe String(cString: $0) }
        }
        guard let made else {
            throw Self.failure("cannot make a directory in \"\(parent)\"", errno)
        }
        path = made
    }

    private static var temporary: String {
        guard let value = unsafe getenv("TMPDIR"), unsafe value[0] != 0 else { return "/tmp" }
        return unsafe String(cString: value)
    }

    private static func failure(_ message: String, _ number: CInt) -> BenchFailure {
        .storage(
            StorageError(
                .inputOutput, message, remedy: "Choose another --directory.", errorNumber: number))
    }

    /// Removes the directory with all in it.
    ///
    /// - Returns: whether nothing of it is left.
    package func remove() -> Bool { Self.remove(path) }

    /// Removes a file or a directory with its contents. Removes links, never follows them.
    private static func remove(_ path: String) -> Bool {
        if unsafe unlink(path) == 0 { return true }
        if let directory = unsafe opendir(path) {
            var names: [String] = []
            while let entry = unsafe readdir(directory) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { field in
                    // The kernel ends the name with a zero.
                    unsafe String(
                        cString: UnsafeRawPointer(field).assumingMemoryBound(to: CChar.self))
                }
                if name != "." && name != ".." { names.append(name) }
            }
            unsafe closedir(directory)
            for name in names where !remove("\(path)/\(name)") { return false }
        }
        return unsafe rmdir(path) == 0
    }
}
