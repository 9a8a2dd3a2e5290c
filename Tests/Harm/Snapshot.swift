import CPlatform
import Foundation

/// The contents of a directory, for comparisons: names, kinds, permissions, sizes, and a checksum
/// of the contents.
struct Snapshot: Equatable {
    struct Entry: Equatable, CustomStringConvertible {
        var mode: mode_t
        var size: Int64
        var checksum: UInt32
        var target = ""

        var description: String {
            "mode \(String(mode, radix: 8)), \(size) bytes, checksum \(checksum)\(target)"
        }
    }

    private(set) var entries: [String: Entry] = [:]

    // Not every platform imports the C library's macros.
    #if os(Linux)
        private static let (seekData, seekHole) = (CInt(3), CInt(4))
    #else
        private static let (seekData, seekHole) = (CInt(4), CInt(3))
    #endif

    /// Reads a directory and everything below it, except the lock file, which names its last
    /// holder.
    init(of root: String) { add(root, "") }

    private mutating func add(_ root: String, _ prefix: String) {
        for name in Listing.names(prefix.isEmpty ? root : "\(root)/\(prefix)") {
            let relative = prefix.isEmpty ? name : "\(prefix)/\(name)"
            if relative == "strata.lock" { continue }
            let path = StoreImage.bytes("\(root)/\(relative)")
            var status = stat()
            guard lstat(path, &status) == 0 else { continue }
            var entry = Entry(mode: status.st_mode, size: Int64(status.st_size), checksum: 0)
            switch status.st_mode & S_IFMT {
            case S_IFREG: entry.checksum = Self.checksum(path)
            case S_IFLNK: entry.target = Self.target(path)
            case S_IFDIR:
                entry.size = 0
                add(root, relative)
            default: entry.size = 0
            }
            entries[relative] = entry
        }
    }

    private static func target(_ path: [CChar]) -> String {
        var buffer = [CChar](repeating: 0, count: 1024)
        let count = readlink(path, &buffer, buffer.count - 1)
        return " -> "
            + String(decoding: buffer.prefix(max(0, count)).map(UInt8.init), as: UTF8.self)
    }

    /// A checksum of where a file has data, and of the data.
    private static func checksum(_ path: [CChar]) -> UInt32 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return 0 }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var sum: UInt32 = 0
        var offset: off_t = 0
        while true {
            let data = lseek(descriptor, offset, Self.seekData)
            if data < 0 { return sum }
            let end = lseek(descriptor, data, Self.seekHole)
            offset = data
            while offset < end {
                let count = pread(
                    descriptor, &buffer, min(buffer.count, Int(end - offset)), offset)
                if count <= 0 { return sum }
                // A hole and zeroes are the same content.
                if !Self.isZero(buffer, count) {
                    var place = offset
                    sum = strata_crc32c(sum, &place, 8)
                    sum = strata_crc32c(sum, buffer, count)
                }
                offset += off_t(count)
            }
        }
    }

    private static func isZero(_ bytes: [UInt8], _ count: Int) -> Bool {
        bytes.withUnsafeBytes { bytes in
            let first = bytes.baseAddress!
            return bytes[0] == 0 && memcmp(first, first + 1, count - 1) == 0
        }
    }

    /// How `later` differs from this, with a few names at most; nil if it does not.
    func difference(to later: Snapshot) -> String? {
        if entries == later.entries { return nil }
        var parts: [String] = []
        for name in Set(entries.keys).union(later.entries.keys).sorted() {
            switch (entries[name], later.entries[name]) {
            case (let old?, let new?) where old != new: parts.append("\(name): \(old) → \(new)")
            case (.some, nil): parts.append("\(name) was removed")
            case (nil, let new?): parts.append("\(name) was made: \(new)")
            default: break
            }
        }
        return parts.prefix(4).joined(separator: "; ")
    }
}
