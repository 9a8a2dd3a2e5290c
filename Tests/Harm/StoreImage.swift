import Foundation

/// A file of a store in memory: bytes, then a hole, then further bytes.
struct FileImage: Hashable {
    var bytes: [UInt8]
    /// How many bytes of hole follow.
    var hole: Int64 = 0
    /// The bytes after the hole.
    var tail: [UInt8] = []
    var mode: mode_t = 0o600

    var size: Int64 { Int64(bytes.count) + hole + Int64(tail.count) }
}

/// What a name refers to.
enum EntryImage: Hashable {
    case file(FileImage)
    case directory(mode: mode_t)
    case link(to: String)
    case fifo
}

/// A directory with all its contents in memory. Trials damage it before it is written out.
///
/// Names are relative to the directory. U+FFFD in a name means the byte 0xFF, which never occurs in
/// UTF-8.
struct StoreImage {
    var entries: [String: EntryImage] = [:]

    init() {}

    /// Reads a directory of plain files and directories.
    init(reading root: String) throws {
        for name in try FileManager.default.subpathsOfDirectory(atPath: root) {
            var status = stat()
            guard lstat("\(root)/\(name)", &status) == 0 else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                entries[name] = .directory(mode: status.st_mode & 0o7777)
            } else if let data = FileManager.default.contents(atPath: "\(root)/\(name)") {
                entries[name] = .file(
                    FileImage(bytes: [UInt8](data), mode: status.st_mode & 0o7777))
            }
        }
    }

    /// The plain files' names, in order.
    var files: [String] {
        entries.compactMap { name, entry in
            if case .file = entry { name } else { nil }
        }.sorted()
    }

    func file(_ name: String) -> FileImage? {
        if case .file(let file) = entries[name] { file } else { nil }
    }

    /// Changes the bytes of a plain file.
    mutating func edit(_ name: String, _ body: (inout [UInt8]) -> Void) {
        guard var file = file(name) else { return }
        body(&file.bytes)
        entries[name] = .file(file)
    }

    /// Makes the directory, which must not exist.
    func write(to root: String) throws(HarmError) {
        guard mkdir(root, 0o755) == 0 else { throw HarmError("mkdir \(root): errno \(errno)") }
        // Parents come before their contents.
        for name in entries.keys.sorted() { try Self.write(entries[name]!, at: "\(root)/\(name)") }
        for (name, entry) in entries {
            if case .directory(let mode) = entry { chmod(Self.bytes("\(root)/\(name)"), mode) }
        }
    }

    /// Replaces whatever is at a path by an entry.
    static func replace(_ path: String, by entry: EntryImage) throws(HarmError) {
        remove(path)
        try write(entry, at: path)
    }

    private static func write(_ entry: EntryImage, at path: String) throws(HarmError) {
        let name = bytes(path)
        switch entry {
        case .directory: if mkdir(name, 0o755) != 0 { throw HarmError("mkdir \(path): \(errno)") }
        case .link(let target): if symlink(target, name) != 0 { throw HarmError("link \(path)") }
        case .fifo: if mkfifo(name, 0o600) != 0 { throw HarmError("mkfifo \(path): \(errno)") }
        case .file(let file):
            let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw HarmError("open \(path): errno \(errno)") }
            defer { close(descriptor) }
            let isWritten =
                pwriteAll(descriptor, file.bytes, 0)
                && ftruncate(descriptor, off_t(file.size)) == 0
                && pwriteAll(descriptor, file.tail, Int64(file.bytes.count) + file.hole)
                && fchmod(descriptor, file.mode) == 0
            if !isWritten { throw HarmError("writing \(path): errno \(errno)") }
        }
    }

    private static func pwriteAll(_ descriptor: CInt, _ bytes: [UInt8], _ offset: Int64) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(
                    descriptor, $0.baseAddress! + done, $0.count - done,
                    off_t(offset) + off_t(done))
            }
            if count <= 0 { return false }
            done += count
        }
        return true
    }

    /// A path as the system takes it.
    static func bytes(_ path: String) -> [CChar] {
        var bytes: [CChar] = []
        for character in path.unicodeScalars {
            if character == "\u{FFFD}" {
                bytes.append(-1)
            } else {
                bytes += String(character).utf8.map { CChar(bitPattern: $0) }
            }
        }
        return bytes + [0]
    }

    /// Removes a file, or a directory with all its contents. Does not follow links.
    static func remove(_ path: String) {
        let name = bytes(path)
        if unlink(name) == 0 || errno == ENOENT { return }
        chmod(name, 0o700)
        for entry in Listing.names(path) { remove("\(path)/\(entry)") }
        rmdir(name)
    }
}

/// The harness itself cannot continue.
struct HarmError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The names in directories.
enum Listing {
    /// Names in a directory without `.` and `..`, unordered. A byte that is not UTF-8 becomes
    /// U+FFFD.
    static func names(_ path: String) -> [String] {
        guard let directory = opendir(StoreImage.bytes(path)) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { field in
                field.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
